/** What a job's object is made of: its record as it was looked at, and what its holder may do. */
import type { SchemaLookup } from './core/schema.ts'
import type { Departure, Ending } from './core/lifecycle.ts'
import type { Job } from './job.ts'
import type { Grant } from './ledger/claim.ts'
import type { JobRecord } from './ledger/inspect.ts'
import type { Ledger } from './ledger/ledger.ts'

/** A lease that is ended by hand. */
export interface JobHold {
  /** What a caller may show to prove that it is the one who was given the job. */
  readonly tokens: readonly string[]
  /** A result as its schema has it. */
  readonly conform: (result: unknown) => Promise<unknown>
  readonly end: (ending: Ending) => Promise<Departure>
  readonly fail: (error: unknown, job: Job) => Promise<Departure>
  readonly extend: (ms: number) => Promise<void>
  readonly now: () => number
}

/** What a job's object is made of. */
export interface JobSource {
  readonly ledger: Ledger
  readonly record: JobRecord
  readonly deduplicated?: boolean
  /** The lease it runs under, in a handler. */
  readonly grant?: Grant
  /** The lease in the hands of whoever has the job: see `getNextJob`. */
  readonly hold?: JobHold
  /** What its data must be, whoever changes them. */
  readonly schemasOf?: SchemaLookup
  /** Told of progress that was written. */
  readonly onProgress?: (job: Job, progress: unknown) => void
}
