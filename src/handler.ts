/** The types of what users write to run jobs. */
import type { JobOf } from './job.ts'
import type { NameOf, ResultOf } from './job-map.ts'
import type { JobContext } from './loops/attempt.ts'

/**
 * Runs one job: gives its result, or throws. The attempt has failed when it throws anything, save `SnoozeError` (comes back,
 * no attempt burnt); `UnrecoverableError` fails the job for good, `RetryAfterError` says when the next attempt comes. May be
 * given `signal` as its third argument, where BullMQ has it.
 */
export type Handler<Map, Name extends NameOf<Map> = NameOf<Map>> = (
  job: JobOf<Map, Name>,
  context: JobContext,
  signal: AbortSignal,
) => ResultOf<Map, Name> | Promise<ResultOf<Map, Name>>

/** One handler per name of job; a job without one fails with `NO_HANDLER`. */
export type Handlers<Map> = { [N in NameOf<Map>]?: Handler<Map, N> }
