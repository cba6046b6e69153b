/** What users write to run jobs: its types, and how the handler of a job is found. */
import { refuseOption } from './core/check.ts'
import { refusePath } from './core/legacy.ts'
import type { JobOf } from './job.ts'
import type { NameOf, OutcomeOf } from './job-map.ts'
import type { AnyHandler, JobContext } from './loops/attempt.ts'

/**
 * Runs one job: gives its result, or throws. The attempt has failed when it throws anything, save `SnoozeError` (comes back,
 * no attempt burnt); `UnrecoverableError` fails the job for good, `RetryAfterError` says when the next attempt comes. May be
 * given `signal` as its third argument, where BullMQ has it.
 */
export type Handler<Map, Name extends NameOf<Map> = NameOf<Map>> = (
  job: JobOf<Map, Name>,
  context: JobContext,
  signal: AbortSignal,
) => OutcomeOf<Map, Name> | Promise<OutcomeOf<Map, Name>>

/** One handler per name of job; a job without one fails with `NO_HANDLER`. */
export type Handlers<Map> = { [N in NameOf<Map>]?: Handler<Map, N> }

/** The handler of a job by its name; `null` has none for any. @throws HoldfastError `OPTION_INVALID`; `NOT_SUPPORTED` for a path. */
export function handlerLookup(handler: unknown): (name: string) => AnyHandler | undefined {
  if (typeof handler === 'function') return () => handler as AnyHandler
  if (handler === null) return () => undefined
  refusePath(handler)
  if (typeof handler !== 'object' || Array.isArray(handler)) {
    refuseOption('the handler', handler, 'a function, or an object of one function per job name')
  }
  for (const [name, one] of Object.entries(handler)) {
    if (one !== undefined && typeof one !== 'function') refuseOption(`the handler ${name}`, one, 'a function')
  }
  const handlers = handler as Record<string, AnyHandler>
  return (name) => (Object.hasOwn(handlers, name) ? handlers[name] : undefined)
}

/** The names of jobs there are handlers for; `undefined` where one handler takes any. */
export const namesOf = (handler: unknown): readonly string[] | undefined =>
  typeof handler === 'object' && handler !== null
    ? Object.entries(handler).flatMap(([name, one]) => (one === undefined ? [] : [name]))
    : undefined
