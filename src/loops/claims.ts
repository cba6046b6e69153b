/**
 * What a worker claims: for its free slots, when there may be jobs, as the settings and limits of the queue allow. What it plans
 * becomes a part of a work cycle; what the store answers becomes grants, or a reason to wait for a hint. A job that is to be run
 * alone is claimed in a call of its own before the cycle.
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
import { Vacancy, slotsOf } from './vacancy.ts'
import { concludeVisits, planVisits } from './visits.ts'

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
  readonly #vacancy: Vacancy
  #open = false
  /** Which of the two gets the odd slot. */
  #odd = false
  readonly #intake: Intake
  #unwatch: (() => void)[] = []

  constructor(options: ClaimOptions) {
    const { ledger, batch, wake, error } = options
    this.#options = options
    this.#vacancy = new Vacancy(options.room)
    this.#limiter = new Limiter(ledger, options, () => this.#hint())
    this.#settings = new Settings(ledger, this.#limiter)
    this.#due = new DueLane(ledger, 'due', { due: wake, error })
    this.#suspects = new Suspects(ledger, { due: wake, error })
    this.#intake = new Intake(options, this.#suspects, {
      outdated: () => this.#settings.forget(),
      found: (plan, grants) =>
        this.#open ? options.start(this.#intake.hold(plan, grants)) : this.#intake.holdBack(plan, grants),
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
    this.#suspects.stop()
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
    return this.#open && this.#hungry && this.#vacancy.isHalf
  }

  /** A job's slot is free again. */
  freed(grant: Grant): void {
    this.#suspects.freed(grant)
  }

  /** Learns what a claim has to know, and claims what is to be run alone. */
  async prepare(): Promise<void> {
    if (this.#options.unsettled() === 0) this.#suspects.settled()
    const mayClaim = this.#open && (this.#hungry || this.#turns.isDue || this.#suspects.isDue)
    if (mayClaim && this.#settings.seen === undefined) {
      if (!(await this.#settings.read())) this.#options.wake()
    }
    if (this.#intake.isUnsure) await this.#intake.adopt()
    if (this.#suspects.isDue) await this.#claimSuspect()
    if (this.#gather !== undefined) await this.#lookForBatch(this.#gather)
  }

  /** Jobs that are too few are nothing to claim, unless there are starts to forget. */
  async #lookForBatch(gather: Gather): Promise<void> {
    if (!this.#hungry || this.#isStill || this.#vacancy.wholeOf(this.#vacancy.free) === 0) return
    const hints = this.#hints
    if (this.#limiter.takeForgetting() || (await gather.look())) return
    if (this.#limiter.isLimited) await this.#limiter.look()
    if (hints === this.#hints) this.#hungry = false
  }

  /** `settles`: ends of leases that are sent with it. */
  plan(settles: number): Round {
    // They make room, and are judged before the claim.
    if (settles > 0 && this.#limiter.isLimited) this.#expectRoom()
    const { ledger, names } = this.#options
    const room = this.#isStill ? 0 : this.#vacancy.free
    const arrivals = this.#open ? planArrivals(ledger, this.#due, names, room, this.#limiter.limits) : []
    const rotation = this.#planRotation()
    const plans = this.#planClaims(arrivals.length > 0, rotation?.limit ?? 0)
    const blocks = [
      ...arrivals.map(({ block }) => block),
      ...plans.map((plan) => planClaim(ledger, this.#settings.seen!, plan)),
      ...(rotation === undefined ? [] : [rotation.block]),
    ]
    this.#vacancy.reserve(slotsOf(plans) + (rotation?.limit ?? 0))
    return { arrivals, plans, rotation, hints: this.#hints, blocks }
  }

  /** One answer for each block of the round. */
  async answered(round: Round, answers: readonly Answer[]): Promise<void> {
    const { arrivals, plans, rotation } = round
    this.#vacancy.release(slotsOf(plans) + (rotation?.limit ?? 0))
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
    if (!idle || this.#vacancy.isReserved || !this.#turns.isOver) return
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

  /** Whether nothing is to be claimed beside others, whatever there may be. */
  get #isStill(): boolean {
    return this.#suspects.isDue || this.#isStopped
  }

  /** Whether nothing is to be claimed at all. */
  get #isStopped(): boolean {
    const { seen } = this.#settings
    if (!this.#open || seen === undefined || seen.config.paused === true) return true
    return this.#suspects.isRunning || this.#limiter.isHeld
  }

  /** Whether no job of this worker is on lease, nor may be. */
  get #isAlone(): boolean {
    return this.#vacancy.isWhole && !this.#intake.isUnsure && this.#options.unsettled() === 0
  }

  /** Where there may be other jobs too, groups get half of the slots. */
  #planRotation(): Rotation | undefined {
    const { free, grain } = this.#vacancy
    if (!this.#turns.isDue || this.#isStill || free <= 0) return undefined
    this.#odd = !this.#odd
    const slots = this.#vacancy.wholeOf(this.#hungry ? (free + (this.#odd ? grain : 0)) / 2 : free)
    return slots > 0 ? this.#turns.rotate(slots) : undefined
  }

  /** `kept`: slots that others are to have. */
  #planClaims(arriving: boolean, kept: number): ClaimPlan[] {
    if (this.#isStill || (!this.#hungry && !arriving)) return []
    const { free: all, grain, share } = this.#vacancy
    const plans: ClaimPlan[] = []
    // A claim for each batch, whose leases are then renewed and ended together.
    const most = grain === 1 ? claimMost(this.#limiter.limits) : grain
    const gathering = this.#gather?.gathering
    for (let free = this.#vacancy.wholeOf(Math.min(share, all - kept)); free > 0; free -= most)
      plans.push({ ...this.#planOne(Math.min(free, most), false), gathering })
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
      slots: this.#isStill ? 0 : this.#vacancy.wholeOf(this.#vacancy.free),
      plan: (limit) => this.#planOne(limit, false),
    })
    const { plans, aside, count } = visiting
    const reserved = slotsOf(plans)
    this.#vacancy.reserve(reserved)
    const answers = await commitCycle(ledger.store, [
      ...plans.map((plan) => planClaim(ledger, this.#settings.seen!, plan)),
      ...aside,
    ])
    this.#vacancy.release(reserved)
    const grants = plans.map((plan, at) =>
      this.#intake.grantsIn(plan, answers[at]!, (results) => readVisit(results, plan.visit!).claimed),
    )
    // Together, as a batch has jobs of many groups.
    this.#options.start(plans.flatMap((plan, at) => this.#intake.hold(plan, grants[at]!)))
    for (const answer of answers) if (answer instanceof HoldfastError) throw answer
    const { left, held, beaten, alone } = await concludeVisits(
      ledger,
      visiting,
      answers as (readonly Result[])[],
      grants,
      this.#options.maxStalledCount,
    )
    this.#suspects.found(alone)
    const isNone = grants.every(({ length }) => length === 0)
    const refused = left && !held && this.#limiter.isLimited && isNone
    if (refused) await this.#limiter.look()
    // A hint that came since the visits were planned may speak of room that they missed.
    const waits = refused && hints === this.#hints
    this.#turns.visited({ left, isAll: count < rotation.limit, waits })
    if (beaten && isNone) this.#turns.rest()
  }

  /** One that is to be run alone, where nothing else runs. */
  async #claimSuspect(): Promise<void> {
    if (this.#isStopped || this.#suspects.isRefused || !this.#isAlone) return
    const { ledger } = this.#options
    const { inGroup } = this.#suspects
    const plan = { ...this.#planOne(1, true), ...inGroup }
    const hints = this.#hints
    this.#vacancy.reserve(1)
    this.#suspects.isClaimed = true
    const [answer] = await commitCycle(ledger.store, [planClaim(ledger, this.#settings.seen!, plan)])
    this.#vacancy.release(1)
    this.#suspects.isClaimed = false
    const grants = this.#intake.grantsIn(plan, answer!, (results) =>
      inGroup === undefined ? results.at(-1)! : readVisit(results, inGroup.visit).claimed,
    )
    this.#options.start(this.#intake.hold(plan, grants))
    if (answer instanceof HoldfastError) throw answer
    this.#options.wake()
    if (answer![0] === false) return
    // A group that was not as it was seen is visited anew.
    const isChanged = inGroup !== undefined && readVisit(answer!, inGroup.visit).held
    const refused = grants.length === 0 && !isChanged && this.#limiter.isLimited
    this.#suspects.served(refused && hints === this.#hints)
    if (refused) await this.#limiter.look()
  }

  /** Whether a claim got less than it asked for, and nobody said since that there is more. */
  #granted(plan: ClaimPlan, answer: Answer, hints: number): boolean {
    const grants = this.#intake.grantsIn(plan, answer, (results) => results.at(-1)!)
    this.#options.start(this.#intake.hold(plan, grants))
    if (answer instanceof HoldfastError || answer[0] === false) return false
    // What there is in line has to gather before the next one can be heard of.
    if (isTooFew(plan.gathering, answer)) return false
    if (grants.length > 0) this.#gather?.served()
    if (grants.length === plan.limit || hints !== this.#hints) return false
    this.#hungry = false
    return true
  }
}
