/**
 * What a worker claims: for its free slots, when there may be jobs, as the settings and limits of the queue allow. What it plans
 * becomes a part of a work cycle; what the store answers becomes grants, or a reason to wait for a hint.
 */
import type { RateLimit } from '../core/limits.ts'
import { HoldfastError } from '../error.ts'
import {
  type ClaimPlan,
  type Claimant,
  type Grant,
  type SeenConfig,
  claimMost,
  grantsOf,
  grantsOfLostClaim,
  newClaim,
  planClaim,
  readConfig,
} from '../ledger/claim.ts'
import { type Answer, type Block, commitBlock } from '../ledger/commit.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { isTooLate } from '../ledger/rates.ts'
import { type Arrival, noteArrivals, planArrivals } from './arrivals.ts'
import { DueLane } from './due.ts'
import { Limiter } from './limiter.ts'
import type { Names } from './names.ts'
import type { Renewal } from './renew.ts'

export interface ClaimOptions extends Claimant {
  readonly ledger: Ledger
  readonly renewal: Renewal
  readonly names: Names
  /** The worker's own bound on starts of the queue. */
  readonly limiter: RateLimit | undefined
  /** Handlers that may run, and that do. */
  readonly slots: () => { readonly all: number; readonly busy: number }
  readonly start: (grants: readonly Grant[]) => void
  /** Jobs are on lease that are not to be started any more. */
  readonly giveBack: (grants: readonly Grant[]) => void
  /** The queue gave all it had. */
  readonly drained: () => void
  /** A claim may be worth it. */
  readonly wake: () => void
  readonly error: (error: unknown) => void
}

/** The claims of one cycle, and what comes into line before them. */
export interface Round {
  readonly arrivals: readonly Arrival[]
  readonly plans: readonly ClaimPlan[]
  /** How many hints there had been when it was planned; one that comes later may speak of jobs it misses. */
  readonly hints: number
  readonly blocks: readonly Block[]
}

/** Slots from which on a worker has two cycles under way. */
export const SLOTS_FOR_TWO = 64

export class Claims {
  readonly #options: ClaimOptions
  readonly #limiter: Limiter
  readonly #due: DueLane
  readonly #suspects: DueLane
  /** The queue's settings as last read; `undefined` when they may have changed. */
  #seen: SeenConfig | undefined
  #counter = 0
  /** There may be jobs that are ready. */
  #hungry = true
  /** How often that was said. */
  #hints = 0
  /** How often it was said that the settings changed. */
  #changes = 0
  /** Jobs wait that the queue's limits do not let start. */
  #withheld = false
  /** A suspect that is due was refused for want of room. */
  #suspectWaits = false
  /** Ends of leases were sent as by one who knew of no limit. */
  #settledSilently = false
  #tookSome = false
  /** Slots that claims under way may fill. */
  #reserved = 0
  #open = false
  /** The suspect that is being run, alone. */
  #suspect: Grant | undefined
  /** Claims whose answer was lost: they may hold jobs that nobody runs. */
  readonly #lostAnswers = new Set<ClaimPlan>()
  #unwatch: (() => void)[] = []

  constructor(options: ClaimOptions) {
    const { ledger, wake, error } = options
    this.#options = options
    this.#limiter = new Limiter(ledger, options.limiter, () => this.#hint())
    this.#due = new DueLane(ledger, 'due', { due: wake, error })
    this.#suspects = new DueLane(ledger, 'suspect', { due: wake, error })
  }

