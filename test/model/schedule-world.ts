/** Schedules in a world: what is asked of them, and what a tick makes of them, said in the plainest way. */
import { addToWorld } from './add-world.ts'
import { type World, same } from './world.ts'

export interface ModelSchedule {
  readonly every: number
  readonly missed: 'one' | 'all'
  readonly limit?: number | undefined
  readonly data: unknown
  readonly next?: number | undefined
  readonly last?: number | undefined
  readonly runs: number
  readonly passed: number
}

export type Asked = Pick<ModelSchedule, 'every' | 'missed' | 'limit' | 'data'>

/** Jobs of one tick. */
const MOST = 100

export const scheduleIn = ({ schedules }: World, key: string): ModelSchedule | undefined =>
  schedules?.get(key)

export function withSchedule(world: World, key: string, schedule: ModelSchedule | undefined): World {
  const schedules = new Map(world.schedules)
  if (schedule === undefined) schedules.delete(key)
  else schedules.set(key, schedule)
  return { ...world, schedules }
}

/** The world in which a schedule is as asked; `refused` where it would never run. */
export function askWorld(world: World, key: string, asked: Asked, now: number): World | 'refused' {
  const { every, missed, limit, data } = asked
  const was = scheduleIn(world, key)
  const keepsTimes = was !== undefined && same([was.every, was.missed, was.limit], [every, missed, limit])
  if (keepsTimes && same(was.data, data)) return world
  const next = keepsTimes ? was.next : firstAfter(was?.last ?? now, every, Math.max(now - 1, was?.last ?? 0))
  const runs = was?.runs ?? 0
  if (next === undefined || (limit !== undefined && runs >= limit)) return 'refused'
  return withSchedule(world, key, { ...asked, next, last: was?.last, runs, passed: was?.passed ?? 0 })
}

const firstAfter = (anchor: number, every: number, moment: number): number =>
  moment < anchor ? anchor : anchor + (Math.floor((moment - anchor) / every) + 1) * every

/** What one tick makes: the ids of the jobs, and the world after it. */
export function tickWorld(
  world: World,
  key: string,
  now: number,
  incarnation: number,
): { world: World; ids: string[] } {
  const schedule = scheduleIn(world, key)
  if (schedule?.next === undefined || schedule.next > now) return { world, ids: [] }
  const { every, missed, limit = Infinity } = schedule
  const due: number[] = []
  for (let slot = schedule.next; slot <= now; slot += every) due.push(slot)
  const made = missed === 'all' ? due.slice(0, Math.min(MOST, limit - schedule.runs)) : due.slice(-1)
  const last = made.at(-1)!
  const runs = schedule.runs + made.length
  const passed = schedule.passed + (missed === 'all' ? 0 : due.length - 1)
  const next = runs >= limit ? undefined : last + every
  const ids = made.map((slot) => `sched:${key}:${slot}`)
  const ticked = withSchedule(world, key, { ...schedule, next, last, runs, passed })
  const add = (before: World, id: string, at: number): World =>
    addToWorld(before, { id, data: schedule.data, options: {} }, now, incarnation + at)
  return { world: ids.reduce(add, ticked), ids }
}
