/** What changes many jobs at once, or one that waits, in a possible world: which commits that is made of, and the world after each. */
import type { FailedCode } from 'holdfast'
import { readReadyKey } from '../../src/core/keys.ts'
import { type ModelJob, type Place, type World, inOrder, retryInWorld, withJob, withoutJob } from './world.ts'

type HeadName = (id: string) => string
type Change = (world: World, job: ModelJob) => World

/** A part of a lane. */
export interface Part {
  readonly place: Place
  readonly holds?: (job: ModelJob) => boolean
}

/** Every job of each part is changed, part by part: one commit each, as no part is larger than a page. */
function changeParts(
  world: World,
  parts: readonly Part[],
  change: Change,
  { head, limit = Infinity }: { readonly head: HeadName; readonly limit?: number },
): { states: World[]; ids: string[] } {
  const states = [world]
  const ids: string[] = []
  for (const { place, holds = () => true } of parts) {
    const jobs = inOrder(world, place, head)
      .filter(holds)
      .slice(0, limit - ids.length)
    if (jobs.length === 0) continue
    states.push(jobs.reduce(change, states.at(-1)!))
    ids.push(...jobs.map(({ id }) => id))
  }
  return { states, ids }
}

const gone: Change = (world, { id }) => withoutJob(world, id)

export const drainWorld = (world: World, delayed: boolean, now: number, head: HeadName) =>
  changeParts(
    world,
    [
      { place: 'suspect', holds: ({ runAt }) => runAt! <= now },
      { place: 'parked' },
      { place: 'ready' },
      ...(delayed ? [{ place: 'due' } as const, { place: 'suspect' } as const] : []),
    ],
    gone,
    { head },
  )

export interface Cleaning {
  readonly state: 'completed' | 'failed' | 'waiting' | 'prioritized' | 'delayed'
  readonly grace: number
  readonly limit: number
}

export function cleanWorld(world: World, { state, grace, limit }: Cleaning, now: number, head: HeadName) {
  const ended = ({ finishedOn }: ModelJob): boolean => finishedOn! <= now - grace
  const old = ({ addedAt, options }: ModelJob): boolean =>
    addedAt <= now - grace && (state !== 'prioritized' || (options.priority ?? 0) > 0)
  const partsOf = (): Part[] => {
    if (state === 'completed') return [{ place: 'done', holds: ended }]
    if (state === 'failed') return [{ place: 'dead', holds: ended }]
    if (state === 'delayed')
      return [
        { place: 'due', holds: old },
        { place: 'suspect', holds: (job) => old(job) && job.runAt! > now },
      ]
    return [
      { place: 'suspect', holds: (job) => old(job) && job.runAt! <= now },
      { place: 'parked', holds: old },
      { place: 'ready', holds: old },
    ]
  }
  return changeParts(world, partsOf(), gone, { head, limit: limit === 0 ? Infinity : limit })
}

/** Which finished jobs are retried. */
export interface Chosen {
  readonly place: 'done' | 'dead'
  /** Milliseconds ago: until then, or since then. */
  readonly ago: number
  readonly since: boolean
  /** Of those that failed. */
  readonly code: FailedCode | undefined
  /** With all their attempts. */
  readonly anew: boolean
}

export const retryAllInWorld = (
  world: World,
  { place, code, anew }: Chosen,
  { from = 0, to = Infinity, now }: { readonly from?: number; readonly to?: number; readonly now: number },
  head: HeadName,
) =>
  changeParts(
    world,
    [
      {
        place,
        holds: ({ finishedOn, failedCode }) =>
          finishedOn! >= from &&
          finishedOn! <= Math.min(to, now) &&
          (place === 'done' || code === undefined || failedCode === code),
      },
    ],
    (next, job) => retryInWorld(next, job, now, anew),
    { head },
  )

/** Delayed jobs become due, or due at another time; their place is that of a job added then. */
export function delayInWorld(world: World, job: ModelJob, now: number, delay: number): World {
  const dueAt = now + delay
  const timed = { ...job, key: undefined, dueAt, runAt: dueAt }
  if (job.place === 'suspect' || delay > 0) return withJob(world, timed)
  return withJob(world, { ...timed, place: 'ready', runAt: undefined })
}

export const promoteAllInWorld = (world: World, now: number, head: HeadName) =>
  changeParts(
    world,
    [{ place: 'due' }, { place: 'suspect', holds: ({ runAt }) => runAt! > now }],
    (next, job) => delayInWorld(next, job, now, 0),
    { head },
  )

export function prioritiseInWorld(
  world: World,
  job: ModelJob,
  { priority, lifo }: { readonly priority?: number | undefined; readonly lifo?: boolean | undefined },
): World {
  const was = readReadyKey(job.key!)
  const options = { ...job.options, priority: priority ?? was.priority, lifo: lifo ?? was.lifo }
  return withJob(world, { ...job, key: undefined, options })
}

/** The removal of the queue with everything in it. */
export function obliterateWorld(
  world: World,
  force: boolean,
  head: HeadName,
): { states: World[]; refused: boolean } {
  const begun: World = { ...world, paused: true, obliterating: true }
  const active = [...world.jobs.values()].some(({ place }) => place === 'lease')
  if (active && !force) {
    const was = world.paused && world.obliterating !== true
    return { states: [world, begun, { ...world, paused: was, obliterating: false }], refused: true }
  }
  const bare: World = { ...begun, schedules: new Map() }
  const order: readonly Place[] = ['ready', 'due', 'suspect', 'lease', 'parked', 'done', 'dead']
  const { states } = changeParts(
    bare,
    order.map((place) => ({ place })),
    gone,
    { head },
  )
  for (const lane of ['claims', 'reap'] as const) {
    const last = states.at(-1)!
    states.push({ ...last, claims: new Map([...last.claims].filter(([, entry]) => entry.lane !== lane)) })
  }
  states.push({ ...states.at(-1)!, keys: new Map() })
  states.push({
    ...states.at(-1)!,
    paused: false,
    obliterating: false,
    concurrency: undefined,
    rate: undefined,
    starts: [],
  })
  return { states: [world, begun, ...states], refused: false }
}
