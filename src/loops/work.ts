/**
 * The work cycle of a worker: settle what ended, promote what is due, claim for the free slots, all in one call and so one
 * fsync or round trip; then start what was granted. What ends while a cycle is under way rides in the next. A worker with many
 * slots has two cycles under way, each with half of them, so that one half is run while the other half is written.
 */
import { CLAIM_JOBS } from '../core/bounds.ts'
import { HoldfastError } from '../error.ts'
import {
  CLAIM_RESULT,
  type ClaimPlan,
  type Claimant,
  type Grant,
  type SeenConfig,
  grantsOf,
  grantsOfLostClaim,
  newClaim,
  planClaim,
  readConfig,
} from '../ledger/claim.ts'
import { type Answer, asHoldfastError, commitBlocks } from '../ledger/commit.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { type Arrival, noteArrivals, planArrivals } from './arrivals.ts'
import type { DueLane } from './due.ts'
import type { Names } from './names.ts'
import type { Renewal } from './renew.ts'
import { Rest } from './rest.ts'
import type { Settling } from './settling.ts'

export interface WorkOptions extends Claimant {
  readonly ledger: Ledger
  readonly renewal: Renewal
  readonly settling: Settling
  readonly due: DueLane
  readonly suspects: DueLane
  readonly names: Names
  /** Handlers that may run, and that do. */
  readonly slots: () => { readonly all: number; readonly busy: number }
  readonly start: (grants: readonly Grant[]) => void
  /** Jobs are on lease that are not to be started any more. */
  readonly giveBack: (grants: readonly Grant[]) => void
  /** The queue gave all it had. */
  readonly drained: () => void
  readonly error: (error: HoldfastError) => void
  /** The store was closed: there is nothing more to do. */
  readonly storeClosed: () => void
}

/** Slots from which on a worker has two cycles under way. */
const SLOTS_FOR_TWO = 64

export class Work {
  readonly #options: WorkOptions
  /** The queue's settings as last read; `undefined` when they may have changed. */
  #seen: SeenConfig | undefined
  #counter = 0
  /** There may be jobs that are ready. */
  #hungry = true
  /** How often that was said. */
  #hints = 0
  #tookSome = false
  /** Slots that claims under way may fill. */
  #reserved = 0
  #claiming = false
  readonly #cycles = new Set<Promise<void>>()
  /** Woken since the last look for something to do. */
  #woken = false
  #stopped = false
  readonly #rest = new Rest()
  /** The suspect that is being run, alone. */
  #suspect: Grant | undefined
  /** Claims whose answer was lost: they may hold jobs that nobody runs. */
  readonly #lostAnswers = new Set<ClaimPlan>()
  #unwatch: (() => void)[] = []

  constructor(options: WorkOptions) {
    this.#options = options
  }

