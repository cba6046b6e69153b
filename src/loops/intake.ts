/** What the answers to claims come to: jobs on lease, held from then on, and started unless it is too late for that. */
import { HoldfastError } from '../error.ts'
import { type ClaimPlan, type Grant, grantsOf } from '../ledger/claim.ts'
import type { Answer } from '../ledger/commit.ts'
import { isTooLate } from '../ledger/rates.ts'
import type { Result } from '../store.ts'
import { LostClaims } from './lost-claims.ts'
import type { ClaimOptions } from './round.ts'
import type { Suspects } from './suspects.ts'

export interface IntakeReports {
  /** A claim was made under settings that hold no more. */
  readonly outdated: () => void
  /** Jobs of a claim whose answer was lost. */
  readonly found: (plan: ClaimPlan, grants: readonly Grant[]) => void
}

export class Intake {
  /** Some jobs came since this was last set to false. */
  tookSome = false
  readonly #options: ClaimOptions
  readonly #suspects: Suspects
  readonly #reports: IntakeReports
  readonly #lost: LostClaims

  constructor(options: ClaimOptions, suspects: Suspects, reports: IntakeReports) {
    this.#options = options
    this.#suspects = suspects
    this.#reports = reports
    this.#lost = new LostClaims(options.ledger, reports.found)
  }

  /** Whether there may be jobs on lease that nobody knows of. */
  get isUnsure(): boolean {
    return this.#lost.isAny
  }

  /** Looks for them. */
  adopt(): Promise<void> {
    return this.#lost.adopt()
  }

  /** What a claim got; `claimed` finds it among the results. */
  grantsIn(
    plan: ClaimPlan,
    answer: Answer,
    claimed: (results: readonly Result[]) => Result,
  ): readonly Grant[] {
    if (answer instanceof HoldfastError) {
      if (answer.outcome === 'unknown') this.#lost.add(plan)
      return []
    }
    if (answer[0] === false) {
      this.#reports.outdated()
      return []
    }
    return grantsOf(plan, claimed(answer))
  }

  /** Keeps their leases; those that are to be started now. */
  hold(plan: ClaimPlan, grants: readonly Grant[]): readonly Grant[] {
    if (grants.length === 0) return grants
    this.tookSome = true
    if (isTooLate(this.#options.ledger, plan)) {
      this.holdBack(plan, grants)
      return []
    }
    if (plan.suspect === true) this.#suspects.claimed(grants[0]!)
    this.#options.renewal.hold(plan.claim, plan.until, grants)
    return grants
  }

  /** They are not to be started any more. */
  holdBack(plan: ClaimPlan, grants: readonly Grant[]): void {
    if (grants.length > 0) this.#options.renewal.hold(plan.claim, plan.until, grants)
    this.#options.giveBack(grants)
  }
}
