/** The types of what users give to a worker. */
import type { LegacySettings, PassedOverOptions } from './core/legacy.ts'
import type { Schemas } from './core/schema.ts'
import type { WorkerSettings } from './core/worker-options.ts'
import type { BackoffStrategy, RetryIf } from './loops/judge.ts'
import type { Store } from './store.ts'
import type { LegacyBackoffStrategy } from './strategies.ts'

/** What a worker is made with. Times are in milliseconds. */
export interface WorkerOptions<First = any> extends WorkerSettings, PassedOverOptions {
  /** The store of the queue. Required; closing the worker leaves it open. */
  store: Store
  /**
   * What data must be when a job is taken, and what its handler must give, in the form that queues take: what does not fit fails
   * for good with `SCHEMA_MISMATCH`, data without reaching the handler. The types of handlers follow from them.
   */
  schemas?: First & Schemas
  /** Asked of every error a handler throws but `UnrecoverableError`, `RetryAfterError` and `SnoozeError`, which say it themselves; default: all are tried again. Ready-made: `retryHttp`. */
  retryIf?: RetryIf
  /** Backoff types of your own: `(attempt, error, job) => ms`, -1 fails the job for good. */
  backoffStrategies?: Record<string, BackoffStrategy>
  /** BullMQ's place for one strategy that serves all types, and for lease times; what the worker's own options say wins. */
  settings?: LegacySettings<LegacyBackoffStrategy>
}

/** How long a worker's end may take. */
export interface CloseOptions {
  /** Milliseconds to let handlers finish; default 30,000, `Infinity` waits for as long as they take. */
  timeout?: number
}
