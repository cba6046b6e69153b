/**
 * What the store was told of schedules, and what became of their slots (invariant 17): each makes at most one job, and is passed over
 * only as its schedule says. It knows intervals and the times of patterns, and nothing of how slots are chosen.
 */
import { CronExpressionParser } from 'cron-parser'
import { MISSED_COUNTED } from '../../src/core/bounds.ts'
import { cronSlots } from '../../src/core/cron.ts'
import { type Schedule, decodeSchedule, slotJobId } from '../../src/core/schedule.ts'
import { escapePart, jobIdOf, queuePartOf, scheduleKeyOf } from '../../src/core/keys.ts'
import { Zone } from '../../src/core/zone.ts'
import type { Change } from '../../src/store.ts'
import { must } from '../model/invariants.ts'
import type { BookedJob } from './booked.ts'
import type { Trace } from './trace.ts'

interface Surroundings {
  readonly trace: Trace
  /** Ms since the epoch. */
  readonly storeTime: () => number
  readonly jobs: () => ReadonlyMap<string, BookedJob>
  /** Whether somebody may have asked for it. */
  readonly mayRemove: (name: string) => boolean
  readonly count: (what: string) => void
}

const isSchedule = (id: string): boolean => id.startsWith('sched:') && id.split(':').length === 3

export class SlotsBook {
  /** By record. */
  readonly schedules = new Map<string, Schedule>()
  readonly #world: Surroundings
  /** Head records of jobs that slots made. */
  readonly #made = new Set<string>()

  constructor(world: Surroundings) {
    this.#world = world
  }

  /** A unit was applied; `isApplied` says which of its changes were. */
  note(changes: readonly Change[], isApplied: (at: number) => boolean): void {
    const applied = changes.filter((_, at) => isApplied(at))
    const born = applied.flatMap(({ set = [] }) => set.map(([id]) => id)).filter(isSlot)
    for (const { set = [], delete: gone = [] } of applied) {
      for (const [id, value] of set) if (isSchedule(id)) this.#told(id, decodeSchedule(value), born)
      for (const id of gone) if (isSchedule(id) && this.schedules.has(id)) this.#removed(id)
    }
  }

  /** Slots that are overdue by so many ms, where somebody should have made their jobs. */
  overdue(ms: number): string[] {
    return [...this.schedules].flatMap(([id, { next = Infinity }]) =>
      this.#world.storeTime() - next > ms ? [`${id} at ${next}`] : [],
    )
  }

  #removed(id: string): void {
    must(this.#world.mayRemove(id), `invariant 17: ${id} is removed, and nobody asked for it`)
    this.#world.trace.say(`  ${id} is removed`)
    this.schedules.delete(id)
  }

  #told(id: string, next: Schedule, born: readonly string[]): void {
    const before = this.schedules.get(id)
    this.schedules.set(id, next)
    const jobs = born.filter((name) => isOf(name, id))
    this.#world.trace.say(`  ${id} to ${next.next} makes ${jobs.length}`)
    if (before === undefined || next.revision !== before.revision) {
      must(
        before === undefined || next.revision === before.revision + 1,
        `invariant 17: ${id} goes from revision ${before?.revision} to ${next.revision}`,
      )
      must(jobs.length === 0, `invariant 17: ${id} is changed, and makes ${jobs.join()}`)
      return
    }
    // Somebody had it run by hand.
    if (next.next === before.next && next.runs === before.runs) return this.#world.count('schedule triggered')
    this.#ticked(id, before, next, jobs)
  }

  #ticked(id: string, before: Schedule, after: Schedule, jobs: readonly string[]): void {
    const { timing, next: from = Infinity } = before
    const { missed = 'one', overlap = 'allow', limit = Infinity } = timing
    const now = this.#world.storeTime()
    must(from <= now, `invariant 17: ${id} is ticked ${from - now} ms before its slot`)
    const key = scheduleKeyOf(id)
    const slots = slotsBetween(before, after.next ?? now + 1)
    for (const name of jobs) {
      must(!this.#made.has(name), `invariant 17: ${name} is made twice`)
      this.#made.add(name)
      const slot = slots.find((at) => jobIdOf(name) === slotJobId(key, at))
      must(slot !== undefined && slot <= now, `invariant 17: ${name} is of no slot that has come`)
    }
    const runs = (after.runs ?? 0) - (before.runs ?? 0)
    must(runs === jobs.length, `invariant 17: ${id} counts ${runs} runs and makes ${jobs.length}`)
    must((after.runs ?? 0) <= limit, `invariant 17: ${id} runs ${after.runs} times of ${limit}`)
    const [passed, held] = [
      (after.missed ?? 0) - (before.missed ?? 0),
      (after.overlapped ?? 0) - (before.overlapped ?? 0),
    ]
    // With its last run a schedule is over, whatever is due; and of a great many that were missed nobody counts all.
    if (after.next !== undefined && passed < MISSED_COUNTED)
      must(
        slots.length === runs + passed + held,
        `invariant 17: of ${slots.length} slots of ${id} ${runs} ran, ${passed} were missed and ${held} held`,
      )
    if (runs > 1) this.#world.count('schedule caught up')
    if (passed > 0) this.#world.count('slots missed by their rule')
    if (held > 0) this.#world.count('slot held by its predecessor')
    this.#world.count(timing.pattern === undefined ? 'slots made' : 'slots of a pattern made')
    if (overlap === 'allow') {
      must(missed !== 'all' || passed === 0, `invariant 17: ${id} misses ${passed} slots`)
      must(missed !== 'one' || runs === 1, `invariant 17: ${id} makes ${runs} jobs of what was missed`)
    } else must(runs <= 1, `invariant 17: ${id} makes ${runs} jobs that overlap`)
    if (missed === 'skip') must(runs <= 1, `invariant 17: ${id} makes ${runs} jobs, and skips what it misses`)
    if (typeof missed === 'object' && missed.max !== undefined)
      must(runs <= missed.max, `invariant 17: ${id} makes ${runs} jobs of ${missed.max}`)
    if (overlap === 'skip' && runs > 0) this.#mustBeFree(id, before)
  }

  #mustBeFree(id: string, { lastJob }: Schedule): void {
    if (lastJob === undefined) return
    const name = `${id.split(':')[1]}:${escapePart(lastJob)}`
    const lane = this.#world.jobs().get(name)?.lane ?? 'done:'
    must(/^(done|dead):/.test(lane), `invariant 17: ${id} runs while ${lastJob} is in ${lane}`)
  }
}

/** Whether a record is the head of a job that a slot made; those of runs by hand say more. */
const isSlot = (id: string): boolean => id.split(':').length === 2 && /^sched:.*:\d+$/s.test(jobIdOf(id))

const isOf = (name: string, id: string): boolean =>
  queuePartOf(name) === id.split(':')[1] && jobIdOf(name).startsWith(`sched:${scheduleKeyOf(id)}:`)

/** Slots of a schedule from its next one up to a moment. */
function slotsBetween(
  { next, anchor = 0, timing: { every, pattern, tz } }: Schedule,
  until: number,
): number[] {
  const cron = pattern === undefined ? undefined : cronSlots(CronExpressionParser, pattern, new Zone(tz!))
  const after = (at: number): number | undefined =>
    cron === undefined ? anchor + (Math.floor((at - anchor) / every!) + 1) * every! : cron.after(at)
  const slots: number[] = []
  for (let at = next; at !== undefined && at < until; at = after(at)) slots.push(at)
  return slots
}
