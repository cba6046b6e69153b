/**
 * What a worker claims: for its free slots, when there may be jobs, as the settings and limits of the queue allow. What it plans
 * becomes a part of a work cycle; what the store answers becomes grants, or a reason to wait for a hint.
 */
import { isPatient } from '../core/batch-options.ts'
import { HoldfastError } from '../error.ts'
import { type ClaimPlan, type Grant, claimMost, newClaim, planClaim } from '../ledger/claim.ts'
import { type Answer, commitCycle } from '../ledger/commit.ts'
import { isTooFew } from '../ledger/gather.ts'
import { readVisit } from '../ledger/turns.ts'
import type { Result } from '../store.ts'
import { noteArrivals, planArrivals } from './arrivals.ts'
import { DueLane } from './due.ts'
import { Gather } from './gather.ts'
import { Intake } from './intake.ts'
import { Limiter } from './limiter.ts'
import type { ClaimOptions, Round } from './round.ts'
import { Settings } from './settings.ts'
import { Suspects } from './suspects.ts'
import { type Rotation, Turns } from './turns.ts'
import { concludeVisits, planVisits } from './visits.ts'

/** Slots from which on a worker has two cycles under way. */
export const SLOTS_FOR_TWO = 64

export class Claims {
  readonly #options: ClaimOptions
  readonly #limiter: Limiter
  readonly #due: DueLane
  readonly #suspects: Suspects
  readonly #turns: Turns
  /** Where more jobs than one are waited for. */
  readonly #gather: Gather | undefined
  readonly #settings: Settings
  #counter = 0
  /** There may be jobs that are ready. */
  #hungry = true
  /** How often that was said. */
  #hints = 0
  /** Slots that claims under way may fill. */
  #reserved = 0
  #open = false
  /** Which of the two gets the odd slot. */
  #odd = false
  readonly #intake: Intake
  #unwatch: (() => void)[] = []

