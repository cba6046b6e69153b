/**
 * Leases that are held by hand: one job a claim, not renewed by any loop. What the holder does not end or extend in time is
 * taken from it, as from any other worker.
 */
import { type RateLimit, isLimited, limitsOf } from '../core/limits.ts'
import type { Departure, Ending } from '../core/lifecycle.ts'
import { HoldfastError } from '../error.ts'
import type { Change } from '../store.ts'
import {
  type Claimant,
  type Grant,
  grantsOf,
  newClaim,
  planClaim,
  planPromotion,
  readConfig,
} from './claim.ts'
import { type Block, commitBlock, commitBlocks, replan } from './commit.ts'
import { planRenewal, planRetirement } from './lease.ts'
import { type Ledger, describeJob } from './ledger.ts'
import { planSetAside } from './set-aside.ts'
import { knowWindows } from './settings.ts'
import { joinSettles, judgeRefusal, planSettleReading } from './settle.ts'

/** Extensions without an answer that are remembered; of more, the newest. */
const UNANSWERED_MOST = 20

/** A job on lease, in somebody's hands. */
export interface HandLease {
  readonly grant: Grant
  /** ms since the epoch. */
  until: number
  /** Where it may have been extended to as well, as answers were lost. */
  perhaps: readonly number[]
  /** Workers may wait for the room that its end makes. */
  readonly told: boolean
  /** The head record that was sent when an answer was lost; `undefined` where none was. */
  unanswered?: { readonly raw: string | undefined } | undefined
}

/** Whoever holds leases by hand. */
export interface Holder extends Claimant {
  readonly maxStalledCount: number
  /** Its bound on starts of the queue. */
  readonly limiter: RateLimit | undefined
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
    const { paused = false, heldUntil = 0 } = seen.config
    if (paused || store.now() - store.skewMs < heldUntil) return { lease: undefined }
    const limits = limitsOf(seen.config, holder.limiter)
    if (await knowWindows(ledger, seen.config, limits.windows)) return undefined
    const plan = { ...newClaim(ledger, holder, holder.next(), 1, suspect), limits }
    const before = suspect ? [] : [planPromotion(ledger), unpark]
    const answers = await commitBlocks(store, [...before, planClaim(ledger, seen, plan)])
    const claimed = answers.at(-1)!
    for (const answer of answers) if (answer instanceof HoldfastError) throw answer
    if (claimed instanceof HoldfastError || claimed[0] === false) return undefined
    const [grant] = grantsOf(plan, claimed.at(-1)!)
    return { lease: grant && { grant, until: plan.until, perhaps: [], told: isLimited(limits) } }
  }).then(({ lease }) => lease)
}

/** Makes a lease last until `ms` from now. @throws HoldfastError `LOCK_LOST`. */
export async function extendByHand(ledger: Ledger, lease: HandLease, ms: number): Promise<void> {
  const until = ledger.store.now() + ms
  const { grant, perhaps } = lease
  // The claim has one entry: of these candidates at most one applies.
  const candidates = [lease.until, ...perhaps].flatMap((was) => planRenewal(ledger, grant.claim, was, until))
  const results = await commitBlock(ledger.store, candidates).catch((error: unknown) => {
    if (error instanceof HoldfastError && error.outcome === 'unknown')
      lease.perhaps = [...new Set([...perhaps, until])].slice(-UNANSWERED_MOST)
    throw error
  })
  if (results.every((result) => result === false)) throw lost(ledger, grant)
  lease.until = until
  lease.perhaps = []
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
    const hint = lease.told ? [ledger.lanes.ready] : undefined
    const plan = await planSettleReading(ledger, grant, ending, at, hint)
    const entries = lease.perhaps.map(
      (until): Change => ({ after: 0, ...planRetirement(ledger, grant.claim, until)[0] }),
    )
    const entry = { claim: grant.claim, until: lease.until }
    const block = [...joinSettles(ledger, [plan.changes], entry), ...entries]
    const [applied] = await commitBlock(store, block).catch((error: unknown) => {
      if (error instanceof HoldfastError && error.outcome === 'unknown') lease.unanswered = { raw: plan.raw }
      throw error
    })
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
