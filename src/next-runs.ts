/** When a pattern runs, for people to check. */
import { slotsOfPattern } from './almanac.ts'
import { refuseOption } from './core/check.ts'
import { checkPattern, zoneNamed } from './core/cron.ts'
import { firstSlots } from './core/slots.ts'
import { localZone, wallTime } from './host.ts'

/** Runs that are told at most. */
const RUNS_MOST = 10_000

/**
 * The next `count` (default 5, at most 10,000) times at which a pattern runs in a time zone (default: that of the process) after
 * a moment (default: now); fewer where there are no more.
 *
 * @throws HoldfastError `SCHEDULE_INVALID` naming `pattern` or `tz` and why.
 */
export async function nextRuns(
  pattern: string,
  tz: string = localZone(),
  count = 5,
  after: Date | number = wallTime(),
): Promise<Date[]> {
  const checked = checkPattern(pattern, 'pattern')
  zoneNamed(tz, 'tz')
  if (!(Number.isInteger(count) && count >= 0 && count <= RUNS_MOST))
    refuseOption('count', count, `a whole number from 0 to ${RUNS_MOST}`)
  const from = Number(after)
  if (!Number.isFinite(from)) refuseOption('after', after, 'a valid Date, or milliseconds since the epoch')
  const slots = await slotsOfPattern(checked, tz)
  const first = slots.after(from)
  return first === undefined ? [] : firstSlots(slots, first, Infinity, count).map((slot) => new Date(slot))
}
