/**
 * What a worker claims: for its free slots, when there may be jobs, as the settings and limits of the queue allow. What it plans
 * becomes a part of a work cycle; what the store answers becomes grants, or a reason to wait for a hint.
 */
import { HoldfastError } from '../error.ts'
import { type ClaimPlan, type Grant, claimMost, grantsOf, newClaim, planClaim } from '../ledger/claim.ts'
import { type Answer, commitBlocks } from '../ledger/commit.ts'
import { isTooLate } from '../ledger/rates.ts'
import { readVisit } from '../ledger/turns.ts'
import type { Result } from '../store.ts'
import { Alone } from './alone.ts'
import { noteArrivals, planArrivals } from './arrivals.ts'
import { DueLane } from './due.ts'
import { Limiter } from './limiter.ts'
import { LostClaims } from './lost-claims.ts'
import type { ClaimOptions, Round } from './round.ts'
import { Settings } from './settings.ts'
import { type Rotation, Turns } from './turns.ts'
import { concludeVisits, planVisits } from './visits.ts'

/** Slots from which on a worker has two cycles under way. */
export const SLOTS_FOR_TWO = 64

export class Claims {
  readonly #options: ClaimOptions
  readonly #limiter: Limiter
  readonly #due: DueLane
  readonly #suspects: DueLane
  readonly #turns: Turns
  readonly #alone = new Alone()
  readonly #settings: Settings
  #counter = 0
  /** There may be jobs that are ready. */
  #hungry = true
  /** How often that was said. */
  #hints = 0
  /** A suspect that is due was refused for want of room. */
  #suspectWaits = false
  #tookSome = false
  /** Slots that claims under way may fill. */
  #reserved = 0
  #open = false
  /** Which of the two gets the odd slot. */
  #odd = false
  /** The suspect that is being run, alone. */
  #suspect: Grant | undefined
  readonly #lost: LostClaims
  #unwatch: (() => void)[] = []

