/** Every change of the clocks in every zone: patterns of all kinds around it, held against a scan of its minutes. */
import { CronExpressionParser } from 'cron-parser'
import { cronSlots } from '../../src/core/cron.ts'
import { Zone } from '../../src/core/zone.ts'
import { changesOf, clockOf, scan, shownIn, simplePattern } from './minute-scan.ts'

const MINUTE = 60_000
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR

/** Minutes before the stretch that is compared, so that what clocks showed before it is known. */
const BEFORE = 26 * 60

const PATTERNS = [
  '30 2 * * *',
  '0 2,3 * * *',
  '0 0 * * *',
  '30 1 * * *',
  '15 23 * * *',
  '45 0-4 * * 1-5',
  '0 * * * *',
  '*/15 * * * *',
  '*/30 2 * * *',
  '0 */2 * * *',
  '* 1-3 * * *',
  '59 11 30,31 * 0',
].map(simplePattern)

export const ZONES: readonly string[] = Intl.supportedValuesOf('timeZone')

/** The changes of a zone from 2000 to 2040. */
export const changesIn = (zone: string, step: number): number[] =>
  changesOf(clockOf(zone), Date.UTC(2000, 0, 1), Date.UTC(2040, 0, 1), step)

/** What is compared around a change of the clocks, and from when on clocks are asked. */
function stretchAround(change: number): { begin: number; from: number; until: number } {
  const from = change - 12 * HOUR
  return { begin: from - BEFORE * MINUTE, from, until: change + 36 * HOUR }
}

/** What the clocks of a zone show around a change, hour by hour: alike for zones that change alike. */
function shownAround(zone: string, change: number): string {
  const clock = clockOf(zone)
  const { begin, until } = stretchAround(change)
  const shown: number[] = [change]
  for (let moment = begin; moment <= until; moment += HOUR) shown.push(clock(moment) - moment)
  return shown.join()
}

/** How the slots around a change differ from what the scan finds; nothing where they do not. */
export function differencesAt(zone: string, change: number): string[] {
  const { begin, from, until } = stretchAround(change)
  const shown = shownIn(clockOf(zone), begin, until)
  const place = new Zone(zone)
  return PATTERNS.flatMap((pattern) => {
    const wanted = scan(pattern, begin, shown, BEFORE)
    const slots = cronSlots(CronExpressionParser, pattern.text, place)
    const found: number[] = []
    for (let slot = slots.after(from - 1); slot! < until; slot = slots.after(slot!)) found.push(slot!)
    const told = (moments: readonly number[]): string =>
      moments.map((moment) => new Date(moment).toISOString()).join(' ')
    return told(found) === told(wanted)
      ? []
      : [`${pattern.text} in ${zone}: ${told(found)} and not ${told(wanted)}`]
  })
}

/** What was gone through. */
export interface Looked {
  zones: number
  changes: number
  /** Changes that another zone has had at the same moment with the same clocks around it: compared there. */
  alike: number
}

/** Zone by zone, until it is told to stop. */
export function checkZones(zones: readonly string[], step: number, isOver: () => boolean): Looked {
  const looked: Looked = { zones: 0, changes: 0, alike: 0 }
  const compared = new Set<string>()
  for (const zone of zones) {
    for (const change of changesIn(zone, step)) {
      if (isOver()) return looked
      looked.changes++
      const shown = shownAround(zone, change)
      if (compared.has(shown)) {
        looked.alike++
        continue
      }
      compared.add(shown)
      const [difference] = differencesAt(zone, change)
      if (difference !== undefined) throw new Error(difference)
    }
    looked.zones++
  }
  return looked
}
