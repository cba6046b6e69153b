/** What one round of claims is made of, and what a worker's claims are made with. */
import type { BatchOptions } from '../core/batch-options.ts'
import type { GroupLimits } from '../core/group.ts'
import type { RateLimit } from '../core/limits.ts'
import type { ClaimPlan, Claimant, Grant } from '../ledger/claim.ts'
import type { Block } from '../ledger/commit.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Arrival } from './arrivals.ts'
import type { Names } from './names.ts'
import type { Renewal } from './renew.ts'
import type { Room } from './slots.ts'
import type { Rotation } from './turns.ts'

export interface ClaimOptions extends Claimant {
  readonly ledger: Ledger
  readonly renewal: Renewal
  readonly names: Names
  /** The worker's own bound on starts of the queue. */
  readonly limiter: RateLimit | undefined
  /** What it says of every group. */
  readonly group: GroupLimits
  readonly maxStalledCount: number
  /** Jobs that one call of a handler gets, and how many are waited for. */
  readonly batch: BatchOptions | undefined
  /** Jobs that may run, and that do. */
  readonly room: () => Room
  /** Ends of leases that the store does not have yet. */
  readonly unsettled: () => number
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
  /** Groups that are to be visited after it. */
  readonly rotation: Rotation | undefined
  /** How many hints there had been when it was planned; one that comes later may speak of jobs it misses. */
  readonly hints: number
  readonly blocks: readonly Block[]
}
