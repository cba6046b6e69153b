/**
 * Leases that are held by hand: one job a claim, not renewed by any loop. What the holder does not end or extend in time is
 * taken from it, as from any other worker.
 */
import { PAGE_KEYS } from '../core/bounds.ts'
import type { GroupLimits } from '../core/group.ts'
import { NO_LIMITS, type RateLimit, isLimited, limitsOf, windowsOf } from '../core/limits.ts'
import type { Departure, Ending } from '../core/lifecycle.ts'
import { HoldfastError } from '../error.ts'
import type { Change } from '../store.ts'
import {
  type ClaimPlan,
  type Claimant,
  type Grant,
  type SeenConfig,
  grantsOf,
  newClaim,
  planClaim,
  planPromotion,
  readConfig,
} from './claim.ts'
import { bringToGroups } from './arrive.ts'
import { type Block, commitBlock, commitCycle, replan } from './commit.ts'
import { planRenewal, planRetirement } from './lease.ts'
import { type Ledger, describeJob } from './ledger.ts'
import { planSetAside } from './set-aside.ts'
import { knowWindows } from './settings.ts'
import { joinSettles, judgeRefusal, planSettleReading } from './settle.ts'
import { postpone } from './postpone.ts'
import {
  type Visit,
  isStill,
  planAwake,
  planRotation,
  planStill,
  planVisit,
  readVisit,
  visitsOf,
} from './turns.ts'

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
  /** What it says of every group. */
  readonly group: GroupLimits
  /** A number that it never gave before. */
  readonly next: () => number
}

/** The next job of the queue, those of groups last; `undefined` where there is none, or the queue is paused. */
export async function claimByHand(ledger: Ledger, holder: Holder): Promise<HandLease | undefined> {
  const ways = [
    () => claimOne(ledger, holder, false),
    () => claimOne(ledger, holder, true),
    () => claimGrouped(ledger, holder),
  ]
  for (const claim of ways) {
    for (;;) {
      const claimed = await claim()
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
    const plan = await planByHand(ledger, holder, seen, suspect)
    if (plan === 'again') return undefined
    if (plan === undefined) return { lease: undefined }
    const before = suspect ? [] : [planPromotion(ledger), unpark]
    const answers = await commitCycle(store, [...before, planClaim(ledger, seen, plan)])
    const claimed = answers.at(-1)!
    for (const answer of answers) if (answer instanceof HoldfastError) throw answer
    if (claimed instanceof HoldfastError || claimed[0] === false) return undefined
    const [grant] = grantsOf(plan, claimed.at(-1)!)
    return { lease: grant && leaseOf(plan, grant) }
  }).then(({ lease }) => lease)
}

const leaseOf = ({ until, limits = NO_LIMITS }: ClaimPlan, grant: Grant): HandLease => ({
  grant,
  until,
  perhaps: [],
  told: isLimited(limits),
})

/** A claim under the settings that were seen; `undefined` where they allow none, `again` where they had to be changed first. */
async function planByHand(
  ledger: Ledger,
  holder: Holder,
  { config }: SeenConfig,
  suspect: boolean,
): Promise<ClaimPlan | undefined | 'again'> {
  const { store } = ledger
  const { paused = false, heldUntil = 0 } = config
  if (paused || store.now() - store.skewMs < heldUntil) return undefined
  const limits = limitsOf(config, holder.limiter)
  if (await knowWindows(ledger, config, limits.windows)) return 'again'
  if (await knowWindows(ledger, config, windowsOf([holder.group.limit]), true)) return 'again'
  return newClaim(ledger, holder, holder.next(), { limit: 1, suspect, limits })
}

/** Of the group whose turn it is; groups that have nothing to give are passed on, a bounded number of them. */
async function claimGrouped(ledger: Ledger, holder: Holder): Promise<HandLease | undefined> {
  const { store, lanes } = ledger
  await bringToGroups(ledger)
  const [pointers = 0] = await store.count([{ lane: lanes.turn }])
  for (let tries = Math.min(pointers, PAGE_KEYS); tries > 0; tries--) {
    const seen = await readConfig(ledger)
    const plan = await planByHand(ledger, holder, seen, false)
    if (plan === undefined) return undefined
    if (plan === 'again') continue
    const { block, place } = planRotation(ledger, holder.next(), 1)
    const [moved] = await commitBlock(store, block)
    const [awake] = planAwake(ledger, moved!, place)
    if (awake !== undefined) {
      await commitBlock(store, awake)
      tries++
      continue
    }
    const [visit] = visitsOf(moved!, place, holder.group)
    if (visit === undefined) return undefined
    if (isStill(ledger, visit)) await commitBlock(store, planStill(ledger, visit))
    else {
      const { lease, left } = await visitByHand(ledger, seen, plan, visit)
      if (lease !== undefined) return lease
      const { alone } = left ? NOBODY : await postpone(ledger, [visit], holder.maxStalledCount)
      if (alone === undefined) continue
      const own = { ...plan, suspect: true, penned: alone.penned }
      const { lease: lone } = await visitByHand(ledger, seen, own, visit)
      if (lone !== undefined) return lone
    }
  }
  return undefined
}

const NOBODY = { alone: undefined }

async function visitByHand(
  ledger: Ledger,
  seen: SeenConfig,
  plan: ClaimPlan,
  visit: Visit,
): Promise<{ readonly lease: HandLease | undefined; readonly left: boolean }> {
  const answer = await commitBlock(ledger.store, planVisit(ledger, seen, plan, visit))
  const { claimed, left } = readVisit(answer, visit)
  const [grant] = grantsOf(plan, claimed)
  return { lease: grant && leaseOf(plan, grant), left }
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
  holder: Holder,
): Promise<Departure> {
  const { maxStalledCount } = holder
  const { grant } = lease
  const { store } = ledger
  return replan(async () => {
    const at = { now: store.now(), random: store.host.random(), maxStalledCount }
    const hint = lease.told ? [ledger.lanes.ready] : undefined
    const manner = { hint, strict: holder.group.strict }
    const plan = await planSettleReading(ledger, grant, ending, at, manner)
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
