/** What a shift is made with. */
import type { BatchOptions } from '../core/batch-options.ts'
import type { GroupLimits } from '../core/group.ts'
import type { RateLimit } from '../core/limits.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Almanac } from '../ledger/schedule.ts'
import type { Introduction } from '../ledger/workers.ts'
import type { AnyHandler } from './attempt.ts'
import type { Rules } from './judge.ts'

export interface ShiftOptions extends Rules {
  readonly ledger: Ledger
  readonly concurrency: number
  /** One call of the handler for several jobs; `undefined` where each has its own. */
  readonly batch: BatchOptions | undefined
  /** Handlers that run at once, of single names. */
  readonly perName: Readonly<Record<string, { readonly concurrency: number }>>
  /** The worker's own bound on starts of the queue. */
  readonly limiter: RateLimit | undefined
  /** What it says of every group. */
  readonly group: GroupLimits
  readonly leaseMs: number
  readonly renewMs: number
  readonly maxStalledCount: number
  /** The worker's name and the random part of this object, escaped. */
  readonly worker: string
  readonly introduction: Pick<Introduction, 'host' | 'names'>
  readonly handlerOf: (name: string) => AnyHandler | undefined
  readonly almanac: Almanac
}