  startClaiming(): void {
    const { ledger, due, suspects, names } = this.#options
    if (this.#claiming) return
    this.#claiming = true
    this.#hungry = true
    this.#seen = undefined
    const ready = ledger.store.watch([ledger.lanes.ready], () => {
      this.#hungry = true
      this.#hints++
      if (this.#seen?.config.paused === true) this.#seen = undefined
      this.wake()
    })
    const parked = ledger.store.watch([ledger.lanes.parked], () => {
      names.hint()
      this.wake()
    })
    this.#unwatch = [ready, parked]
    due.start()
    suspects.start()
    this.wake()
  }

  /** No claims from now on; settles go on. */
  stopClaiming(): void {
    this.#claiming = false
    for (const unwatch of this.#unwatch.splice(0)) unwatch()
    this.#options.due.stop()
    this.#options.suspects.stop()
  }

  /** There may be something to settle, to promote or to claim. */
  wake(): void {
    this.#woken = true
    if (this.#rest.isUnderWay) return
    if (this.#cycles.size > 0 && !(this.#cycles.size === 1 && this.#isWorthAnother())) return
    const cycle: Promise<void> = this.#run().finally(() => {
      this.#cycles.delete(cycle)
      // Who called between its last look and now was told that a cycle is under way.
      if (this.#woken) this.wake()
    })
    this.#cycles.add(cycle)
  }

  /** Resolves when no cycle is under way. */
  async quiet(): Promise<void> {
    while (this.#cycles.size > 0) await Promise.all(this.#cycles)
  }

  /** Whether there may be jobs on lease that nobody knows of. */
  get isUnsure(): boolean {
    return this.#lostAnswers.size > 0
  }

  /** The worker closes: what is left is stored now, and soon again should the store fail. */
  hurry(): void {
    this.#rest.hurried = true
    this.#rest.end()
    this.wake()
  }

  stop(): void {
    this.#stopped = true
    this.stopClaiming()
    this.#rest.end()
  }

  /** A job's slot is free again. */
  freed(grant: Grant): void {
    if (this.#suspect === grant) this.#suspect = undefined
    this.wake()
  }

  async #run(): Promise<void> {
    // Whatever else ends in this turn rides along.
    await Promise.resolve()
    await Promise.resolve()
    try {
      while (this.#woken) {
        this.#woken = false
        while (await this.#once());
      }
      this.#perhapsDrained()
    } catch (error) {
      this.#failed(asHoldfastError(error))
    }
  }

  /** Half of the slots is a batch that pays for a write of its own. */
  #isWorthAnother(): boolean {
    const { slots, settling } = this.#options
    const { all, busy } = slots()
    if (all < SLOTS_FOR_TWO) return false
    const free = all - busy - this.#reserved
    return settling.gathered >= all / 4 || (this.#claiming && this.#hungry && free >= all / 2)
  }

  /** One cycle; false when there was nothing to do. */
  async #once(): Promise<boolean> {
    const { ledger, settling, renewal } = this.#options
    if (this.#claiming && this.#hungry && this.#seen === undefined) await this.#readSettings()
    if (this.#lostAnswers.size > 0) await this.#adoptLost()
    const ending = settling.open - settling.gathered
    const groups = settling.take()
    const retirements = renewal.takeRetirements()
    const arrivals = this.#planArrivals()
    const plans = this.#planClaims(arrivals.length > 0, ending)
    const blocks = [
      ...groups.map(({ block }) => block),
      ...retirements,
      ...arrivals.map(({ block }) => block),
      ...plans.map((plan) => planClaim(ledger, this.#seen!, plan)),
    ]
    if (blocks.length === 0) return false

    const hints = this.#hints
    const reserved = plans.reduce((sum, { limit }) => sum + limit, 0)
    this.#reserved += reserved
    const answers = await commitBlocks(ledger.store, blocks)
    this.#reserved -= reserved
    const claimed = answers.splice(answers.length - plans.length)
    const arrived = answers.splice(answers.length - arrivals.length)
    if (noteArrivals(arrivals, arrived)) this.#hungry = true
    this.#granted(plans, claimed, hints)
    await settling.answered(groups, answers.slice(0, groups.length))
    for (const answer of [...answers, ...arrived, ...claimed])
      if (answer instanceof HoldfastError) throw answer
    this.#rest.succeeded()
    return true
  }

  /** A pause that ended while it was being read has given its hint already, so it must not be believed. */
  async #readSettings(): Promise<void> {
    const hints = this.#hints
    const seen = await readConfig(this.#options.ledger)
    if (seen.config.paused !== true || hints === this.#hints) this.#seen = seen
  }

  #planArrivals(): Arrival[] {
    const { ledger, due, names, slots } = this.#options
    if (!this.#claiming) return []
    const { all, busy } = slots()
    const free = this.#suspect === undefined ? all - busy - this.#reserved : 0
    return planArrivals(ledger, due, names, free)
  }

  /** `ending`: leases whose ends another cycle has sent and that live until these are stored. */
  #planClaims(arriving: boolean, ending: number): ClaimPlan[] {
    const { suspects, slots } = this.#options
    if (!this.#claiming || this.#seen === undefined || this.#seen.config.paused === true) return []
    if (this.#suspect !== undefined) return []
    const { all, busy } = slots()
    if (suspects.isDue) {
      // A suspect may take its neighbours along, so it gets none: claimed once every slot is empty.
      return busy + this.#reserved + ending === 0 ? [this.#planOne(1, true)] : []
    }
    if (!this.#hungry && !arriving) return []
    const plans: ClaimPlan[] = []
    const share = all < SLOTS_FOR_TWO ? all : Math.ceil(all / 2)
    let free = Math.min(share, all - busy - this.#reserved)
    for (; free > 0; free -= CLAIM_JOBS) plans.push(this.#planOne(Math.min(free, CLAIM_JOBS), false))
    return plans
  }

  #planOne(limit: number, suspect: boolean): ClaimPlan {
    return newClaim(this.#options.ledger, this.#options, ++this.#counter, limit, suspect)
  }

  /** `hints`: how many there had been when the claims were sent; one that came since may speak of jobs they missed. */
  #granted(plans: readonly ClaimPlan[], answers: readonly Answer[], hints: number): void {
    plans.forEach((plan, at) => {
      const answer = answers[at]!
      if (answer instanceof HoldfastError) {
        if (answer.outcome === 'unknown') this.#lostAnswers.add(plan)
        return
      }
      if (answer[0] === false) {
        this.#seen = undefined
        return
      }
      const grants = grantsOf(plan, answer[CLAIM_RESULT]!)
      this.#begin(plan, grants)
      if (plan.suspect === true) this.#options.suspects.served()
      else if (grants.length < plan.limit && hints === this.#hints) this.#hungry = false
    })
  }

  /** Says so where the queue has nothing left and the last job of this worker has ended. */
  #perhapsDrained(): void {
    const { slots, suspects, settling, drained } = this.#options
    if (!this.#claiming || this.#hungry || !this.#tookSome || suspects.isDue) return
    if (slots().busy > 0 || this.#reserved > 0 || settling.open > 0) return
    this.#tookSome = false
    drained()
  }

  #begin(plan: ClaimPlan, grants: readonly Grant[]): void {
    if (grants.length === 0) return
    this.#tookSome = true
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
      if (this.#claiming) this.#begin(plan, grants)
      else this.#holdBack(plan, grants)
    }
  }

  #holdBack(plan: ClaimPlan, grants: readonly Grant[]): void {
    if (grants.length > 0) this.#options.renewal.hold(plan.claim, plan.until, grants)
    this.#options.giveBack(grants)
  }

  #failed(error: HoldfastError): void {
    const { ledger, storeClosed } = this.#options
    if (this.#stopped) return
    this.#options.error(error)
    if (error.code === 'STORE_CLOSED') return storeClosed()
    this.#rest.begin(ledger.store.host, () => this.wake())
  }
}
