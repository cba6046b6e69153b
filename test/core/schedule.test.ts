/** What a schedule is asked, when it runs first, and which jobs a tick makes of it. */
import { CronExpressionParser } from 'cron-parser'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { TICK_RUNS } from '../../src/core/bounds.ts'
import { cronSlots } from '../../src/core/cron.ts'
import {
  type Schedule,
  beginSchedule,
  decodeSchedule,
  encodeSchedule,
  slotJobId,
  slotsOf,
  tickSchedule,
} from '../../src/core/schedule.ts'
import { type MissedRuns, type RepeatOptions, checkRepeat } from '../../src/core/schedule-options.ts'
import { type Slots, everySlots, firstSlots, lastSlot, lastSlots } from '../../src/core/slots.ts'
import { Zone } from '../../src/core/zone.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const NOW = Date.UTC(2026, 0, 1, 0, 2)

const checked = (given: unknown) => checkRepeat(given, () => 'UTC')

interface Made {
  readonly schedule: Schedule
  readonly slots: Slots
}

function made(options: RepeatOptions, now = NOW, before?: Schedule): Made {
  const timing = checked(options)
  const cron =
    timing.pattern === undefined
      ? undefined
      : cronSlots(CronExpressionParser, timing.pattern, new Zone(timing.tz!))
  const schedule = beginSchedule({ name: 'report', timing, opts: {} }, before, now, cron)
  return { schedule, slots: slotsOf(schedule, cron) }
}

/** Ticks until nothing is due; the slots that got a job, and what became of the schedule. */
function caughtUp(
  { schedule, slots }: Made,
  now: number,
  busy = false,
): { runs: number[]; schedule: Schedule } {
  const runs: number[] = []
  let current = schedule
  while ((current.next ?? Infinity) <= now) {
    const tick = tickSchedule(current, now, slots, { busy })
    expect(tick.runs.length).toBeLessThanOrEqual(TICK_RUNS)
    expect(tick.schedule.next ?? Infinity).toBeGreaterThan(current.next!)
    runs.push(...tick.runs)
    current = tick.schedule
  }
  return { runs, schedule: current }
}

