/** The schedules of a world: what they are asked to do, by whom and when. They run at intervals or by patterns, a few times, and then no more. */
import type { RepeatOptions } from 'holdfast'
import { Chance } from './chance.ts'
import type { Options } from './options.ts'

export interface ScheduleSpec {
  /** Its id; the same one may be of both queues. */
  readonly key: string
  readonly queue: number
  /** Number of the job that it makes, among all of the plan. */
  readonly job: number
  readonly repeat: RepeatOptions
}

export type ScheduleCall =
  /** `times`: others than it was made with. */
  | { readonly kind: 'schedule'; readonly schedule: number; readonly times?: Times | undefined }
  | { readonly kind: 'unschedule' | 'trigger'; readonly schedule: number }

type Times = Pick<RepeatOptions, 'every' | 'pattern' | 'tz'>

const MOST_RUNS = 12

/** Zones, and what their clocks show as a world begins. */
const ZONES = [
  { tz: 'UTC', hour: 0, date: '1 1' },
  { tz: 'Asia/Kathmandu', hour: 5, date: '1 1' },
  { tz: 'America/St_Johns', hour: 20, date: '31 12' },
  { tz: 'America/New_York', hour: 19, date: '31 12' },
  { tz: 'Australia/Lord_Howe', hour: 11, date: '1 1' },
  { tz: 'Pacific/Kiritimati', hour: 14, date: '1 1' },
] as const

/** `from`: the number of the first job that is theirs. */
export function drawSchedules(seed: number, options: Options, from: number): ScheduleSpec[] {
  const chance = new Chance(seed, 'schedules')
  if (options.trouble === 'pills' || !chance.maybe(0.25)) return []
  const specs = Array.from({ length: chance.int(1, 3) }, (_, n) => ({
    key: `s/${n}:%`,
    queue: chance.int(0, options.queues - 1),
    job: from + n,
    repeat: drawRepeat(chance, options),
  }))
  return specs.map((spec, n) => {
    const own = new Chance(seed, 'cron', n)
    const { every: _, offset: __, ...repeat } = spec.repeat
    return own.maybe(0.4) ? { ...spec, repeat: { ...repeat, ...drawPattern(own, options) } } : spec
  })
}

/** About as often as an interval; some only in the hour, or on the day, in which the world begins there. */
function drawPattern(chance: Chance, { safetyMs }: Options): Times {
  const { tz, hour, date } = chance.of(ZONES)
  const step = Math.max(1, Math.round(chance.spread(Math.max(1000, safetyMs / 60), safetyMs / 3) / 1000))
  const second = chance.int(0, 59)
  const times =
    step >= 60
      ? `${second} */${Math.round(step / 60)}`
      : chance.of([`*/${step} *`, `${second % step}-59/${step} *`, `${second},${(second + step) % 60} *`])
  const days = chance.of([
    ['*', '* * *'],
    ['*', '* * *'],
    [String(hour), '* * *'],
    ['*', `${date} *`],
  ])
  return { pattern: `${times} ${days.join(' ')}`, tz }
}

function drawRepeat(chance: Chance, { safetyMs }: Options): RepeatOptions {
  const offset = chance.maybe(0.3) ? chance.int(0, 1000) : undefined
  return {
    every: chance.spread(Math.max(100, safetyMs / 60), safetyMs / 3),
    offset,
    immediately: offset !== undefined && chance.maybe(0.3) ? true : undefined,
    limit: chance.int(2, MOST_RUNS),
    jitter: chance.maybe(0.2) ? chance.int(1, 2000) : undefined,
    missed: chance.weighted<RepeatOptions['missed']>([
      [2, undefined],
      [2, 'skip'],
      [3, 'all'],
      [1, { max: chance.int(1, 3) }],
    ]),
    overlap: chance.weighted<RepeatOptions['overlap']>([
      [4, undefined],
      [2, 'skip'],
      [1, 'cancel-previous'],
    ]),
  }
}

/** Each is made by several, which changes nothing; some are changed, ended and made again, or run by hand. */
export function drawScheduleCalls(
  chance: Chance,
  specs: readonly ScheduleSpec[],
  options: Options,
): ScheduleCall[] {
  return specs.flatMap((spec, schedule): ScheduleCall[] => {
    const made = Array.from({ length: chance.int(1, 4) }, () => ({ kind: 'schedule', schedule }) as const)
    const { every } = spec.repeat
    const times =
      every === undefined ? drawPattern(chance, options) : { every: chance.spread(every / 2, every * 2) }
    return [
      ...made,
      ...(chance.maybe(0.3) ? [{ kind: 'schedule', schedule, times } as const] : []),
      ...(chance.maybe(0.15) ? [{ kind: 'unschedule', schedule } as const] : []),
      ...(chance.maybe(0.3) ? [{ kind: 'trigger', schedule } as const] : []),
    ]
  })
}
