/** When a schedule runs, as users say it: BullMQ's repeat options and a few of our own, checked. */
import { CATCH_UP_MOST, DURATION_MOST, TIME_MOST } from './bounds.ts'
import { type Check, type Checks, checkOptions, object } from './check.ts'
import { checkPattern, refuseSchedule, zoneNamed } from './cron.ts'
import { byLegacy } from './legacy.ts'

/**
 * What becomes of runs whose time passed while nobody was there to make them. `skip`: none of them is made. `one`: all of them
 * together make one. `all`: every one is made. `{ max, maxAge }`: the newest `max` of those that are at most `maxAge` ms late.
 */
export type MissedRuns = 'skip' | 'one' | 'all' | { max?: number; maxAge?: number }

/**
 * What becomes of a run whose predecessor is not finished. `allow`: it is made all the same. `skip`: it is not made.
 * `cancel-previous`: its predecessor is cancelled, as by `queue.cancel`.
 */
export type Overlap = 'allow' | 'skip' | 'cancel-previous'

/** When a schedule runs: `pattern` or `every`. Times are in milliseconds. */
export interface RepeatOptions {
  /** A cron pattern of five fields, or of six with seconds first; or `@daily` and its kin. */
  pattern?: string
  /** Milliseconds from one run to the next. The first is made at once, unless `offset` or `startDate` says otherwise. */
  every?: number
  /** The time zone of `pattern`, such as `Europe/Berlin`; default: that of the process which makes the schedule. */
  tz?: string
  /** With `every`: runs are at its multiples since the epoch and so many ms more, whoever makes the schedule and when. */
  offset?: number
  /** No run before this. With `every`, the first run. */
  startDate?: Date | string | number
  /** No run after this. */
  endDate?: Date | string | number
  /** Runs in all; default: no limit. */
  limit?: number
  /** Whether there is a run at once as well; default false. `every` has one anyway. */
  immediately?: boolean
  /** Each run is delayed by up to so many ms, by chance; default 0. */
  jitter?: number
  /** What becomes of runs that were missed; default `one`. */
  missed?: MissedRuns
  /** What becomes of a run whose predecessor is not finished; default `allow`. */
  overlap?: Overlap
}

/** The same after checking: points in time are ms since the epoch. */
export interface Timing extends Omit<RepeatOptions, 'startDate' | 'endDate'> {
  readonly startDate?: number
  readonly endDate?: number
}

const whole =
  (least: number, most: number, unit = ''): Check<number> =>
  (value, field) =>
    Number.isInteger(value) && (value as number) >= least && (value as number) <= most
      ? (value as number)
      : refuseSchedule(field, value, `a whole number ${unit && `of ${unit} `}from ${least} to ${most}`)

const milliseconds = (least: number): Check<number> => whole(least, DURATION_MOST, 'milliseconds')

const date: Check<number> = (value, field) => {
  const at = typeof value === 'number' ? value : new Date(value as string | Date).getTime()
  return Number.isFinite(at) && at >= 0 && at < TIME_MOST && !isNothing(value)
    ? Math.floor(at)
    : refuseSchedule(
        field,
        value,
        'a valid Date, its text, or milliseconds since the epoch before the year 2286',
      )
}

/** What a Date takes for the beginning of 1970. */
const isNothing = (value: unknown): boolean => value === null || typeof value === 'boolean'

const oneOf =
  <T extends string>(...names: readonly T[]): Check<T> =>
  (value, field) =>
    names.find((name) => name === value) ??
    refuseSchedule(field, value, `one of ${names.map((name) => `'${name}'`).join(', ')}`)

const missedCheck: Check<MissedRuns> = (value, field) => {
  if (typeof value === 'string') return oneOf('skip', 'one', 'all')(value, field)
  if (typeof value !== 'object' || value === null)
    refuseSchedule(
      field,
      value,
      "'skip', 'one', 'all', or an object with max, maxAge (in milliseconds) or both",
    )
  const checks = { max: whole(1, CATCH_UP_MOST), maxAge: milliseconds(0) }
  const bounds = checkOptions<{ max?: number; maxAge?: number }>(value, checks, field, `${field}.`)
  return bounds.max === undefined && bounds.maxAge === undefined
    ? refuseSchedule(field, value, 'given max, maxAge (in milliseconds) or both')
    : { max: bounds.max, maxAge: bounds.maxAge }
}

const checks: Checks<RepeatOptions> = {
  pattern: checkPattern,
  every: milliseconds(1),
  tz: (value, field) => {
    zoneNamed(value, field)
    return value as string
  },
  offset: whole(0, DURATION_MOST, 'milliseconds'),
  startDate: date,
  endDate: date,
  limit: whole(1, Number.MAX_SAFE_INTEGER),
  immediately: (value, field) =>
    typeof value === 'boolean' ? value : refuseSchedule(field, value, 'true or false'),
  jitter: milliseconds(0),
  missed: missedCheck,
  overlap: oneOf('allow', 'skip', 'cancel-previous'),
}

const legacyOfRepeat = byLegacy('repeat')

/** @throws HoldfastError `SCHEDULE_INVALID` naming the field and why; `OPTION_INVALID` for an unknown name. */
export function checkRepeat(given: unknown, zone: () => string, what = 'the schedule'): Timing {
  object(given, what)
  const timing = checkOptions(given, checks, what, '', legacyOfRepeat) as Timing
  const { pattern, every, tz, offset, startDate, endDate, limit, immediately, jitter, missed, overlap } =
    timing
  if (pattern === undefined && every === undefined)
    refuseSchedule('pattern', undefined, 'given where every is not')
  if (pattern !== undefined && every !== undefined)
    refuseSchedule('every', every, 'left out where pattern is given')
  if (tz !== undefined && pattern === undefined)
    refuseSchedule('tz', tz, 'left out where pattern is not given')
  if (offset !== undefined && every === undefined)
    refuseSchedule('offset', offset, 'left out where every is not given')
  if (offset !== undefined && startDate !== undefined)
    refuseSchedule('offset', offset, 'left out where startDate is given')
  if (immediately === true && startDate !== undefined)
    refuseSchedule('immediately', immediately, 'left out where startDate is given')
  if (startDate !== undefined && endDate !== undefined && endDate < startDate)
    refuseSchedule('endDate', new Date(endDate), 'a time after startDate')
  // Named one by one: two that say the same are the same text, in whatever order they say it.
  const named = { pattern, every, tz: pattern && (tz ?? zone()), offset, startDate, endDate, limit }
  return { ...named, immediately, jitter, missed, overlap }
}
