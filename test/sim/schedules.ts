/** The schedules of a world: what they are asked to do, by whom and when. All run at intervals, a few times, and then no more. */
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
  /** `every`: another interval than it was made with. */
  | { readonly kind: 'schedule'; readonly schedule: number; readonly every?: number | undefined }
  | { readonly kind: 'unschedule' | 'trigger'; readonly schedule: number }

const MOST_RUNS = 12

/** `from`: the number of the first job that is theirs. */
export function drawSchedules(seed: number, options: Options, from: number): ScheduleSpec[] {
  const chance = new Chance(seed, 'schedules')
  if (options.trouble === 'pills' || !chance.maybe(0.25)) return []
  return Array.from({ length: chance.int(1, 3) }, (_, n) => ({
    key: `s/${n}:%`,
    queue: chance.int(0, options.queues - 1),
    job: from + n,
    repeat: drawRepeat(chance, options),
  }))
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
export function drawScheduleCalls(chance: Chance, specs: readonly ScheduleSpec[]): ScheduleCall[] {
  return specs.flatMap((spec, schedule): ScheduleCall[] => {
    const made = Array.from({ length: chance.int(1, 4) }, () => ({ kind: 'schedule', schedule }) as const)
    const every = chance.spread(spec.repeat.every! / 2, spec.repeat.every! * 2)
    return [
      ...made,
      ...(chance.maybe(0.3) ? [{ kind: 'schedule', schedule, every } as const] : []),
      ...(chance.maybe(0.15) ? [{ kind: 'unschedule', schedule } as const] : []),
      ...(chance.maybe(0.3) ? [{ kind: 'trigger', schedule } as const] : []),
    ]
  })
}
