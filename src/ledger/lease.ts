/**
 * Keeping leases and ending those whose holder is gone. A claim has one entry that says when its leases expire; a
 * reaper first takes the verdict on an overdue entry, which stops its renewal, then ends each of its leases as stalled.
 */
import { PAGE_KEYS } from '../core/bounds.ts'
import { nameOf } from '../core/evaluate.ts'
import { claimOfLease, claimsKey, exactly, readClaimName, throughTime, timeOf } from '../core/keys.ts'
import { type Circumstances, type Departure, type Ending } from '../core/lifecycle.ts'
import { type ClaimPlan, type Grant, grantsOfClaim, leaseKeys, readGrants } from './claim.ts'
import { type Block, commitBlock, replan } from './commit.ts'
import type { Depth } from './depart.ts'
import type { Ledger } from './ledger.ts'
import { planSetAside } from './set-aside.ts'
import { planSettleReading } from './settle.ts'
import { recallTurns } from './turns.ts'

/** A lease that ended as stalled, and what became of its job; `departure` is absent where its head could not be read. */
export interface Stalled {
  readonly grant: Grant
  readonly departure?: Departure
  /** With it a queue of dead letters got more than its option asks for. */
  readonly depth?: Depth | undefined
}

/** What a reaper decides with, anew for each job. */
export interface Reaper {
  readonly maxStalledCount: number
  /** Groups wait for those of their jobs that stalled. */
  readonly strict?: boolean
  /** Milliseconds that a verdict lasts: a reaper that dies is itself reaped. */
  readonly verdictMs: number
}

/** Moves a claim's entry to a later time; false when a reaper was faster. One entry per claim, so this costs the same for any number of jobs. */
export function planRenewal({ lanes }: Ledger, claim: string, until: number, later: number): Block {
  return [
    { remove: [[lanes.claims, claimsKey(until, claim)]], add: [[lanes.claims, claimsKey(later, claim)]] },
  ]
}

/** Drops the entry of a claim that has no leases left. */
export function planRetirement({ lanes }: Ledger, claim: string, until: number): Block {
  return [{ remove: [[lanes.claims, claimsKey(until, claim)]] }]
}

/** When the earliest claim or verdict expires, ms since the epoch. */
export async function nextExpiry({ store, lanes }: Ledger): Promise<number | undefined> {
  const pages = await store.scan([
    { lane: lanes.claims, limit: 1 },
    { lane: lanes.reap, limit: 1 },
  ])
  const times = pages.flat().map(timeOf)
  return times.length === 0 ? undefined : Math.min(...times)
}

/**
 * Ends the leases of every claim that is overdue by the store's clock and its error. Those that have ended are in `stalled`, also where
 * it rejects in the midst of others.
 */
export async function reapExpired(
  ledger: Ledger,
  reaper: Reaper,
  stalled: Stalled[] = [],
): Promise<Stalled[]> {
  const { store, lanes } = ledger
  const overdue = throughTime(store.now() - store.skewMs - 1)
  const pages = await store.scan([
    { lane: lanes.claims, until: overdue, limit: PAGE_KEYS },
    { lane: lanes.reap, until: overdue, limit: PAGE_KEYS },
  ])
  for (const [index, lane] of [lanes.claims, lanes.reap].entries()) {
    for (const key of pages[index] ?? []) {
      const claim = nameOf(key)
      const verdict = claimsKey(store.now() + reaper.verdictMs, claim)
      const [taken] = await commitBlock(store, [{ remove: [[lane, key]], add: [[lanes.reap, verdict]] }])
      if (taken === false) continue
      await endLeases(ledger, (holder) => holder === claim, reaper, stalled)
      await commitBlock(store, [{ remove: [[lanes.reap, verdict]] }])
    }
  }
  return stalled
}

/**
 * Ends every lease that another epoch left behind: where one process owns all leases, those of an earlier opening are
 * dead, and nobody needs to wait for them to expire. Nor does a group wait for the clock of that opening. `stalled` as above.
 */
