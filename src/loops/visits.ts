/** Visiting the groups whose turn it is: what each visit may take, and what becomes of the groups. */
import { type ClaimPlan, type Grant } from '../ledger/claim.ts'
import type { Block } from '../ledger/commit.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { type Lone, postpone } from '../ledger/postpone.ts'
import { type Visit, isStill, planAwake, planStill, readVisit } from '../ledger/turns.ts'
import type { Result } from '../store.ts'
import { type Claiming, throwRejected } from './claiming.ts'
import type { Rotation } from './turns.ts'
import { slotsOf } from './vacancy.ts'

/** Visits the groups whose pointers a rotation moved. */
export async function visitGroups(claiming: Claiming, rotation: Rotation, moved: Result): Promise<void> {
  const { options, intake, turns, suspects, limiter } = claiming
  const { hints } = claiming
  const visiting = planVisits(claiming, rotation, moved)
  const { plans, aside, count } = visiting
  const answers = await claiming.commit([...claiming.blocksOf(plans), ...aside], slotsOf(plans))
  claiming.vacancy.release(slotsOf(plans))
  const grants = plans.map((plan, at) =>
    intake.grantsIn(plan, answers[at]!, (results) => readVisit(results, plan.visit!).claimed),
  )
  // Together, as a batch has jobs of many groups.
  options.start(plans.flatMap((plan, at) => intake.hold(plan, grants[at]!)))
  throwRejected(answers)
  const { left, held, beaten, alone } = await concludeVisits(
    options.ledger,
    visiting,
    answers,
    grants,
    options.maxStalledCount,
  )
  suspects.found(alone)
  const isNone = grants.every(({ length }) => length === 0)
  const refused = left && !held && limiter.isLimited && isNone
  if (refused) await limiter.look()
  // A hint that came since the visits were planned may speak of room that they missed.
  const waits = refused && hints === claiming.hints
  turns.visited({ left, isAll: count < rotation.limit, waits })
  if (beaten && isNone) turns.rest()
}

interface Visiting {
  /** One claim for each group that may have some of the slots. */
  readonly plans: readonly ClaimPlan[]
  /** What takes groups out of the way that may not run now, and brings others back into line. */
  readonly aside: readonly Block[]
  /** Groups that it takes out of the way. */
  readonly gone: number
  /** Groups whose turn it was. */
  readonly count: number
}

function planVisits(claiming: Claiming, rotation: Rotation, moved: Result): Visiting {
  const { options, vacancy, turns } = claiming
  const { ledger } = options
  const visits = turns.visits(rotation, moved)
  const still = visits.filter((visit) => isStill(ledger, visit))
  const live = visits.filter((visit) => !still.includes(visit))
  const awake = planAwake(ledger, moved, rotation.place)
  const slots = claiming.isStill ? 0 : vacancy.wholeOf(vacancy.free)
  const shares = turns.share(live, rotation, visits.length, slots)
  return {
    plans: shares.map(({ visit, limit }) => claiming.planOne({ limit, visit })),
    aside: [...still.map((visit) => planStill(ledger, visit)), ...awake],
    gone: still.length,
    count: visits.length + awake.length,
  }
}

/** What visits came to for those that come next. */
interface Concluded {
  /** Some group has its turn again at once. */
  readonly left: boolean
  /**
   * Some group was held up by itself, or none was tried, for a suspect's sake or as the settings changed: whatever the limits of the
   * queue, the next visit may get what this one did not.
   */
  readonly held: boolean
  /** Somebody else visits the same groups. */
  readonly beaten: boolean
  /** One of the jobs is to be run alone, and may be now. */
  readonly alone: Lone | undefined
}

const NOTHING_SHORT = { stay: new Set<string>(), ends: false, beaten: false, alone: undefined }

/** Has those wait that gave less than they were asked for. */
async function concludeVisits(
  ledger: Ledger,
  { plans, aside, gone: still, count }: Visiting,
  answers: readonly (readonly Result[])[],
  grants: readonly (readonly Grant[])[],
  maxStalledCount: number,
): Promise<Concluded> {
  let gone = still
  // Those that came back into line are visited next.
  let held = plans.length === 0 || aside.length > still
  const short: Visit[] = []
  for (const [at, { limit, visit }] of plans.entries()) {
    const visited = readVisit(answers[at]!, visit!)
    if (visited.held) held = true
    if (visited.left) gone++
    else if (grants[at]!.length < limit) short.push(visit!)
  }
  const { stay, ends, beaten, alone } =
    short.length === 0 ? NOTHING_SHORT : await postpone(ledger, short, maxStalledCount)
  const stirred = answers.slice(plans.length).some(([applied]) => applied === false)
  const left = count - gone - short.length + stay.size > 0
  return { left, held: held || ends, beaten: beaten || stirred, alone }
}
