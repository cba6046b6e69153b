/**
 * What all ways of claiming share: what is known of the queue, which slots are free, whether there may be jobs, and what an answer
 * comes to. The ways are jobs that are ready (`claims.ts`), those of groups (`visits.ts`), and one that is to be run alone (`alone.ts`).
 */
import { HoldfastError } from '../error.ts'
import { type Aim, type ClaimPlan, newClaim, planClaim } from '../ledger/claim.ts'
import { type Answer, type Block, commitCycle } from '../ledger/commit.ts'
import type { Result } from '../store.ts'
import { Intake } from './intake.ts'
import { Limiter } from './limiter.ts'
import type { ClaimOptions } from './round.ts'
import { Settings } from './settings.ts'
import { Suspects } from './suspects.ts'
import { Turns } from './turns.ts'
import { Vacancy } from './vacancy.ts'

export class Claiming {
  readonly options: ClaimOptions
  readonly vacancy: Vacancy
  readonly limiter: Limiter
  readonly settings: Settings
  readonly suspects: Suspects
  readonly turns: Turns
  readonly intake: Intake
  isOpen = false
  /** There may be jobs that are ready. */
  isHungry = true
  /** How often that was said. */
  hints = 0
  #counter = 0

  constructor(options: ClaimOptions) {
    const { ledger, wake, error } = options
    this.options = options
    this.vacancy = new Vacancy(options.room)
    this.limiter = new Limiter(ledger, options, () => this.hint())
    this.settings = new Settings(ledger, this.limiter)
    this.suspects = new Suspects(ledger, { due: wake, error })
    this.turns = new Turns(ledger, options.group, { due: wake, emptied: wake, error })
    this.intake = new Intake(options, this.suspects, {
      outdated: () => this.settings.forget(),
      found: (plan, grants) =>
        this.isOpen ? options.start(this.intake.hold(plan, grants)) : this.intake.holdBack(plan, grants),
    })
  }

  start(): void {
    this.isOpen = true
    this.settings.forget()
    this.suspects.start()
    this.turns.start()
    this.hint()
  }

  stop(): void {
    this.isOpen = false
    this.limiter.stop()
    this.turns.stop()
    this.suspects.stop()
  }

  /** A claim may get what the last one did not. */
  hint(): void {
    this.expectRoom()
    this.hints++
    this.options.wake()
  }

  expectRoom(): void {
    this.isHungry = true
    // What is parked may have been left there for want of room.
    if (this.limiter.isLimited) this.options.names.hint()
    this.suspects.isRefused = false
    this.turns.hint()
  }

  /** Whether nothing is to be claimed beside others, whatever there may be. */
  get isStill(): boolean {
    return this.suspects.isDue || this.isStopped
  }

  /** Whether nothing is to be claimed at all. */
  get isStopped(): boolean {
    const { seen } = this.settings
    if (!this.isOpen || seen === undefined || seen.config.paused === true) return true
    return this.suspects.isRunning || this.limiter.isHeld
  }

  /** Whether no job of this worker is on lease, nor may be. */
  get isAlone(): boolean {
    return this.vacancy.isWhole && !this.intake.isUnsure && this.options.unsettled() === 0
  }

  planOne({ limit, suspect, gathering, visit, penned }: Omit<Aim, 'limits'>): ClaimPlan {
    const { limits } = this.limiter
    const aim = { limit, suspect, limits, gathering, visit, penned }
    return newClaim(this.options.ledger, this.options, ++this.#counter, aim)
  }

  blocksOf(plans: readonly ClaimPlan[]): Block[] {
    return plans.map((plan) => planClaim(this.options.ledger, this.settings.seen!, plan))
  }

  /**
   * Sends blocks in a call of their own. So many slots are theirs from now on: whoever gets the answers releases them in the turn in which
   * the jobs that were granted take them, as another cycle may plan in any other.
   */
  commit(blocks: readonly Block[], slots: number): Promise<Answer[]> {
    this.vacancy.reserve(slots)
    return commitCycle(this.options.ledger.store, blocks)
  }
}

/** Once what was granted is held: a call that was rejected is an error of the cycle. */
export function throwRejected(answers: readonly Answer[]): asserts answers is readonly (readonly Result[])[] {
  for (const answer of answers) if (answer instanceof HoldfastError) throw answer
}