export async function recoverEpoch(
  ledger: Ledger,
  reaper: Reaper,
  stalled: Stalled[] = [],
): Promise<Stalled[]> {
  const { store, lanes } = ledger
  if (store.epoch === undefined) return stalled
  await recallTurns(ledger)
  const dead = (claim: string): boolean => readClaimName(claim).epoch !== store.epoch
  await endLeases(ledger, dead, reaper, stalled)
  for (const lane of [lanes.claims, lanes.reap]) {
    let from: string | undefined
    for (;;) {
      const [page = []] = await store.scan([{ lane, from, limit: PAGE_KEYS }])
      if (page.length === 0) break
      from = `${page.at(-1)}!`
      const block = page.filter((key) => dead(nameOf(key))).map((key) => ({ remove: [[lane, key] as const] }))
      if (block.length > 0) await commitBlock(store, block)
    }
  }
  return stalled
}

async function endLeases(
  ledger: Ledger,
  ended: (claim: string) => boolean,
  reaper: Reaper,
  stalled: Stalled[],
): Promise<void> {
  const keys = (await leaseKeys(ledger)).filter((key) => ended(claimOfLease(key)))
  for (let at = 0; at < keys.length; at += PAGE_KEYS / 2) {
    for (const grant of await readGrants(ledger, keys.slice(at, at + PAGE_KEYS / 2))) {
      const ending = await endOne(ledger, grant, reaper)
      if (ending !== undefined) stalled.push(ending)
    }
  }
}

/** Ends one lease as stalled, planning again while its head is being edited; `undefined` when it ended otherwise. */
async function endOne(
  ledger: Ledger,
  seen: Grant,
  { maxStalledCount, strict }: Reaper,
): Promise<Stalled | undefined> {
  const { store } = ledger
  let grant: Grant | undefined = seen
  return replan<Stalled | { readonly gone: true }>(async () => {
    if (grant === undefined) return { gone: true }
    if (grant.head === undefined) {
      const [applied] = await commitBlock(store, planSetAside(ledger, grant))
      if (applied !== false) return { grant }
    } else {
      const at: Circumstances = { now: store.now(), random: store.host.random(), maxStalledCount }
      // Workers may wait for the room that this makes.
      const plan = await planSettleReading(ledger, grant, stallOf(grant), at, {
        hint: [ledger.lanes.ready],
        strict,
      })
      const [applied, passed] = await commitBlock(store, plan.changes)
      const depth = passed === false ? undefined : plan.depth
      if (applied !== false) return { grant, departure: plan.departure, depth }
    }
    grant = await readAgain(ledger, grant)
    return undefined
  }).then((end) => ('gone' in end ? undefined : end))
}

async function readAgain(ledger: Ledger, { leaseKey }: Grant): Promise<Grant | undefined> {
  const [keys = []] = await ledger.store.scan([
    { lane: ledger.lanes.lease, from: leaseKey, until: `${leaseKey}!`, limit: 1 },
  ])
  return (await readGrants(ledger, keys))[0]
}

const stallOf = ({ worker }: Grant): Ending => ({
  kind: 'stalled',
  failure: {
    message: `the job stalled: the worker ${worker} that ran it ended, or could not renew its lease in time`,
  },
})

/**
 * Grants under a claim whose answer was lost. Its entry is looked for first: a claim that comes to be only while the leases
 * are walked would be seen in part, and the leases not seen would be left without an entry. Unseen, it expires whole. Leases
 * are looked for again last: the head of one that ended meanwhile belongs to another lease, and so does its fence.
 */
export async function grantsOfLostClaim(ledger: Ledger, { claim, until }: ClaimPlan): Promise<Grant[]> {
  const { store, lanes } = ledger
  const [entry = []] = await store.scan([{ ...exactly(lanes.claims, claimsKey(until, claim)), limit: 1 }])
  if (entry.length === 0) return []
  const grants = await grantsOfClaim(ledger, claim)
  const held = new Set(await leaseKeys(ledger))
  return grants.filter((grant) => held.has(grant.leaseKey))
}
