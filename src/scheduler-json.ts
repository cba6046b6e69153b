/** What users see of a schedule. */
import type { CheckedJobOptions } from './core/job-options.ts'
import { scheduleKeyOf } from './core/keys.ts'
import { decodePayload } from './core/payload.ts'
import type { MissedRuns, Overlap } from './core/schedule-options.ts'
import type { KeptSchedule } from './ledger/schedule.ts'

/** A schedule as plain data; points in time are ms since the epoch. Fields that nobody gave are left out. */
export interface JobSchedulerJson<Data = any> {
  /** Its id. */
  readonly key: string
  /** Of its jobs. */
  readonly name: string
  /** As given. */
  readonly pattern?: string
  /** What the pattern says, in English; where the package `cronstrue` is installed. */
  readonly description?: string
  /** Milliseconds from one run to the next. */
  readonly every?: number
  /** The time zone of the pattern. */
  readonly tz?: string
  /** As given. */
  readonly offset?: number
  /** No run before this. */
  readonly startDate?: number
  /** No run after this. */
  readonly endDate?: number
  /** Runs in all. */
  readonly limit?: number
  /** Milliseconds by which a run may be delayed by chance. */
  readonly jitter?: number
  /** What becomes of missed runs. */
  readonly missed: MissedRuns
  /** What becomes of a run whose predecessor is not finished. */
  readonly overlap: Overlap
  /** Its next run; left out where there is none any more. */
  readonly next?: number
  /** The time of its last run. */
  readonly last?: number
  /** The job that its last run made. */
  readonly lastJobId?: string
  /** Runs it made. */
  readonly iterationCount: number
  /** Runs that were passed over because no worker was there at their time; counted up to 10,000 at once. */
  readonly missedCount: number
  /** Runs that were passed over because their predecessor was not finished. */
  readonly overlappedCount: number
  /** What its jobs are made of. */
  readonly template: { readonly data: Data; readonly opts: Readonly<CheckedJobOptions> }
}

export function schedulerJson(
  { name, schedule, data }: KeptSchedule,
  describe: (pattern: string) => string | undefined,
): JobSchedulerJson {
  const { timing, opts, next, last, lastJob, runs = 0, missed = 0, overlapped = 0 } = schedule
  const { immediately: _, ...told } = timing
  const description = timing.pattern === undefined ? undefined : describe(timing.pattern)
  const all = {
    key: scheduleKeyOf(name),
    name: schedule.name,
    ...told,
    description,
    missed: timing.missed ?? 'one',
    overlap: timing.overlap ?? 'allow',
    next,
    last,
    lastJobId: lastJob,
    iterationCount: runs,
    missedCount: missed,
    overlappedCount: overlapped,
    template: { data: decodePayload(data), opts },
  }
  return Object.fromEntries(
    Object.entries(all).filter(([, value]) => value !== undefined),
  ) as unknown as JobSchedulerJson
}
