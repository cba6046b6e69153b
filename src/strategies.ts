/** Which backoff strategy serves a type: one of the worker's own by its name, else BullMQ's one for all. */
import type { LegacySettings } from './core/legacy.ts'
import type { Job } from './job.ts'
import type { BackoffStrategy } from './loops/judge.ts'

/** BullMQ's form: `(attemptsMade, type, error, job) => milliseconds`, where `attemptsMade` counts the attempt that just failed; -1 fails the job for good. */
export type LegacyBackoffStrategy = (
  attemptsMade: number,
  type: string,
  error: Error,
  job: Job,
) => number | Promise<number>

/** What a worker is given to choose waits by. */
export interface Strategies {
  readonly backoffStrategies?: Readonly<Record<string, BackoffStrategy>>
  readonly settings?: Pick<LegacySettings<LegacyBackoffStrategy>, 'backoffStrategy'>
}

export function strategyLookup(given: Strategies): (type: string) => BackoffStrategy | undefined {
  const { backoffStrategies = {}, settings: { backoffStrategy } = {} } = given
  return (type) => {
    if (Object.hasOwn(backoffStrategies, type)) return backoffStrategies[type]
    if (backoffStrategy === undefined) return undefined
    return (attempt, error, job) => backoffStrategy(attempt, type, error as Error, job)
  }
}
