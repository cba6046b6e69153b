/** Claims whose answer was lost: they may hold jobs that nobody runs. */
import type { ClaimPlan, Grant } from '../ledger/claim.ts'
import { grantsOfLostClaim } from '../ledger/lease.ts'
import type { Ledger } from '../ledger/ledger.ts'

export class LostClaims {
  readonly #ledger: Ledger
  readonly #found: (plan: ClaimPlan, grants: readonly Grant[]) => void
  readonly #plans = new Set<ClaimPlan>()

  constructor(ledger: Ledger, found: (plan: ClaimPlan, grants: readonly Grant[]) => void) {
    this.#ledger = ledger
    this.#found = found
  }

  get isAny(): boolean {
    return this.#plans.size > 0
  }

  add(plan: ClaimPlan): void {
    this.#plans.add(plan)
  }

  /** Takes over the jobs of those which the store did apply. */
  async adopt(): Promise<void> {
    for (const plan of this.#plans) {
      // Taken out before it is looked for, as there may be two cycles.
      this.#plans.delete(plan)
      const grants = await grantsOfLostClaim(this.#ledger, plan).catch((error: unknown) => {
        this.#plans.add(plan)
        throw error
      })
      this.#found(plan, grants)
    }
  }
}
