/**
 * Cron patterns: which are accepted, and when they run in a time zone. The calendar is cron-parser's, given as an argument and
 * asked in UTC about wall times, where no day is longer than another; what daylight saving makes of a wall time is decided
 * here:
 *
 * - A pattern whose minute and hour are fixed runs once for each of its wall times: for one that the clocks jump over, right
 *   after the jump (with all others that the jump took); for one that comes twice, the first time.
 * - A pattern with a wildcard (`*`, or all there are) as minute or hour runs by elapsed time: whenever the clocks show one of
 *   its wall times, the second time as well, and not where they never do.
 *
 * This is the rule of Paul Vixie's cron, save that a jump makes one run and not one for each time it took.
 */
import { PATTERN_CHARACTERS, TIME_MOST } from './bounds.ts'
import { show } from './check.ts'
import { HoldfastError } from '../error.ts'
import type { Slots } from './slots.ts'
import { OFFSET_MOST, Zone } from './zone.ts'

/** As much of cron-parser as is used. */
export interface CronParser {
  parse(pattern: string, options: { tz: string; currentDate: Date }): CronExpression
}

interface CronExpression {
  readonly fields: Readonly<Record<'second' | 'minute' | 'hour', { readonly values: readonly unknown[] }>>
  reset(date: Date): void
  /** Throws where there is none. */
  next(): { getTime(): number }
}

/** Other names of patterns. */
const ALIASES: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
  '@minutely': '* * * * *',
  '@secondly': '* * * * * *',
  '@weekdays': '0 0 * * 1-5',
  '@weekends': '0 0 * * 0,6',
}

/** Refuses a part of a schedule, by name. */
export function refuseSchedule(field: string, value: unknown, wanted: string, cause?: unknown): never {
  throw new HoldfastError('SCHEDULE_INVALID', `${field} must be ${wanted}, not ${show(value)}`, { cause })
}

/** A pattern as it is kept, its fields by single spaces. What a field may say is left to cron-parser. */
export function checkPattern(value: unknown, field: string): string {
  const wanted = 'a cron pattern of five fields (minute hour day month weekday), or six with seconds first'
  if (typeof value !== 'string') refuseSchedule(field, value, wanted)
  if (value.length > PATTERN_CHARACTERS)
    refuseSchedule(field, value, `at most ${PATTERN_CHARACTERS} characters long`)
  const pattern = value.trim()
  if (pattern.startsWith('@')) {
    return Object.hasOwn(ALIASES, pattern)
      ? pattern
      : refuseSchedule(field, value, `one of ${Object.keys(ALIASES).join(', ')}, or fields`)
  }
  const fields = pattern.split(/\s+/)
  if (pattern === '' || fields.length < 5 || fields.length > 6) refuseSchedule(field, value, wanted)
  // cron-parser draws it by chance each time it reads it.
  if (fields.some((text) => /H/.test(text)))
    refuseSchedule(field, value, 'without H: jitter spreads runs by chance')
  return fields.join(' ')
}

/** @throws HoldfastError `SCHEDULE_INVALID` for a time zone that `Intl` does not know. */
export function zoneNamed(name: unknown, field: string): Zone {
  try {
    if (typeof name === 'string') return new Zone(name)
  } catch (cause) {
    refuseSchedule(field, name, "the name of a time zone, such as 'Europe/Berlin' or 'UTC'", cause)
  }
  return refuseSchedule(field, name, "the name of a time zone, such as 'Europe/Berlin' or 'UTC'")
}

/** The slots of a pattern. @throws HoldfastError `SCHEDULE_INVALID` for one that cannot be read. */
export function cronSlots(parser: CronParser, pattern: string, zone: Zone, field = 'pattern'): Slots {
  let expression: CronExpression
  try {
    expression = parser.parse(ALIASES[pattern] ?? pattern, { tz: 'UTC', currentDate: new Date(0) })
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    refuseSchedule(field, pattern, `a cron pattern that can be read (${why})`, cause)
  }
  const walls = wallTimes(expression)
  const isByElapsedTime = isElapsed(ALIASES[pattern] ?? pattern, expression)
  return { after: isByElapsedTime ? elapsedTime(walls, zone) : fixedTime(walls, zone) }
}

