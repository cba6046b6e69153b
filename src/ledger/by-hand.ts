/**
 * Leases that are held by hand: one job a claim, not renewed by any loop. What the holder does not end or extend in time is
 * taken from it, as from any other worker.
 */
import type { Departure, Ending } from '../core/lifecycle.ts'
import { HoldfastError } from '../error.ts'
import {
  CLAIM_RESULT,
  type Claimant,
  type Grant,
  grantsOf,
  newClaim,
  planClaim,
  planPromotion,
  readConfig,
} from './claim.ts'
import { type Block, commitBlock, commitBlocks, replan } from './commit.ts'
import { planRenewal } from './lease.ts'
import { type Ledger, describeJob } from './ledger.ts'
import { planSetAside } from './set-aside.ts'
import { joinSettles, judgeRefusal, planSettle } from './settle.ts'

/** A job on lease, in somebody's hands. */
export interface HandLease {
  readonly grant: Grant
  /** ms since the epoch. */
  until: number
  /** The head record that was sent when an answer was lost; `undefined` where none was. */
  unanswered?: { readonly raw: string | undefined } | undefined
}

/** Whoever holds leases by hand. */
export interface Holder extends Claimant {
  readonly maxStalledCount: number
  /** A number that it never gave before. */
  readonly next: () => number
}

/** The next job of the queue; `undefined` where there is none, or the queue is paused. */
export async function claimByHand(ledger: Ledger, holder: Holder): Promise<HandLease | undefined> {
  for (const suspect of [false, true]) {
    for (;;) {
      const claimed = await claimOne(ledger, holder, suspect)
      if (claimed === undefined) break
      if (claimed.grant.head !== undefined) return claimed
      await commitBlock(ledger.store, planSetAside(ledger, claimed.grant))
    }
  }
  return undefined
}

async function claimOne(ledger: Ledger, holder: Holder, suspect: boolean): Promise<HandLease | undefined> {
  const { store, lanes } = ledger
  const unpark: Block = [
    { move: { from: { lane: lanes.parked, limit: 1 }, to: [{ lane: lanes.ready, drop: 1 }] } },
  ]
  return replan<{ lease: HandLease | undefined }>(async () => {
    const seen = await readConfig(ledger)
    if (seen.config.paused === true) return { lease: undefined }
    const plan = newClaim(ledger, holder, holder.next(), 1, suspect)
    const before = suspect ? [] : [planPromotion(ledger), unpark]
    const answers = await commitBlocks(store, [...before, planClaim(ledger, seen, plan)])
    const claimed = answers.at(-1)!
    for (const answer of answers) if (answer instanceof HoldfastError) throw answer
    if (claimed instanceof HoldfastError || claimed[0] === false) return undefined
    const [grant] = grantsOf(plan, claimed[CLAIM_RESULT]!)
    return { lease: grant && { grant, until: plan.until } }
  }).then(({ lease }) => lease)
}

/** Makes a lease last until `ms` from now. @throws HoldfastError `LOCK_LOST`. */
export async function extendByHand(ledger: Ledger, lease: HandLease, ms: number): Promise<void> {
  const until = ledger.store.now() + ms
  if (until === lease.until) return
  const { grant } = lease
  const [extended] = await commitBlock(ledger.store, planRenewal(ledger, grant.claim, lease.until, until))
  if (extended === false) throw lost(ledger, grant)
  lease.until = until
}

/** Ends a lease. @throws HoldfastError `LOCK_LOST` where somebody else ended it. */
export async function settleByHand(
  ledger: Ledger,
  lease: HandLease,
  ending: Ending,
  { maxStalledCount }: Holder,
): Promise<Departure> {
  const { grant } = lease
  const { store } = ledger
  return replan(async () => {
    const at = { now: store.now(), random: store.host.random(), maxStalledCount }
    const plan = planSettle(ledger, grant, ending, at)
    const entry = { claim: grant.claim, until: lease.until }
    const [applied] = await commitBlock(store, joinSettles(ledger, [plan.changes], entry)).catch(
      (error: unknown) => {
        if (error instanceof HoldfastError && error.outcome === 'unknown')
          lease.unanswered = { raw: plan.raw }
        throw error
      },
    )
    if (applied !== false) return plan.departure
    const intended = lease.unanswered === undefined ? plan.raw : lease.unanswered.raw
    const verdict = await judgeRefusal(ledger, grant, intended, lease.unanswered !== undefined)
    if (verdict === 'lost') throw lost(ledger, grant)
    lease.unanswered = undefined
    return verdict === 'applied' ? plan.departure : undefined
  })
}

const lost = (ledger: Ledger, { name }: Grant): HoldfastError =>
  new HoldfastError(
    'LOCK_LOST',
    `the lease on job ${describeJob(ledger, name)} is lost: it ended, or was not extended in time`,
  )
