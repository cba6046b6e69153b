/**
 * A schedule: a record of its own that says when to run what, and how far it has got. Its next run is decided here, and which
 * jobs a tick makes, as a pure function of the record and the time.
 */
import { MISSED_COUNTED, RUN_LATE_MS, TICK_RUNS, TIME_MOST } from './bounds.ts'
import { seal, unseal } from './codec.ts'
import type { CheckedJobOptions } from './job-options.ts'
import type { PayloadText } from './payload.ts'
import type { MissedRuns, Timing } from './schedule-options.ts'
import { type Slots, boundedSlots, everySlots, firstSlots, lastSlot, lastSlots } from './slots.ts'

/** What a schedule was asked to do. */
export interface Plan {
  /** Of its jobs. */
  readonly name: string
  readonly timing: Timing
  readonly opts: CheckedJobOptions
  /** In the record while it is small, else in one of its own. */
  readonly data?: PayloadText
}

/** How far it has got. Counters that are absent are 0. */
export interface Schedule extends Plan {
  /** Rises with each change of the plan. */
  readonly revision: number
  /** From where `every` counts. */
  readonly anchor?: number
  /** Its next slot; absent where there is none any more. */
  readonly next?: number
  /** The slot it ran for last. */
  readonly last?: number
  /** The job of its last run, by id. */
  readonly lastJob?: string
  /** Jobs it made at its times. */
  readonly runs?: number
  /** Runs that were passed over because nobody was there at their time. */
  readonly missed?: number
  /** Runs that were passed over because their predecessor was not finished. */
  readonly overlapped?: number
}

export const encodeSchedule = (schedule: Schedule): string => seal(JSON.stringify(schedule))

/** @throws UnreadableRecord */
export const decodeSchedule = (record: string): Schedule => JSON.parse(unseal(record)) as Schedule

/** The id of the job of a slot: one however many make it. */
export const slotJobId = (key: string, slot: number): string => `sched:${key}:${slot}`

/** The slots of a schedule, its pattern's given; without its first where that is at once. */
export function slotsOf(
  { timing, anchor = 0 }: Pick<Schedule, 'timing' | 'anchor'>,
  cron: Slots | undefined,
): Slots {
  const { every, startDate, endDate } = timing
  return boundedSlots(cron ?? everySlots(every!, anchor), startDate, endDate)
}

/**
 * A schedule that is made, or changed: what it did before still counts. One that keeps its times goes on where it was; else its
 * next slot comes after its last.
 */
export function beginSchedule(
  plan: Plan,
  before: Schedule | undefined,
  now: number,
  cron: Slots | undefined,
): Schedule {
  const { timing } = plan
  if (before !== undefined && sameText(before.timing, timing))
    return { ...before, ...plan, revision: before.revision + 1 }
  const { every, offset, startDate, immediately, limit } = timing
  const anchor =
    every === undefined ? undefined : (startDate ?? offsetAnchor(every, offset) ?? before?.last ?? now)
  const { last, lastJob, runs, missed, overlapped } = before ?? {}
  const past = Math.max(now - 1, last ?? 0)
  const next = immediately === true && past < now ? now : slotsOf({ timing, anchor }, cron).after(past)
  return {
    ...plan,
    revision: (before?.revision ?? 0) + 1,
    anchor,
    next: limit !== undefined && (runs ?? 0) >= limit ? undefined : next,
    last,
    lastJob,
    runs,
    missed,
    overlapped,
  }
}

/** Whether a schedule is asked to do what it does already. */
export const samePlan = ({ name, timing, opts, data }: Plan, other: Plan): boolean =>
  sameText([name, timing, opts, data], [other.name, other.timing, other.opts, other.data])

const sameText = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other)

const offsetAnchor = (every: number, offset: number | undefined): number | undefined =>
  offset === undefined ? undefined : offset % every

/** What a tick makes of a schedule. */
export interface Tick {
  /** Slots that get a job, oldest first. */
  readonly runs: readonly number[]
  readonly schedule: Schedule
}

/**
 * The runs that are due, by the schedule's rules for missed and overlapping ones; at most `most` of them, the rest comes with
 * the next tick. `busy`: the job of the last run is not finished.
 */
export function tickSchedule(
  schedule: Schedule,
  now: number,
  slots: Slots,
  { busy, most = TICK_RUNS }: { readonly busy: boolean; readonly most?: number },
): Tick {
  const { timing, next = TIME_MOST, runs: before = 0, missed = 0, overlapped = 0 } = schedule
  const due = { slots, next, now, until: Math.min(now, timing.endDate ?? now) }
  if (next > due.until) return { runs: [], schedule }
  const { limit = Infinity, overlap = 'allow' } = timing
  const chosen = chooseRuns(timing.missed ?? 'one', due, Math.min(most, limit - before), overlap !== 'allow')
  const isHeld = busy && overlap === 'skip'
  const runs = isHeld ? [] : chosen.runs
  const isOver = before + runs.length >= limit
  const passed = firstSlots(slots, next, (chosen.runs[0] ?? chosen.through + 1) - 1, MISSED_COUNTED).length
  return {
    runs,
    schedule: {
      ...schedule,
      next: isOver ? undefined : slots.after(chosen.through),
      last: runs.at(-1) ?? schedule.last,
      runs: before + runs.length,
      missed: missed + passed,
      overlapped: overlapped + (isHeld ? chosen.runs.length : 0),
    },
  }
}

/** Slots from `next`, which is one, to `until`. */
interface Due {
  readonly slots: Slots
  readonly next: number
  readonly now: number
  readonly until: number
}

/** Which of the due slots are run, at most `most`, and up to which one all are decided. `alone`: one at most, the last. */
function chooseRuns(
  missed: MissedRuns,
  due: Due,
  most: number,
  alone: boolean,
): { runs: readonly number[]; through: number } {
  const { slots, next, now, until } = due
  if (missed === 'all' && !alone) return through(firstSlots(slots, next, until, most))
  const last = lastSlot(slots, next, until)
  if (typeof missed === 'string') {
    const isWanted = missed !== 'skip' || now - last <= RUN_LATE_MS
    return { runs: isWanted ? [last] : [], through: last }
  }
  const oldest = now - Math.max(missed.maxAge ?? Infinity, RUN_LATE_MS)
  const first = next >= oldest ? next : slots.after(Math.ceil(oldest) - 1)
  if (first === undefined || first > until) return { runs: [], through: last }
  if (alone) return through([last])
  return through(
    missed.max === undefined
      ? firstSlots(slots, first, until, most)
      : lastSlots(slots, first, until, missed.max).slice(0, most),
  )
}

const through = (runs: readonly number[]): { runs: readonly number[]; through: number } => ({
  runs,
  through: runs.at(-1)!,
})