  constructor(options: ClaimOptions) {
    const { ledger, batch, wake, error } = options
    this.#options = options
    this.#limiter = new Limiter(ledger, options, () => this.#hint())
    this.#settings = new Settings(ledger, this.#limiter)
    this.#due = new DueLane(ledger, 'due', { due: wake, error })
    this.#suspects = new Suspects(ledger, options.maxStalledCount, { due: wake, error })
    this.#intake = new Intake(options, this.#suspects, {
      outdated: () => this.#settings.forget(),
      found: (plan, grants) => (this.#open ? this.#begin(plan, grants) : this.#intake.holdBack(plan, grants)),
    })
    this.#turns = new Turns(ledger, options.group, { due: wake, emptied: wake, error })
    this.#gather = isPatient(batch) ? new Gather(ledger, batch, () => this.#hint()) : undefined
  }

  start(): void {
    const { ledger, names, wake } = this.#options
    if (this.#open) return
    this.#open = true
    this.#settings.forget()
    names.hint() // Somebody may have said so while nobody listened.
    const ready = ledger.store.watch([ledger.lanes.ready], () => this.#hint())
    const settings = ledger.store.watch([ledger.lanes.settings], () => {
      this.#settings.changed()
      this.#hint()
    })
    const parked = ledger.store.watch([ledger.lanes.parked], () => {
      names.hint()
      wake()
    })
    this.#unwatch = [ready, settings, parked]
    this.#due.start()
    this.#suspects.start()
    this.#turns.start()
    this.#gather?.start()
    this.#hint()
  }

  stop(): void {
    this.#open = false
    for (const unwatch of this.#unwatch.splice(0)) unwatch()
    this.#limiter.stop()
    this.#due.stop()
    this.#turns.stop()
    this.#gather?.stop()
    const kept = this.#suspects.stop()
    if (kept.length > 0) this.#options.giveBack(kept)
  }

  /** Whether there may be jobs on lease that nobody knows of. */
  get isUnsure(): boolean {
    return this.#intake.isUnsure
  }

  /** Who is to hear of the end of a lease. */
  get toldOfRoom(): readonly string[] | undefined {
    return this.#settings.toldOfRoom(this.#open)
  }

  /** Whether half of the slots wait for a claim. */
  get isWorthCycle(): boolean {
    return this.#open && this.#hungry && this.#free >= this.#options.room().all / 2
  }

  /** A job's slot is free again. */
  freed(grant: Grant): void {
    this.#suspects.freed(grant)
  }

  /** A job of a group that may take its neighbours along is started once there are none: the end of each is stored. */
  perhapsAlone(): void {
    if (this.#suspects.isRunning || this.#options.room().busy + this.#reserved > 0) return
    if (this.#options.unsettled() > 0) return
    const alone = this.#suspects.takeKept()
    if (alone !== undefined) this.#options.start([alone])
  }

  /** Learns what a claim has to know. */
  async prepare(): Promise<void> {
    if (this.#open && (this.#hungry || this.#turns.isDue) && this.#settings.seen === undefined) {
      if (!(await this.#settings.read())) this.#options.wake()
    }
    if (this.#intake.isUnsure) await this.#intake.adopt()
    if (this.#gather !== undefined) await this.#lookForBatch(this.#gather)
  }

  /** Jobs that are too few are nothing to claim. */
  async #lookForBatch(gather: Gather): Promise<void> {
    if (!this.#hungry || this.#isStill || this.#suspects.isDue || this.#wholeOf(this.#free) === 0) return
    const hints = this.#hints
    if (!(await gather.look()) && hints === this.#hints) this.#hungry = false
  }

  /** `settles`: ends of leases that are sent with it. `ending`: those that another cycle has sent, and whose leases live until they are stored. */
  plan(settles: number, ending: number): Round {
    // They make room, and are judged before the claim.
    if (settles > 0 && this.#limiter.isLimited) this.#expectRoom()
    const { ledger, names } = this.#options
    const room = this.#isStill || this.#suspects.isDue ? 0 : this.#free
    const arrivals = this.#open ? planArrivals(ledger, this.#due, names, room, this.#limiter.limits) : []
    const rotation = this.#planRotation()
    const plans = this.#planClaims(arrivals.length > 0, ending, rotation?.limit ?? 0)
    const blocks = [
      ...arrivals.map(({ block }) => block),
      ...plans.map((plan) => planClaim(ledger, this.#settings.seen!, plan)),
      ...(rotation === undefined ? [] : [rotation.block]),
    ]
    this.#reserved += slotsOf(plans) + (rotation?.limit ?? 0)
    return { arrivals, plans, rotation, hints: this.#hints, blocks }
  }

  /** One answer for each block of the round. */
  async answered(round: Round, answers: readonly Answer[]): Promise<void> {
    const { arrivals, plans, rotation } = round
    this.#reserved -= slotsOf(plans) + (rotation?.limit ?? 0)
    if (noteArrivals(arrivals, answers)) this.#hungry = true
    let short = false
    for (const [at, plan] of plans.entries()) {
      if (this.#granted(plan, answers[arrivals.length + at]!, round.hints)) short = true
    }
    for (const answer of answers) if (answer instanceof HoldfastError) throw answer
    if (rotation !== undefined) await this.#visit(rotation, (answers.at(-1) as readonly Result[])[0]!)
    if (!short || !this.#limiter.isLimited) return
    await this.#limiter.look().catch((error: unknown) => {
      this.#hungry = true
      throw error
    })
  }

  /** `idle`: no job of this worker is left, nor its end on the way. Says so where the queue has nothing left either. */
  perhapsDrained(idle: boolean): void {
    if (!this.#open || this.#hungry || !this.#intake.tookSome || this.#suspects.isDue) return
    if (!idle || this.#reserved > 0 || this.#suspects.isAnyKept || !this.#turns.isOver) return
    if (this.#limiter.isHeld || this.#limiter.withholds || this.#gather?.isWaiting === true) return
    this.#intake.tookSome = false
    this.#options.drained()
  }

  /** A claim may get what the last one did not. */
  #hint(): void {
    this.#expectRoom()
    this.#hints++
    this.#options.wake()
  }

  #expectRoom(): void {
    this.#hungry = true
    // What is parked may have been left there for want of room.
    if (this.#limiter.isLimited) this.#options.names.hint()
    this.#suspects.isRefused = false
    this.#turns.hint()
  }

  /** Slots that no job has, nor a claim under way; in jobs. */
  get #free(): number {
    const { all, busy } = this.#options.room()
    return all - busy - this.#reserved
  }

  /** Those of so many jobs that fill slots. */
  #wholeOf(jobs: number): number {
    const { grain } = this.#options.room()
    return Math.floor(jobs / grain) * grain
  }

  /** Whether nothing is to be claimed, whatever there may be. */
  get #isStill(): boolean {
    const { seen } = this.#settings
    if (!this.#open || seen === undefined || seen.config.paused === true) return true
    return this.#suspects.isRunning || this.#suspects.isAnyKept || this.#limiter.isHeld
  }

  /** Where there may be other jobs too, groups get half of the slots. */
  #planRotation(): Rotation | undefined {
    if (!this.#turns.isDue || this.#isStill || this.#suspects.isDue) return undefined
    if (this.#free <= 0) return undefined
    const { grain } = this.#options.room()
    this.#odd = !this.#odd
    const slots = this.#wholeOf(this.#hungry ? (this.#free + (this.#odd ? grain : 0)) / 2 : this.#free)
    return slots > 0 ? this.#turns.rotate(slots) : undefined
  }

  /** `kept`: slots that others are to have. */
  #planClaims(arriving: boolean, ending: number, kept: number): ClaimPlan[] {
    if (this.#isStill) return []
    const { all, busy, grain } = this.#options.room()
    if (this.#suspects.isDue) {
      if (this.#suspects.isRefused) return []
      // A suspect may take its neighbours along, so it gets none: claimed once every slot is empty.
      return busy + this.#reserved + ending === 0 ? [this.#planOne(1, true)] : []
    }
    if (!this.#hungry && !arriving) return []
    const plans: ClaimPlan[] = []
    const share = all < SLOTS_FOR_TWO ? all : Math.ceil(all / 2 / grain) * grain
    // A claim for each batch, whose leases are then renewed and ended together.
    const most = grain === 1 ? claimMost(this.#limiter.limits) : grain
    const gathering = this.#gather?.gathering
    for (let free = this.#wholeOf(Math.min(share, this.#free - kept)); free > 0; free -= most) {
      plans.push({ ...this.#planOne(Math.min(free, most), false), gathering })
    }
    return plans
  }

  #planOne(limit: number, suspect: boolean): ClaimPlan {
    const { ledger } = this.#options
    const { limits } = this.#limiter
    return { ...newClaim(ledger, this.#options, ++this.#counter, limit, suspect), limits }
  }

  /** Visits the groups whose turn it is. */
  async #visit(rotation: Rotation, moved: Result): Promise<void> {
    const { ledger } = this.#options
    const hints = this.#hints
    const visiting = planVisits(ledger, this.#turns, rotation, moved, {
      slots: this.#isStill ? 0 : this.#wholeOf(this.#free),
      plan: (limit) => this.#planOne(limit, false),
    })
    const { plans, still, count } = visiting
    const reserved = slotsOf(plans)
    this.#reserved += reserved
    const answers = await commitCycle(ledger.store, [
      ...plans.map((plan) => planClaim(ledger, this.#settings.seen!, plan)),
      ...still,
    ])
    this.#reserved -= reserved
    const grants = plans.map((plan, at) =>
      this.#intake.grantsIn(plan, answers[at]!, (results) => readVisit(results, plan.visit!).claimed),
    )
    // Together, as a batch has jobs of many groups.
    const starting = plans.flatMap((plan, at) => this.#intake.hold(plan, grants[at]!))
    if (starting.length > 0) this.#options.start(starting)
    for (const answer of answers) if (answer instanceof HoldfastError) throw answer
    const { isLimited } = this.#limiter
    const { left, held, beaten } = await concludeVisits(
      ledger,
      visiting,
      answers as (readonly Result[])[],
      grants,
    )
    const isNone = grants.every(({ length }) => length === 0)
    const refused = left && !held && isLimited && isNone
    if (refused) await this.#limiter.look()
    // A hint that came since the visits were planned may speak of room that they missed.
    const waits = refused && hints === this.#hints
    this.#turns.visited({ left, isAll: count < rotation.limit, waits })
    if (beaten && isNone) this.#turns.rest()
    this.perhapsAlone()
  }

  /** Whether a claim got less than it asked for, and nobody said since that there is more. */
  #granted(plan: ClaimPlan, answer: Answer, hints: number): boolean {
    const grants = this.#intake.grantsIn(plan, answer, (results) => results.at(-1)!)
    this.#begin(plan, grants)
    if (answer instanceof HoldfastError || answer[0] === false) return false
    // What there is in line has to gather before the next one can be heard of.
    if (isTooFew(plan.gathering, answer)) return false
    if (grants.length > 0) this.#gather?.served()
    if (plan.suspect === true) this.#suspects.served()
    if (grants.length === plan.limit || hints !== this.#hints) return false
    if (plan.suspect === true) this.#suspects.isRefused = this.#limiter.isLimited
    else this.#hungry = false
    return true
  }

  #begin(plan: ClaimPlan, grants: readonly Grant[]): void {
    const starting = this.#intake.hold(plan, grants)
    if (starting.length > 0) this.#options.start(starting)
    if (plan.visit !== undefined) this.perhapsAlone()
  }
}

const slotsOf = (plans: readonly ClaimPlan[]): number => plans.reduce((sum, { limit }) => sum + limit, 0)