  constructor(options: ClaimOptions) {
    const { ledger, wake, error } = options
    this.#options = options
    this.#limiter = new Limiter(ledger, options, () => this.#hint())
    this.#settings = new Settings(ledger, this.#limiter)
    this.#lost = new LostClaims(ledger, (plan, grants) =>
      this.#open ? this.#begin(plan, grants) : this.#holdBack(plan, grants),
    )
    this.#due = new DueLane(ledger, 'due', { due: wake, error })
    this.#suspects = new DueLane(ledger, 'suspect', { due: wake, error })
    this.#turns = new Turns(ledger, options.group, { due: wake, emptied: wake, error })
  }

  start(): void {
    const { ledger, names, wake } = this.#options
    if (this.#open) return
    this.#open = true
    this.#hungry = true
    this.#settings.forget()
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
    wake()
  }

  stop(): void {
    this.#open = false
    for (const unwatch of this.#unwatch.splice(0)) unwatch()
    this.#limiter.stop()
    this.#due.stop()
    this.#suspects.stop()
    this.#turns.stop()
    const alone = this.#alone.takeAll()
    if (alone.length > 0) this.#options.giveBack(alone)
  }

  /** Whether there may be jobs on lease that nobody knows of. */
  get isUnsure(): boolean {
    return this.#lost.isAny
  }

  /** Who is to hear of the end of a lease. */
  get toldOfRoom(): readonly string[] | undefined {
    return this.#settings.toldOfRoom(this.#open)
  }

  /** Whether half of the slots wait for a claim. */
  get isWorthCycle(): boolean {
    return this.#open && this.#hungry && this.#free >= this.#options.slots().all / 2
  }

  /** A job's slot is free again. */
  freed(grant: Grant): void {
    if (this.#suspect === grant) this.#suspect = undefined
    this.#perhapsAlone()
  }

  /** A job of a group that may take its neighbours along is started once there are none. */
  #perhapsAlone(): void {
    if (this.#suspect !== undefined || this.#options.slots().busy + this.#reserved > 0) return
    this.#suspect = this.#alone.take()
    if (this.#suspect !== undefined) this.#options.start([this.#suspect])
  }

  /** Learns what a claim has to know. */
  async prepare(): Promise<void> {
    if (this.#open && (this.#hungry || this.#turns.isDue) && this.#settings.seen === undefined) {
      if (!(await this.#settings.read())) this.#options.wake()
    }
    if (this.#lost.isAny) await this.#lost.adopt()
  }

  /** `settles`: ends of leases that are sent with it. `ending`: those that another cycle has sent, and whose leases live until they are stored. */
  plan(settles: number, ending: number): Round {
    // They make room, and are judged before the claim.
    if (settles > 0 && this.#limiter.isLimited) this.#expectRoom()
    const { ledger, names } = this.#options
    const room = this.#suspect === undefined ? this.#free : 0
    const arrivals = this.#open ? planArrivals(ledger, this.#due, names, room) : []
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
    if (!this.#open || this.#hungry || !this.#tookSome || this.#suspects.isDue) return
    if (!idle || this.#reserved > 0 || this.#alone.isWaiting || !this.#turns.isOver) return
    if (this.#limiter.isHeld || this.#limiter.withholds) return
    this.#tookSome = false
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
    this.#suspectWaits = false
    this.#turns.hint()
  }

  /** Slots that no job has, nor a claim under way. */
  get #free(): number {
    const { all, busy } = this.#options.slots()
    return all - busy - this.#reserved
  }

  /** Whether nothing is to be claimed, whatever there may be. */
  get #isStill(): boolean {
    const { seen } = this.#settings
    if (!this.#open || seen === undefined || seen.config.paused === true) return true
    return this.#suspect !== undefined || this.#alone.isWaiting || this.#limiter.isHeld
  }

  /** Where there may be other jobs too, groups get half of the slots. */
  #planRotation(): Rotation | undefined {
    if (!this.#turns.isDue || this.#isStill || this.#suspects.isDue) return undefined
    if (this.#free <= 0) return undefined
    this.#odd = !this.#odd
    const slots = this.#hungry ? Math.floor((this.#free + (this.#odd ? 1 : 0)) / 2) : this.#free
    return slots > 0 ? this.#turns.rotate(slots) : undefined
  }

  /** `kept`: slots that others are to have. */
  #planClaims(arriving: boolean, ending: number, kept: number): ClaimPlan[] {
    if (this.#isStill) return []
    const { all, busy } = this.#options.slots()
    if (this.#suspects.isDue) {
      if (this.#suspectWaits) return []
      // A suspect may take its neighbours along, so it gets none: claimed once every slot is empty.
      return busy + this.#reserved + ending === 0 ? [this.#planOne(1, true)] : []
    }
    if (!this.#hungry && !arriving) return []
    const plans: ClaimPlan[] = []
    const share = all < SLOTS_FOR_TWO ? all : Math.ceil(all / 2)
    const most = claimMost(this.#limiter.limits)
    let free = Math.min(share, this.#free - kept)
    for (; free > 0; free -= most) plans.push(this.#planOne(Math.min(free, most), false))
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
    const visiting = planVisits(ledger, this.#turns, rotation, moved, {
      slots: this.#isStill ? 0 : this.#free,
      plan: (limit) => this.#planOne(limit, false),
    })
    const { plans, still, count } = visiting
    const reserved = slotsOf(plans)
    this.#reserved += reserved
    const answers = await commitBlocks(ledger.store, [
      ...plans.map((plan) => planClaim(ledger, this.#settings.seen!, plan)),
      ...still,
    ])
    this.#reserved -= reserved
    const grants = plans.map((plan, at) =>
      this.#take(plan, answers[at]!, (results) => readVisit(results, plan.visit!).claimed),
    )
    for (const answer of answers) if (answer instanceof HoldfastError) throw answer
    const { isLimited } = this.#limiter
    const left = await concludeVisits(ledger, visiting, answers as (readonly Result[])[], grants)
    const waits = left && isLimited && grants.every(({ length }) => length === 0)
    if (waits) await this.#limiter.look()
    this.#turns.visited({ left, isAll: count < rotation.limit, waits })
    this.#perhapsAlone()
  }

  /** Whether a claim got less than it asked for, and nobody said since that there is more. */
  #granted(plan: ClaimPlan, answer: Answer, hints: number): boolean {
    const grants = this.#take(plan, answer, (results) => results.at(-1)!)
    if (answer instanceof HoldfastError || answer[0] === false) return false
    if (plan.suspect === true) this.#suspects.served()
    if (grants.length === plan.limit || hints !== this.#hints) return false
    if (plan.suspect === true) this.#suspectWaits = this.#limiter.isLimited
    else this.#hungry = false
    return true
  }

  /** What a claim got. */
  #take(plan: ClaimPlan, answer: Answer, claimed: (results: readonly Result[]) => Result): readonly Grant[] {
    if (answer instanceof HoldfastError) {
      if (answer.outcome === 'unknown') this.#lost.add(plan)
      return []
    }
    if (answer[0] === false) {
      this.#settings.forget()
      return []
    }
    const grants = grantsOf(plan, claimed(answer))
    this.#begin(plan, grants)
    return grants
  }

  #begin(plan: ClaimPlan, grants: readonly Grant[]): void {
    if (grants.length === 0) return
    this.#tookSome = true
    if (isTooLate(this.#options.ledger, plan)) return this.#holdBack(plan, grants)
    if (plan.suspect === true) this.#suspect = grants[0]
    this.#options.renewal.hold(plan.claim, plan.until, grants)
    if (plan.visit === undefined) return this.#options.start(grants)
    const others = this.#alone.keep(grants, this.#options.maxStalledCount)
    if (others.length > 0) this.#options.start(others)
    this.#perhapsAlone()
  }

  #holdBack(plan: ClaimPlan, grants: readonly Grant[]): void {
    if (grants.length > 0) this.#options.renewal.hold(plan.claim, plan.until, grants)
    this.#options.giveBack(grants)
  }
}

const slotsOf = (plans: readonly ClaimPlan[]): number => plans.reduce((sum, { limit }) => sum + limit, 0)
