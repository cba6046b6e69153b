/**
 * What a worker claims: for its free slots, when there may be jobs, as the settings and limits of the queue allow. What it plans
 * becomes a part of a work cycle; what the store answers becomes grants, or a reason to wait for a hint.
 */
import { isPatient } from '../core/batch-options.ts'
import { HoldfastError } from '../error.ts'
import { type ClaimPlan, type Grant, claimMost } from '../ledger/claim.ts'
import type { Answer } from '../ledger/commit.ts'
import { isTooFew } from '../ledger/gather.ts'
import { claimAlone } from './alone.ts'
import { noteArrivals, planArrivals } from './arrivals.ts'
import { Claiming, throwRejected } from './claiming.ts'
import { DueLane } from './due.ts'
import { Gather } from './gather.ts'
import type { ClaimOptions, Round } from './round.ts'
import type { Rotation } from './turns.ts'
import { slotsOf } from './vacancy.ts'
import { visitGroups } from './visits.ts'

export class Claims {
  readonly #options: ClaimOptions
  readonly #claiming: Claiming
  readonly #due: DueLane
  /** Where more jobs than one are waited for. */
  readonly #gather: Gather | undefined
  /** Which of the two gets the odd slot. */
  #odd = false
  #unwatch: (() => void)[] = []

  constructor(options: ClaimOptions) {
    const { ledger, batch, wake, error } = options
    this.#options = options
    this.#claiming = new Claiming(options)
    this.#due = new DueLane(ledger, 'due', { due: wake, error })
    this.#gather = isPatient(batch) ? new Gather(ledger, batch, () => this.#claiming.hint()) : undefined
  }

  start(): void {
    const { ledger, names, wake } = this.#options
    const claiming = this.#claiming
    if (claiming.isOpen) return
    names.hint() // Somebody may have said so while nobody listened.
    const ready = ledger.store.watch([ledger.lanes.ready], () => claiming.hint())
    const settings = ledger.store.watch([ledger.lanes.settings], () => {
      claiming.settings.changed()
      claiming.hint()
    })
    const parked = ledger.store.watch([ledger.lanes.parked], () => {
      names.hint()
      wake()
    })
    this.#unwatch = [ready, settings, parked]
    this.#due.start()
    this.#gather?.start()
    claiming.start()
  }

