/**
 * When a pattern runs, found the slow way: every minute is looked at, what clocks show then is asked of `Intl`, and what the
 * pattern says of it is read by a few lines that know nothing of cron-parser.
 */

const MINUTE = 60_000

export interface SimplePattern {
  readonly text: string
  readonly matches: (wall: number) => boolean
  /** Whether minute or hour are an interval. */
  readonly elapsed: boolean
}

/** Five fields of numbers, ranges, steps and lists. */
export function simplePattern(text: string): SimplePattern {
  const fields = text.split(' ')
  const [minute, hour, day, month, weekday] = [
    valuesOf(fields[0]!, 0, 59),
    valuesOf(fields[1]!, 0, 23),
    valuesOf(fields[2]!, 1, 31),
    valuesOf(fields[3]!, 1, 12),
    new Set([...valuesOf(fields[4]!, 0, 7)].map((value) => value % 7)),
  ] as const
  const eitherDay = fields[2] !== '*' && fields[4] !== '*'
  return {
    text,
    elapsed: /[*/]/.test(fields[0]! + fields[1]!) || minute.size === 60 || hour.size === 24,
    matches(wall) {
      const date = new Date(wall)
      const [isDay, isWeekday] = [day.has(date.getUTCDate()), weekday.has(date.getUTCDay())]
      return (
        minute.has(date.getUTCMinutes()) &&
        hour.has(date.getUTCHours()) &&
        month.has(date.getUTCMonth() + 1) &&
        (eitherDay ? isDay || isWeekday : isDay && isWeekday)
      )
    },
  }
}

function valuesOf(field: string, least: number, most: number): Set<number> {
  const values = new Set<number>()
  for (const item of field.split(',')) {
    const [range = '', step = '1'] = item.split('/')
    const [from = '', to = from] = range === '*' ? [String(least), String(most)] : range.split('-')
    for (let value = Number(from); value <= Number(to); value += Number(step)) values.add(value)
  }
  return values
}

export type Clock = (moment: number) => number

/** What clocks show: as the moment at which they show it in UTC. */
export function clockOf(zone: string): Clock {
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    dateStyle: 'short',
    timeStyle: 'medium',
  })
  return (moment) => {
    const [day, month, year, hour, minute, second] = format.format(moment).match(/\d+/g)!.map(Number)
    return Date.UTC(year!, month! - 1, day, hour, minute, second)
  }
}

/** What clocks show in each minute of a stretch of time: asked once, for as many patterns as there are. */
export const shownIn = (clock: Clock, from: number, until: number): number[] =>
  Array.from({ length: (until - from) / MINUTE }, (_, at) => clock(from + at * MINUTE))

/** The slots of a pattern between `from` and the end of what was shown; `skip` minutes are only for seeing what came before. */
export function scan(pattern: SimplePattern, from: number, shown: readonly number[], skip: number): number[] {
  const found: number[] = []
  let latest = -Infinity
  for (const [at, wall] of shown.entries()) {
    const moment = from + at * MINUTE
    if (at >= skip && runs(pattern, wall, latest)) found.push(moment)
    latest = Math.max(latest, wall)
  }
  return found
}

/** Of fixed times the first showing counts, and what the clocks jump over is there when they have jumped. */
function runs({ matches, elapsed }: SimplePattern, wall: number, latest: number): boolean {
  if (elapsed) return matches(wall)
  for (let shown = latest + MINUTE; shown <= wall; shown += MINUTE) if (matches(shown)) return true
  return false
}

/** The minutes from which on clocks of a zone run with another offset, looked for in steps. */
export function changesOf(clock: Clock, from: number, until: number, step: number): number[] {
  const offset = (moment: number): number => clock(moment) - moment
  const changes: number[] = []
  for (let at = from; at < until; at += step) {
    if (offset(at) === offset(at + step)) continue
    let [before, after] = [at, at + step]
    while (after - before > MINUTE) {
      const middle = before + Math.floor((after - before) / 2 / MINUTE) * MINUTE
      if (offset(middle) === offset(before)) before = middle
      else after = middle
    }
    changes.push(after)
  }
  return changes
}
