/**
 * Ending jobs that have waited too long for their first lease. A key in `ttl` says when; it may outlive its job, or belong to an
 * earlier one of the same id: then it is dropped.
 */
import { PAGE_KEYS } from '../core/bounds.ts'
import { nameOf } from '../core/evaluate.ts'
import { throughTime, timeOf } from '../core/keys.ts'
import { type Departure, endWithoutLease, expiry, hasExpired } from '../core/lifecycle.ts'
import { handedBack } from '../core/owned.ts'
import { missedIn } from '../core/places.ts'
import { HoldfastError } from '../error.ts'
import type { Change, Key } from '../store.ts'
import { hasArrived } from './bulk.ts'
import { type Block, commitBlocks, following } from './commit.ts'
import { type Depth, type Seen, planDeparture, planMove, recordAfter } from './depart.ts'
import { type Ledger, readHead } from './ledger.ts'
import { placeOf } from './locate.ts'
import { NO_MATERIAL, needsMaterial, readMaterial } from './material.ts'

/** A job that expired. */
export interface Expired {
  readonly seen: Seen
  readonly departure: Departure
  readonly depth?: Depth | undefined
}

/** Jobs of a step: each may become a dead letter of half a megabyte. */
const STEP_JOBS = PAGE_KEYS / 4

/** When the next job expires, ms since the epoch. */
export async function nextExpired({ store, lanes }: Ledger): Promise<number | undefined> {
  const [[first] = []] = await store.scan([{ lane: lanes.ttl, limit: 1 }])
  return first === undefined ? undefined : timeOf(first)
}

/**
 * Ends jobs whose time is over, a bounded number; `more` where there may be others. Those that have ended are in `expired`, also where it
 * rejects because the store failed at others.
 */
export async function expireStep(
  ledger: Ledger,
  expired: Expired[] = [],
): Promise<{ readonly expired: readonly Expired[]; readonly more: boolean }> {
  const { store, lanes } = ledger
  const until = throughTime(store.now() - store.skewMs)
  const [keys = []] = await store.scan([{ lane: lanes.ttl, until, limit: STEP_JOBS }])
  if (keys.length === 0) return { expired, more: false }
  const records = await store.read(keys.map(nameOf))
  const plans: { readonly block: Block; readonly expired?: Expired }[] = []
  for (const [at, key] of keys.entries()) {
    const plan = await planExpiry(ledger, [lanes.ttl, key], records[at])
    if (plan !== undefined) plans.push(plan)
  }
  const answers = await commitBlocks(
    store,
    plans.map(({ block }) => block),
  )
  for (const [at, answer] of answers.entries()) {
    const one = plans[at]!.expired
    if (one === undefined || answer instanceof HoldfastError || answer[0] === false) continue
    expired.push(answer[1] === false ? { ...one, depth: undefined } : one)
  }
  for (const answer of answers) if (answer instanceof HoldfastError) throw answer
  return { expired, more: keys.length === STEP_JOBS && plans.length > 0 }
}

/** `undefined` for a job of a bulk that is not stored yet: it is looked at again. */
async function planExpiry(
  ledger: Ledger,
  key: Key,
  raw: string | undefined,
): Promise<{ readonly block: Block; readonly expired?: Expired } | undefined> {
  const drop: Block = [{ remove: [key] }]
  const name = nameOf(key[1])
  const { head } = readHead(raw)
  const now = ledger.store.now()
  if (raw === undefined || head === undefined || head.expiresAt !== timeOf(key[1])) return { block: drop }
  if (head.finishedOn !== undefined || !hasExpired(head, now)) return { block: drop }
  if (!(await hasArrived(ledger, name, head))) return undefined
  const from = await placeOf(ledger, name, head)
  // On lease it has begun; should its worker have no room for it, the next one that claims it sees how late it is.
  if (from === undefined || from[0] === ledger.lanes.lease) return { block: drop }
  const seen = { name, raw, head }
  const departure = endWithoutLease(head, 'EXPIRED', expiry(head).message, now)
  const end = { name, before: head, departure }
  const [material = NO_MATERIAL] = needsMaterial(end) ? await readMaterial(ledger, [end]) : []
  const hint = missedIn(ledger.lanes, from)
  const { changes, depth } =
    departure.lane === 'moved'
      ? planMove(ledger, seen, from, departure.head, material, undefined, hint)
      : {
          changes: [
            planDeparture(ledger, seen, from, departure, recordAfter(departure), [], { hint }),
          ] as const,
          depth: undefined,
        }
  const [own, ...rest] = changes
  const ended: Change = { ...own, remove: [...(own.remove ?? []), key] }
  const back = handedBack(ledger.lanes, name, head, 'ended').map((change) => following(change, 0))
  return { block: [ended, ...rest, ...back], expired: { seen, departure, depth } }
}
