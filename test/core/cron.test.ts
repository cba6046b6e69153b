/** Patterns: which are refused and why, and when those that are not run, held against a scan of minutes. */
import { CronExpressionParser } from 'cron-parser'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkPattern, cronSlots, zoneNamed } from '../../src/core/cron.ts'
import type { Slots } from '../../src/core/slots.ts'
import { Zone } from '../../src/core/zone.ts'
import { clockOf, scan, shownIn, simplePattern } from '../schedules/minute-scan.ts'
import { DAY, ZONES, changesIn, differencesAt } from '../schedules/zones.ts'

const MINUTE = 60_000

const slotsIn = (pattern: string, zone: string): Slots =>
  cronSlots(CronExpressionParser, checkPattern(pattern, 'pattern'), new Zone(zone))

function slotsBetween(pattern: string, zone: string, from: string, until: string): string[] {
  const slots = slotsIn(pattern, zone)
  const found: string[] = []
  for (let at = slots.after(Date.parse(from) - 1); at! < Date.parse(until); at = slots.after(at!))
    found.push(new Date(at!).toISOString().slice(0, 16))
  return found
}

describe('daylight saving', () => {
  test('a fixed time in the gap runs once, right after it', () => {
    expect(slotsBetween('30 2 * * *', 'Europe/Berlin', '2026-03-28', '2026-03-31')).toEqual([
      '2026-03-28T01:30',
      '2026-03-29T01:00', // 03:00, where the clocks go on after 02:00
      '2026-03-30T00:30',
    ])
  })

  test('all fixed times in the gap make one run, with one that is there anyway', () => {
    expect(slotsBetween('0,15,45 2,3 * * *', 'Europe/Berlin', '2026-03-29', '2026-03-30')).toEqual([
      '2026-03-29T01:00',
      '2026-03-29T01:15',
      '2026-03-29T01:45',
    ])
  })

  test('a fixed time in the overlap runs once, the first time', () => {
    expect(slotsBetween('30 2 * * *', 'Europe/Berlin', '2026-10-25', '2026-10-26')).toEqual([
      '2026-10-25T00:30',
    ])
  })

  test('a fixed time in the overlap is over once it came', () => {
    const again = Date.parse('2026-10-25T01:10Z') // 02:10 the second time
    expect(slotsIn('30 2 * * *', 'Europe/Berlin').after(again)).toBe(Date.parse('2026-10-26T01:30Z'))
  })

  test('intervals run by elapsed time', () => {
    expect(slotsBetween('0 * * * *', 'Europe/Berlin', '2026-10-24T23:00Z', '2026-10-25T03:00Z')).toEqual([
      '2026-10-24T23:00',
      '2026-10-25T00:00',
      '2026-10-25T01:00',
      '2026-10-25T02:00',
    ])
    expect(slotsBetween('*/30 2 * * *', 'Europe/Berlin', '2026-10-25', '2026-10-26')).toHaveLength(4)
    expect(slotsBetween('*/30 2 * * *', 'Europe/Berlin', '2026-03-29', '2026-03-30')).toHaveLength(0)
  })

  test.each([
    ['half an hour', '15 2 * * *', 'Australia/Lord_Howe', '2026-10-03T12:00Z', ['2026-10-03T15:30']],
    ['midnight', '0 0 * * *', 'America/Sao_Paulo', '2018-11-04T00:00Z', ['2018-11-04T03:00']],
    ['midnight', '30 0 * * *', 'America/Santiago', '2026-09-06T00:00Z', ['2026-09-06T04:00']],
    ['a day', '0 9 * * *', 'Pacific/Apia', '2011-12-30T08:00Z', ['2011-12-30T10:00', '2011-12-30T19:00']],
  ])('a gap of %s: %s in %s', (_, pattern, zone, from, wanted) => {
    const until = new Date(Date.parse(from) + DAY).toISOString()
    expect(slotsBetween(pattern, zone, from, until)).toEqual(wanted)
  })

  test('as a scan of minutes says, around changes of the clocks in all kinds of zones', () => {
    const notable =
      'Africa/Cairo Africa/Casablanca America/Caracas Antarctica/Troll Asia/Pyongyang Pacific/Apia'
    for (const zone of notable.split(' ')) {
      const changes = changesIn(zone, DAY)
      for (const change of changes.slice(-2)) expect(differencesAt(zone, change)).toEqual([])
    }
    const place = fc.tuple(fc.constantFrom(...ZONES), fc.nat())
    fc.assert(
      fc.property(place, ([zone, at]) => {
        const changes = changesIn(zone, 7 * DAY)
        if (changes.length > 0) expect(differencesAt(zone, changes[at % changes.length]!)).toEqual([])
      }),
      { numRuns: 15 },
    )
  })
})