describe('what it is asked', () => {
  test.each([
    [
      { pattern: '' },
      'pattern must be a cron pattern of five fields (minute hour day month weekday), or six with seconds first, not ""',
    ],
    [
      { pattern: '* * * *' },
      'pattern must be a cron pattern of five fields (minute hour day month weekday), or six with seconds first, not "* * * *"',
    ],
    [
      { pattern: '0 '.repeat(7) },
      'pattern must be a cron pattern of five fields (minute hour day month weekday), or six with seconds first, not "0 0 0 0 0 0 0 "',
    ],
    [{ pattern: '*'.repeat(10_240) }, /^pattern must be at most 256 characters long, not "\*{78}…$/],
    [{ pattern: '@often' }, /^pattern must be one of @yearly, .*, or fields, not "@often"$/],
    [{ pattern: 'H 3 * * *' }, 'pattern must be without H: jitter spreads runs by chance, not "H 3 * * *"'],
    [{ pattern: 7 }, /^pattern must be a cron pattern .*, not 7$/],
    [
      { pattern: '0 9 * * *', tz: 'Mars/Olympus' },
      "tz must be the name of a time zone, such as 'Europe/Berlin' or 'UTC', not \"Mars/Olympus\"",
    ],
    [{ every: 0 }, 'every must be a whole number of milliseconds from 1 to 3153600000000, not 0'],
    [{ every: -1 }, 'every must be a whole number of milliseconds from 1 to 3153600000000, not -1'],
    [{ every: Number.NaN }, 'every must be a whole number of milliseconds from 1 to 3153600000000, not NaN'],
    [{ every: Infinity }, /^every must be .*, not Infinity$/],
    [{ every: 1.5 }, /^every must be .*, not 1.5$/],
    [{ every: '5' }, /^every must be .*, not "5"$/],
    [{}, 'pattern must be given where every is not, not undefined'],
    [{ pattern: '@daily', every: 5 }, 'every must be left out where pattern is given, not 5'],
    [{ every: 5, tz: 'UTC' }, 'tz must be left out where pattern is not given, not "UTC"'],
    [{ pattern: '@daily', offset: 5 }, 'offset must be left out where every is not given, not 5'],
    [{ every: 5, offset: 5, startDate: 0 }, 'offset must be left out where startDate is given, not 5'],
    [
      { every: 5, startDate: 0, immediately: true },
      'immediately must be left out where startDate is given, not true',
    ],
    [{ every: 5, startDate: 'soon' }, /^startDate must be a valid Date, .*, not "soon"$/],
    [{ every: 5, startDate: null }, /^startDate must be a valid Date, .*, not null$/],
    [{ every: 5, endDate: new Date(Number.NaN) }, /^endDate must be a valid Date, .*, not an invalid Date$/],
    [
      { every: 5, startDate: 10, endDate: 9 },
      'endDate must be a time after startDate, not the Date 1970-01-01T00:00:00.009Z',
    ],
    [{ every: 5, limit: 0 }, /^limit must be a whole number from 1 to/],
    [{ every: 5, jitter: -1 }, /^jitter must be a whole number of milliseconds from 0 to/],
    [{ every: 5, immediately: 1 }, 'immediately must be true or false, not 1'],
    [{ every: 5, missed: 'none' }, "missed must be one of 'skip', 'one', 'all', not \"none\""],
    [{ every: 5, missed: {} }, 'missed must be given max, maxAge (in milliseconds) or both, not {}'],
    [{ every: 5, missed: { max: 0 } }, 'missed.max must be a whole number from 1 to 10000, not 0'],
    [{ every: 5, missed: 3 }, /^missed must be 'skip', 'one', 'all', or an object/],
    [
      { every: 5, overlap: 'queue' },
      "overlap must be one of 'allow', 'skip', 'cancel-previous', not \"queue\"",
    ],
  ])('%j is refused', (given, message) => {
    expect(() => checked(given)).toThrow(
      expect.objectContaining({
        code: 'SCHEDULE_INVALID',
        message: typeof message === 'string' ? message : expect.stringMatching(message),
      }),
    )
  })

  test.each([[{ every: 5, often: 1 }], [7], [null], [[]]])('%j is no schedule', (given) => {
    expect(() => checked(given)).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
  })

  test.each([
    '0 0 30 2 *',
    '61 * * * *',
    '0 0 * * 8',
    '*/0 * * * *',
    '5-1 * * * *',
    'a b c d e',
    '0 0 15W * *',
  ])('what cron-parser refuses, with its reason: %s', (pattern) => {
    expect(() => made({ pattern })).toThrow(
      expect.objectContaining({
        code: 'SCHEDULE_INVALID',
        message: expect.stringMatching(/^pattern must be a cron pattern that can be read \(.+\), not "/),
      }),
    )
  })

  test('undefined is the default, dates are Dates, numbers or texts, the zone is asked for', () => {
    expect(
      checked({ every: 5, offset: undefined, startDate: '2026-01-01T00:00:00Z', endDate: new Date(NOW) }),
    ).toEqual({
      every: 5,
      startDate: Date.UTC(2026, 0, 1),
      endDate: NOW,
    })
    expect(checkRepeat({ pattern: ' 0  9 * * *' }, () => 'Asia/Tokyo')).toEqual({
      pattern: '0 9 * * *',
      tz: 'Asia/Tokyo',
    })
  })
})

describe('the first run', () => {
  test('of every is at once, then by elapsed time', () => {
    const { schedule, slots } = made({ every: HOUR })
    expect(schedule.next).toBe(NOW)
    expect(firstSlots(slots, NOW, NOW + 2 * HOUR, 9)).toEqual([NOW, NOW + HOUR, NOW + 2 * HOUR])
  })

  test('with offset is at a multiple and so much more', () => {
    expect(made({ every: HOUR, offset: 5 * MINUTE }).schedule.next).toBe(Date.UTC(2026, 0, 1, 0, 5))
    expect(made({ every: HOUR, offset: 2 * HOUR + MINUTE }).schedule.next).toBe(Date.UTC(2026, 0, 1, 1, 1))
  })

  test('with startDate is that, or in step with it', () => {
    expect(made({ every: HOUR, startDate: NOW + 7 }).schedule.next).toBe(NOW + 7)
    expect(made({ every: HOUR, startDate: NOW - 7 }).schedule.next).toBe(NOW - 7 + HOUR)
    expect(made({ pattern: '@daily', startDate: NOW + 3 * DAY }).schedule.next).toBe(Date.UTC(2026, 0, 5))
  })

  test('of a pattern is its first time, which may be now, and at once where that is asked for', () => {
    expect(made({ pattern: '2 0 * * *' }).schedule.next).toBe(NOW)
    expect(made({ pattern: '@daily' }).schedule.next).toBe(Date.UTC(2026, 0, 2))
    const { schedule, slots } = made({ pattern: '@daily', immediately: true })
    expect(schedule.next).toBe(NOW)
    expect(tickSchedule(schedule, NOW, slots, { busy: false }).schedule.next).toBe(Date.UTC(2026, 0, 2))
  })

  test('is not there after endDate or limit', () => {
    expect(made({ every: HOUR, startDate: NOW - 90 * MINUTE, endDate: NOW }).schedule.next).toBeUndefined()
    expect(made({ pattern: '@daily', endDate: NOW + HOUR }).schedule.next).toBeUndefined()
    expect(made({ pattern: '@daily', endDate: Date.UTC(2026, 0, 2) }).schedule.next).toBe(
      Date.UTC(2026, 0, 2),
    )
  })

  test('of one that is changed comes after its last; what it did still counts', () => {
    const { schedule } = caughtUp(made({ every: HOUR }), NOW + 3 * HOUR)
    expect(schedule).toMatchObject({ runs: 1, last: NOW + 3 * HOUR, missed: 3 })
    const now = NOW + 3 * HOUR + 1
    expect(made({ every: 2 * HOUR }, now, schedule).schedule).toMatchObject({
      next: NOW + 5 * HOUR,
      runs: 1,
      revision: 2,
    })
    expect(made({ every: MINUTE }, now, schedule).schedule.next).toBe(NOW + 3 * HOUR + MINUTE)
    expect(made({ every: MINUTE, limit: 1 }, now, schedule).schedule.next).toBeUndefined()
  })
})

describe('missed runs', () => {
  const five = (missed: MissedRuns | undefined): Made => made({ pattern: '*/5 * * * *', missed })
  const first = Date.UTC(2026, 0, 1, 0, 5)

  test.each<[string, number, MissedRuns | undefined, number]>([
    ['a minute', MINUTE, 'skip', 0],
    ['a minute', MINUTE, 'one', 1],
    ['a minute', MINUTE, 'all', 1],
    ['a minute', MINUTE, { max: 3 }, 1],
    ['a day', DAY, 'skip', 0],
    ['a day', DAY, 'one', 1],
    ['a day', DAY, undefined, 1],
    ['a day', DAY, 'all', 289],
    ['a day', DAY, { max: 3 }, 3],
    ['a day', DAY, { max: 150 }, 150],
    ['a day', DAY, { maxAge: HOUR }, 12],
    ['a day', DAY, { max: 5, maxAge: HOUR }, 5],
    ['a day', DAY, { maxAge: 0 }, 0],
    ['a year', 365 * DAY, 'skip', 0],
    ['a year', 365 * DAY, 'one', 1],
    ['a year', 365 * DAY, 'all', 365 * 288 + 1],
    ['a year', 365 * DAY, { max: 1000 }, 1000],
    ['a year', 365 * DAY, { maxAge: DAY }, 288],
  ])('down for %s (%d ms) under %j: %d', (_, ms, missed, wanted) => {
    // It comes back a minute after a run, so that none is in time.
    const now = first + ms + (ms === MINUTE ? 0 : MINUTE)
    const { runs, schedule } = caughtUp(five(missed), now)
    expect(runs).toHaveLength(wanted)
    expect(new Set(runs).size).toBe(wanted)
    expect(schedule.next).toBe(Math.floor(now / (5 * MINUTE)) * 5 * MINUTE + 5 * MINUTE)
    expect(schedule.runs ?? 0).toBe(wanted)
    if (ms <= DAY) expect((schedule.missed ?? 0) + wanted).toBe(ms === MINUTE ? 1 : 289)
  })

  test('a run that is made soon after its time is none, whatever the rule', () => {
    for (const missed of ['skip', 'one', 'all', { max: 2 }, { maxAge: 0 }] as const)
      expect(caughtUp(five(missed), first + 9_000).runs).toEqual([first])
  })

  test.each([1, 101, 130])('those of a limit of %d are the first, and then it is over', (limit) => {
    const limited = made({ pattern: '*/5 * * * *', missed: 'all', limit })
    const { runs, schedule } = caughtUp(limited, first + DAY)
    expect(runs).toEqual(firstSlots(limited.slots, first, Infinity, limit))
    expect(schedule.next).toBeUndefined()
  })

  test('none after endDate', () => {
    const { runs, schedule } = caughtUp(
      made({ every: HOUR, endDate: NOW + 3 * HOUR, missed: 'all' }),
      NOW + DAY,
    )
    expect(runs).toHaveLength(4)
    expect(schedule.next).toBeUndefined()
  })

  test('as each rule says, for any schedule and any time away', () => {
    const rule = fc.oneof(
      fc.constantFrom('skip' as const, 'one' as const, 'all' as const),
      fc.record(
        { max: fc.integer({ min: 1, max: 250 }), maxAge: fc.integer({ min: 0, max: 5000 }) },
        { requiredKeys: ['max'] },
      ),
    )
    const draw = fc.record({ every: fc.integer({ min: 1, max: 700 }), away: fc.nat(100_000), rule })
    fc.assert(
      fc.property(draw, ({ every, away, rule: missed }) => {
        const now = NOW + away
        const all = Array.from({ length: Math.floor(away / every) + 1 }, (_, at) => NOW + at * every)
        const last = all.at(-1)!
        const bounds = typeof missed === 'string' ? undefined : missed
        const young = all.filter((slot) => now - slot <= Math.max(bounds?.maxAge ?? Infinity, 10_000))
        const wanted = missed === 'all' ? all : bounds === undefined ? [last] : young.slice(-bounds.max)
        expect(caughtUp(made({ every, missed }), now).runs).toEqual(wanted)
      }),
    )
  })
})

describe('overlapping runs', () => {
  test('are passed over while the one before is not finished', () => {
    const hourly = made({ every: HOUR, overlap: 'skip' })
    const { runs, schedule } = caughtUp(hourly, NOW, true)
    expect(runs).toEqual([])
    expect(schedule).toMatchObject({ next: NOW + HOUR, overlapped: 1, runs: 0 })
    expect(caughtUp({ ...hourly, schedule }, NOW + HOUR).runs).toEqual([NOW + HOUR])
  })

  test('of those that were missed only the last is made', () => {
    for (const missed of ['one', 'all', { max: 3 }, { max: 3, maxAge: DAY }] as const) {
      for (const overlap of ['skip', 'cancel-previous'] as const) {
        const { runs, schedule } = caughtUp(made({ every: HOUR, overlap, missed }), NOW + 5 * HOUR + MINUTE)
        expect(runs).toEqual([NOW + 5 * HOUR])
        expect(schedule.missed).toBe(5)
      }
    }
    const late = made({ every: HOUR, overlap: 'skip', missed: { maxAge: 30_000 } })
    expect(caughtUp(late, NOW + 5 * HOUR + MINUTE).runs).toEqual([])
  })
})

describe('rows of slots', () => {
  test('their ends are found without going through them', () => {
    const gaps = fc.array(fc.integer({ min: 1, max: 10_000 }), { minLength: 1, maxLength: 60 })
    fc.assert(
      fc.property(gaps, fc.nat(100_000), fc.integer({ min: 1, max: 9 }), (steps, ms, most) => {
        const all = steps.map((_, at) => NOW + steps.slice(1, at + 1).reduce((sum, step) => sum + step, 0))
        const slots: Slots = { after: (moment) => all.find((slot) => slot > moment) }
        const due = all.filter((slot) => slot <= NOW + ms)
        expect(lastSlot(slots, NOW, NOW + ms)).toBe(due.at(-1))
        expect(lastSlots(slots, NOW, NOW + ms, most)).toEqual(due.slice(-most))
        expect(firstSlots(slots, NOW, NOW + ms, most)).toEqual(due.slice(0, most))
      }),
    )
  })

  test('a year of seconds takes a few questions', () => {
    let asked = 0
    const seconds = everySlots(1000, NOW)
    const counting: Slots = { after: (moment) => (asked++, seconds.after(moment)) }
    expect(lastSlot(counting, NOW, NOW + 365 * DAY)).toBe(NOW + 365 * DAY)
    expect(asked).toBeLessThan(80)
  })
})

test('a record says all of a schedule, and a slot names its job', () => {
  const { schedule } = caughtUp(made({ pattern: '@hourly', missed: { max: 3 } }), NOW + DAY)
  expect(decodeSchedule(encodeSchedule(schedule))).toEqual(schedule)
  expect(slotJobId('report', NOW)).toBe(`sched:report:${NOW}`)
})