  stop(): void {
    for (const unwatch of this.#unwatch.splice(0)) unwatch()
    this.#due.stop()
    this.#gather?.stop()
    this.#claiming.stop()
  }

  /** Whether there may be jobs on lease that nobody knows of. */
  get isUnsure(): boolean {
    return this.#claiming.intake.isUnsure
  }

  /** Who is to hear of the end of a lease. */
  get toldOfRoom(): readonly string[] | undefined {
    return this.#claiming.settings.toldOfRoom(this.#claiming.isOpen)
  }

  /** Whether half of the slots wait for a claim. */
  get isWorthCycle(): boolean {
    const { isOpen, isHungry, vacancy } = this.#claiming
    return isOpen && isHungry && vacancy.isHalf
  }

  /** A job's slot is free again. */
  freed(grant: Grant): void {
    this.#claiming.suspects.freed(grant)
  }

  /** Learns what a claim has to know, and claims what is to be run alone. */
  async prepare(): Promise<void> {
    const { options, suspects, turns, settings, intake, isOpen, isHungry } = this.#claiming
    if (options.unsettled() === 0) suspects.settled()
    const mayClaim = isOpen && (isHungry || turns.isDue || suspects.isDue)
    if (mayClaim && settings.seen === undefined) {
      if (!(await settings.read())) options.wake()
    }
    if (intake.isUnsure) await intake.adopt()
    if (suspects.isDue) await claimAlone(this.#claiming)
    if (this.#gather !== undefined) await this.#lookForBatch(this.#gather)
  }

  /** Jobs that are too few are nothing to claim, unless there are starts to forget. */
  async #lookForBatch(gather: Gather): Promise<void> {
    const { vacancy, limiter, isHungry, isStill, hints } = this.#claiming
    if (!isHungry || isStill || vacancy.wholeOf(vacancy.free) === 0) return
    if (limiter.takeForgetting() || (await gather.look())) return
    if (limiter.isLimited) await limiter.look()
    if (hints === this.#claiming.hints) this.#claiming.isHungry = false
  }

  /** `settles`: ends of leases that are sent with it. */
  plan(settles: number): Round {
    const { limiter, vacancy, isOpen } = this.#claiming
    // They make room, and are judged before the claim.
    if (settles > 0 && limiter.isLimited) this.#claiming.expectRoom()
    const { ledger, names } = this.#options
    const { hints, isStill } = this.#claiming
    const arrivals = isOpen
      ? planArrivals(ledger, this.#due, names, isStill ? 0 : vacancy.free, limiter.limits)
      : []
    const rotation = this.#planRotation()
    const plans = this.#planClaims(arrivals.length > 0, rotation?.limit ?? 0)
    const blocks = [
      ...arrivals.map(({ block }) => block),
      ...this.#claiming.blocksOf(plans),
      ...(rotation === undefined ? [] : [rotation.block]),
    ]
    vacancy.reserve(slotsOf(plans) + (rotation?.limit ?? 0))
    return { arrivals, plans, rotation, hints, blocks }
  }

  /** One answer for each block of the round. */
  async answered(round: Round, answers: readonly Answer[]): Promise<void> {
    const { arrivals, plans, rotation } = round
    const claiming = this.#claiming
    claiming.vacancy.release(slotsOf(plans) + (rotation?.limit ?? 0))
    if (noteArrivals(arrivals, answers)) claiming.isHungry = true
    let short = false
    for (const [at, plan] of plans.entries()) {
      if (this.#granted(plan, answers[arrivals.length + at]!, round.hints)) short = true
    }
    throwRejected(answers)
    if (rotation !== undefined) await visitGroups(claiming, rotation, answers.at(-1)![0]!)
    if (!short || !claiming.limiter.isLimited) return
    await claiming.limiter.look().catch((error: unknown) => {
      claiming.isHungry = true
      throw error
    })
  }

  /** `idle`: no job of this worker is left, nor its end on the way. Says so where the queue has nothing left either. */
  perhapsDrained(idle: boolean): void {
    const { isOpen, isHungry, intake, suspects, turns, vacancy, limiter } = this.#claiming
    if (!isOpen || isHungry || !intake.tookSome || suspects.isDue) return
    if (!idle || vacancy.isReserved || !turns.isOver) return
    if (limiter.isHeld || limiter.withholds || this.#gather?.isWaiting === true) return
    intake.tookSome = false
    this.#options.drained()
  }

  /** Where there may be other jobs too, groups get half of the slots. */
  #planRotation(): Rotation | undefined {
    const { turns, isHungry, isStill, vacancy } = this.#claiming
    const { free, grain } = vacancy
    if (!turns.isDue || isStill || free <= 0) return undefined
    this.#odd = !this.#odd
    const slots = vacancy.wholeOf(isHungry ? (free + (this.#odd ? grain : 0)) / 2 : free)
    return slots > 0 ? turns.rotate(slots) : undefined
  }

  /** `kept`: slots that others are to have. */
  #planClaims(arriving: boolean, kept: number): ClaimPlan[] {
    const { isHungry, isStill, vacancy, limiter } = this.#claiming
    if (isStill || (!isHungry && !arriving)) return []
    const { free: all, grain, share } = vacancy
    const plans: ClaimPlan[] = []
    // A claim for each batch, whose leases are then renewed and ended together.
    const most = grain === 1 ? claimMost(limiter.limits) : grain
    const gathering = this.#gather?.gathering
    for (let free = vacancy.wholeOf(Math.min(share, all - kept)); free > 0; free -= most)
      plans.push(this.#claiming.planOne({ limit: Math.min(free, most), gathering }))
    return plans
  }

  /** Whether a claim got less than it asked for, and nobody said since that there is more. */
  #granted(plan: ClaimPlan, answer: Answer, hints: number): boolean {
    const { intake } = this.#claiming
    const grants = intake.grantsIn(plan, answer, (results) => results.at(-1)!)
    this.#options.start(intake.hold(plan, grants))
    if (answer instanceof HoldfastError || answer[0] === false) return false
    // What there is in line has to gather before the next one can be heard of.
    if (isTooFew(plan.gathering, answer)) return false
    if (grants.length > 0) this.#gather?.served()
    if (grants.length === plan.limit || hints !== this.#claiming.hints) return false
    this.#claiming.isHungry = false
    return true
  }
}