  start(): void {
    const { ledger, names, wake } = this.#options
    if (this.#open) return
    this.#open = true
    this.#hungry = true
    this.#seen = undefined
    const ready = ledger.store.watch([ledger.lanes.ready], () => this.#hint())
    const settings = ledger.store.watch([ledger.lanes.settings], () => {
      this.#changes++
      this.#seen = undefined
      this.#hint()
    })
    const parked = ledger.store.watch([ledger.lanes.parked], () => {
      names.hint()
      wake()
    })
    this.#unwatch = [ready, settings, parked]
    this.#due.start()
    this.#suspects.start()
    wake()
  }

  stop(): void {
    this.#open = false
    for (const unwatch of this.#unwatch.splice(0)) unwatch()
    this.#limiter.stop()
    this.#due.stop()
    this.#suspects.stop()
  }

  /** Whether there may be jobs on lease that nobody knows of. */
  get isUnsure(): boolean {
    return this.#lostAnswers.size > 0
  }

  /**
   * Who is to hear of the end of a lease: in a queue with limits those that wait for room. A worker that has not seen the settings
   * does not know, so it tells.
   */
  get toldOfRoom(): readonly string[] | undefined {
    const { lanes } = this.#options.ledger
    if (!this.#open || this.#seen === undefined || this.#limiter.isLimited) return [lanes.ready]
    this.#settledSilently = true
    return undefined
  }

  /** Whether half of the slots wait for a claim. */
  get isWorthCycle(): boolean {
    const { all, busy } = this.#options.slots()
    return this.#open && this.#hungry && all - busy - this.#reserved >= all / 2
  }

  /** A job's slot is free again. */
  freed(grant: Grant): void {
    if (this.#suspect === grant) this.#suspect = undefined
  }

  /** Learns what a claim has to know. */
  async prepare(): Promise<void> {
    if (this.#open && this.#hungry && this.#seen === undefined) await this.#readSettings()
    if (this.#lostAnswers.size > 0) await this.#adoptLost()
  }

  /** `settles`: ends of leases that are sent with it. `ending`: those that another cycle has sent, and whose leases live until they are stored. */
  plan(settles: number, ending: number): Round {
    if (settles > 0 && this.#limiter.isLimited) {
      // They make room, and are judged before the claim.
      this.#hungry = true
      this.#suspectWaits = false
    }
    const arrivals = this.#planArrivals()
    const plans = this.#planClaims(arrivals.length > 0, ending)
    const blocks = [
      ...arrivals.map(({ block }) => block),
      ...plans.map((plan) => planClaim(this.#options.ledger, this.#seen!, plan)),
    ]
    this.#reserved += slotsOf(plans)
    return { arrivals, plans, hints: this.#hints, blocks }
  }

  /** One answer for each block of the round. */
  async answered(round: Round, answers: readonly Answer[]): Promise<void> {
    const { arrivals, plans } = round
    this.#reserved -= slotsOf(plans)
    if (noteArrivals(arrivals, answers)) this.#hungry = true
    let short = false
    for (const [at, plan] of plans.entries()) {
      if (this.#granted(plan, answers[arrivals.length + at]!, round.hints)) short = true
    }
    for (const answer of answers) if (answer instanceof HoldfastError) throw answer
    if (short && this.#limiter.isLimited) await this.#lookAtLimits()
  }

  /** `idle`: no job of this worker is left, nor its end on the way. Says so where the queue has nothing left either. */
  perhapsDrained(idle: boolean): void {
    if (!this.#open || this.#hungry || !this.#tookSome || this.#suspects.isDue) return
    if (!idle || this.#reserved > 0) return
    if (this.#limiter.isHeld || (this.#limiter.isLimited && this.#withheld)) return
    this.#tookSome = false
    this.#options.drained()
  }

  /** A claim may get what the last one did not. */
  #hint(): void {
    this.#hungry = true
    this.#suspectWaits = false
    this.#hints++
    this.#options.wake()
  }

  async #lookAtLimits(): Promise<void> {
    try {
      this.#withheld = await this.#limiter.look()
    } catch (error) {
      this.#hungry = true
      throw error
    }
  }

  /** Settings that changed while they were being read have given their hint already, so they must not be believed. */
  async #readSettings(): Promise<void> {
    const { ledger, wake } = this.#options
    const changes = this.#changes
    const seen = await readConfig(ledger)
    if (!(await this.#limiter.adopt(seen)) || changes !== this.#changes) return wake()
    this.#seen = seen
    if (!this.#settledSilently || !this.#limiter.isLimited) return
    // There was no limit, as far as was known: what ended meanwhile may be waited for.
    await commitBlock(ledger.store, [{ hint: [ledger.lanes.ready] }])
    this.#settledSilently = false
  }

  #planArrivals(): Arrival[] {
    const { ledger, names, slots } = this.#options
    if (!this.#open) return []
    const { all, busy } = slots()
    const free = this.#suspect === undefined ? all - busy - this.#reserved : 0
    return planArrivals(ledger, this.#due, names, free)
  }

  #planClaims(arriving: boolean, ending: number): ClaimPlan[] {
    if (!this.#open || this.#seen === undefined || this.#seen.config.paused === true) return []
    if (this.#suspect !== undefined || this.#limiter.isHeld) return []
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
    let free = Math.min(share, all - busy - this.#reserved)
    for (; free > 0; free -= most) plans.push(this.#planOne(Math.min(free, most), false))
    return plans
  }

  #planOne(limit: number, suspect: boolean): ClaimPlan {
    const { ledger } = this.#options
    const { limits } = this.#limiter
    return { ...newClaim(ledger, this.#options, ++this.#counter, limit, suspect), limits }
  }

  /** Whether a claim got less than it asked for, and nobody said since that there is more. */
  #granted(plan: ClaimPlan, answer: Answer, hints: number): boolean {
    if (answer instanceof HoldfastError) {
      if (answer.outcome === 'unknown') this.#lostAnswers.add(plan)
      return false
    }
    if (answer[0] === false) {
      this.#seen = undefined
      return false
    }
    const grants = grantsOf(plan, answer.at(-1)!)
    this.#begin(plan, grants)
    if (plan.suspect === true) this.#suspects.served()
    if (grants.length === plan.limit || hints !== this.#hints) return false
    if (plan.suspect === true) this.#suspectWaits = this.#limiter.isLimited
    else this.#hungry = false
    return true
  }

  #begin(plan: ClaimPlan, grants: readonly Grant[]): void {
    if (grants.length === 0) return
    this.#tookSome = true
    if (isTooLate(this.#options.ledger, plan.claim, plan.limits)) return this.#holdBack(plan, grants)
    if (plan.suspect === true) this.#suspect = grants[0]
    this.#options.renewal.hold(plan.claim, plan.until, grants)
    this.#options.start(grants)
  }

  /** Takes over the jobs of claims whose answer was lost but which the store did apply. */
  async #adoptLost(): Promise<void> {
    for (const plan of this.#lostAnswers) {
      // Taken out before it is looked for, as there may be two cycles.
      this.#lostAnswers.delete(plan)
      const grants = await grantsOfLostClaim(this.#options.ledger, plan).catch((error: unknown) => {
        this.#lostAnswers.add(plan)
        throw error
      })
      if (this.#open) this.#begin(plan, grants)
      else this.#holdBack(plan, grants)
    }
  }

  #holdBack(plan: ClaimPlan, grants: readonly Grant[]): void {
    if (grants.length > 0) this.#options.renewal.hold(plan.claim, plan.until, grants)
    this.#options.giveBack(grants)
  }
}

const slotsOf = (plans: readonly ClaimPlan[]): number => plans.reduce((sum, { limit }) => sum + limit, 0)
