/** The types of what users give to a queue. */
import type { Intervention } from './core/audit.ts'
import type { FinishedFilter } from './core/finished-filter.ts'
import type { DefaultJobOptions, JobOptions } from './core/job-options.ts'
import type { PassedOverQueueOptions } from './core/legacy.ts'
import type { Schemas } from './core/schema.ts'
import type { Store } from './store.ts'

/** What a queue is made with. */
export interface QueueOptions<First = any> extends PassedOverQueueOptions {
  /** Where the jobs are kept: `memoryStore()`, `levelStore(path)`, ... Required; closing the queue leaves it open. */
  store: Store
  /** What every job of this queue object is added with, unless `add` says otherwise. */
  defaultJobOptions?: DefaultJobOptions
  /** The group of every job that does not say one itself: its id, or `undefined` for none. */
  groupBy?: (job: {
    readonly name: string
    readonly data: any
    readonly opts: JobOptions
  }) => string | number | undefined
  /**
   * What the data of jobs must be, by their names: `{ name: schema }` or `{ name: { data: schema, result: schema } }`, of any
   * library that speaks Standard Schema (zod, valibot, arktype, ...). The types of the queue follow from them.
   */
  schemas?: First & Schemas
}

/** Which finished jobs `retryJobs` puts back in line. */
export interface RetryJobsOptions extends FinishedFilter, Intervention {
  /** Default `failed`. */
  state?: 'failed' | 'completed'
  /** Whether they have all their attempts again; default false: what is left of them. */
  resetAttempts?: boolean
  /** BullMQ's name for `to`, in ms since the epoch. */
  timestamp?: number
  /** Jobs of one step, at most; default, and most, 200. */
  count?: number
}

/** A job of `addBulk`. */
export interface BulkJob<Name extends string = string, Data = unknown> {
  /** The job's name, 1 to 256 characters. */
  name: Name
  /** What its handler gets; must come back from JSON as it was. */
  data: Data
  /** As the third argument of `add`. */
  opts?: JobOptions
}