/** Whether minute or hour are written as an interval, or are all there are. */
function isElapsed(pattern: string, { fields }: CronExpression): boolean {
  const [minute = '', hour = ''] = pattern.split(' ').slice(-5)
  return /[*?/]/.test(minute + hour) || fields.minute.values.length === 60 || fields.hour.values.length === 24
}

/** The wall times of a pattern, after any wall time. */
type Walls = (wall: number) => number | undefined

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

/** cron-parser says on which days; the times of a day, the same on each, are told from its fields, which is a hundred times as fast. */
function wallTimes(expression: CronExpression): Walls {
  const times = timesOfDay(expression.fields)
  let known = Number.NaN
  return (wall) => {
    const day = Math.floor(wall / DAY_MS)
    const time = day === known ? times(wall - day * DAY_MS) : undefined
    if (time !== undefined) return day * DAY_MS + time
    const found = nextOf(expression, day === known ? (day + 1) * DAY_MS - 1 : wall)
    if (found !== undefined) known = Math.floor(found / DAY_MS)
    return found
  }
}

function nextOf(expression: CronExpression, wall: number): number | undefined {
  try {
    expression.reset(new Date(wall))
    const found = expression.next().getTime()
    return found < TIME_MOST ? found : undefined
  } catch {
    return undefined
  }
}

/** The first time of day, in ms, after another. */
function timesOfDay({
  hour,
  minute,
  second,
}: CronExpression['fields']): (after: number) => number | undefined {
  const [hours, minutes, seconds] = [hour, minute, second].map(
    ({ values }) => values as readonly number[],
  ) as [readonly number[], readonly number[], readonly number[]]
  return (after) => {
    for (const h of hours) {
      if ((h + 1) * HOUR_MS <= after) continue
      for (const m of minutes) {
        if (h * HOUR_MS + (m + 1) * MINUTE_MS <= after) continue
        for (const s of seconds) {
          const time = h * HOUR_MS + m * MINUTE_MS + s * 1000
          if (time > after) return time
        }
      }
    }
    return undefined
  }
}

/** Each wall time once: at the first moment at which the clocks show it, or have jumped over it. */
const fixedTime =
  (walls: Walls, zone: Zone) =>
  (moment: number): number | undefined => {
    const wall = walls(latestWall(zone, moment))
    return wall === undefined ? undefined : firstMoment(zone, wall)
  }

/** The latest wall time that clocks showed at a moment or before. */
function latestWall(zone: Zone, moment: number): number {
  let latest = -Infinity
  for (const { from, until, offset } of zone.stretches(moment - 2 * OFFSET_MOST)) {
    if (from > moment) return latest
    latest = Math.max(latest, Math.min(until - 1, moment) + offset)
  }
  return latest
}

/** The first moment at which clocks show a wall time or a later one. */
function firstMoment(zone: Zone, wall: number): number {
  for (const { from, until, offset } of zone.stretches(wall - OFFSET_MOST)) {
    const moment = Math.max(from, wall - offset)
    if (moment < until) return moment
  }
  return wall
}

/** Every moment at which the clocks show one of the wall times. */
const elapsedTime =
  (walls: Walls, zone: Zone) =>
  (moment: number): number | undefined => {
    for (let start = moment + 1; ; ) {
      for (const { from, until, offset } of zone.stretches(start)) {
        const wall = walls(Math.max(from, start) + offset - 1)
        if (wall === undefined) return undefined
        if (wall - offset < until) return wall - offset
        // Clocks that are set back show again what they showed a while ago; nothing else comes before the wall time itself.
        const earliest = wall - OFFSET_MOST
        if (until > start + 2 * OFFSET_MOST && earliest > until) {
          start = earliest
          break
        }
      }
    }
  }