describe('the calendar', () => {
  test('as a scan of minutes says', () => {
    const field = (least: number, most: number) =>
      fc.oneof(
        { weight: 2, arbitrary: fc.constant('*') },
        fc.integer({ min: least, max: most }).map(String),
        fc.integer({ min: 2, max: most }).map((step) => `*/${step}`),
        fc
          .tuple(fc.integer({ min: least, max: most }), fc.integer({ min: least, max: most }))
          .map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`),
        fc.uniqueArray(fc.integer({ min: least, max: most }), { minLength: 1, maxLength: 4 }).map(String),
      )
    const pattern = fc
      .tuple(field(0, 59), field(0, 23), field(1, 28), field(1, 12), field(0, 6))
      .map((fields) => fields.join(' '))
    const from = fc.integer({ min: Date.UTC(2000, 0, 1) / MINUTE, max: Date.UTC(2040, 0, 1) / MINUTE })
    fc.assert(
      fc.property(pattern, from, (text, start) => {
        const begin = start * MINUTE
        const shown = shownIn((moment) => moment, begin, begin + 50 * DAY)
        const wanted = scan(simplePattern(text), begin, shown, 1)[0]
        const found = slotsIn(text, 'UTC').after(begin)
        expect(wanted === undefined ? found === undefined || found >= begin + 50 * DAY : found).toBe(
          wanted ?? true,
        )
      }),
      { numRuns: 40 },
    )
  })

  test('leap days, also across a century that has none', () => {
    expect(slotsBetween('0 0 29 2 *', 'Europe/Berlin', '2096-03-01', '2105-01-01')).toEqual([
      '2104-02-28T23:00',
    ])
    expect(slotsIn('0 0 29 2 *', 'UTC').after(Date.UTC(2026, 0, 1))).toBe(Date.UTC(2028, 1, 29))
  })

  test('the last day, the second Tuesday, names of months and days', () => {
    expect(slotsBetween('0 0 L 2 *', 'UTC', '2027-01-01', '2029-01-01')).toEqual([
      '2027-02-28T00:00',
      '2028-02-29T00:00',
    ])
    expect(slotsBetween('0 9 * * 2#2', 'UTC', '2026-01-01', '2026-03-01')).toEqual([
      '2026-01-13T09:00',
      '2026-02-10T09:00',
    ])
    expect(slotsBetween('0 9 * JAN MON-TUE', 'UTC', '2026-01-01', '2026-01-10')).toEqual([
      '2026-01-05T09:00',
      '2026-01-06T09:00',
    ])
  })

  test('six fields begin with seconds', () => {
    const slots = slotsIn('*/20 30 9 * * *', 'UTC')
    const first = Date.UTC(2026, 0, 1, 9, 30)
    expect(slots.after(first - 1)).toBe(first)
    expect(slots.after(first)).toBe(first + 20_000)
    expect(slots.after(first + 40_000)).toBe(first + DAY)
  })

  test('aliases', () => {
    for (const [alias, pattern] of [
      ['@daily', '0 0 * * *'],
      ['@weekly', '0 0 * * 0'],
      ['@hourly', '0 * * * *'],
      ['@yearly', '0 0 1 1 *'],
    ] as const) {
      const at = Date.UTC(2026, 5, 17, 3, 4, 5)
      expect(slotsIn(alias, 'Asia/Tokyo').after(at)).toBe(slotsIn(pattern, 'Asia/Tokyo').after(at))
    }
  })

  test('one that never comes has no slot', () => {
    expect(() => slotsIn('0 0 30 2 *', 'UTC')).toThrow(/pattern must be a cron pattern that can be read/)
    expect(slotsIn('0 0 29 2 *', 'UTC').after(Date.UTC(2285, 0, 1))).toBeUndefined()
  })
})

describe('zones', () => {
  test('offsets are those of Intl, at any time', () => {
    const moment = fc.integer({ min: Date.UTC(1970, 0, 1), max: Date.UTC(2100, 0, 1) })
    fc.assert(
      fc.property(fc.constantFrom(...ZONES), moment, (zone, at) => {
        const { value } = new Zone(zone).stretches(at).next()
        expect(value.from <= at && at < value.until).toBe(true)
        const whole = Math.floor(at / 1000) * 1000
        expect(whole + value.offset).toBe(clockOf(zone)(at))
      }),
      { numRuns: 300 },
    )
  })

  test.each([['Mars/Olympus'], [''], ['+02:00'], [42], [null]])('%s is none', (name) => {
    expect(() => zoneNamed(name, 'tz')).toThrow(
      expect.objectContaining({ code: 'SCHEDULE_INVALID', message: expect.stringContaining('tz must be') }),
    )
  })
})
