/** What changes many jobs at once, or one that waits, in a possible world: which commits that is made of, and the world after each. */
import type { FailedCode } from 'holdfast'
import { readReadyKey } from '../../src/core/ready-key.ts'
import { removeInWorld, retryInWorld } from './end-world.ts'
import {
  isAlone,
  type ModelJob,
  type Place,
  type World,
  inLine,
  inOrder,
  isPrioritized,
  stateKeyOf,
  withExpiry,
  withJob,
} from './world.ts'

type HeadName = (id: string) => string
type Change = (world: World, job: ModelJob) => World

/** A part of a lane. */
export interface Part {
  readonly place: Place
  readonly holds?: (job: ModelJob) => boolean
}

/**
 * Every job of each part is changed, part by part: one commit each, as no part is larger than a page. What a change brings into the
 * part is met too, if it comes behind the page.
 */
function changeParts(
  world: World,
  parts: readonly Part[],
  change: Change,
  { head, limit = Infinity }: { readonly head: HeadName; readonly limit?: number },
): { states: World[]; ids: string[] } {
  const states = [world]
  const ids: string[] = []
  for (const { place, holds = () => true } of parts) {
    for (let from = ''; ids.length < limit; ) {
      const page = inOrder(states.at(-1)!, place, head).filter((job) => stateKeyOf(job, head) > from)
      if (page.length === 0) break
      from = stateKeyOf(page.at(-1)!, head)
      const jobs = page.filter(holds).slice(0, limit - ids.length)
      if (jobs.length === 0) continue
      states.push(jobs.reduce(change, states.at(-1)!))
      ids.push(...jobs.map(({ id }) => id))
    }
  }
  return { states, ids }
}

const isLater =
  (now: number) =>
  ({ runAt }: ModelJob): boolean =>
    runAt! > now

const gone: Change = (world, { id }) => removeInWorld(world, world.jobs.get(id)!)

export const drainWorld = (world: World, delayed: boolean, now: number, head: HeadName) =>
  changeParts(
    world,
    [
      { place: 'suspect', holds: ({ runAt }) => runAt! <= now },
      { place: 'parked' },
      { place: 'ready' },
      { place: 'arrive', holds: ({ runAt }) => runAt! <= now },
      { place: 'grouped' },
      ...(delayed
        ? [
            { place: 'due' } as const,
            { place: 'suspect', holds: isLater(now) } as const,
            { place: 'arrive', holds: isLater(now) } as const,
            { place: 'penned' } as const,
          ]
        : []),
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
  const old = (job: ModelJob): boolean =>
    job.addedAt <= now - grace && (state !== 'prioritized' || isPrioritized(job))
  const partsOf = (): Part[] => {
    if (state === 'completed') return [{ place: 'done', holds: ended }]
    if (state === 'failed') return [{ place: 'dead', holds: ended }]
    if (state === 'delayed')
      return [
        { place: 'due', holds: old },
        { place: 'suspect', holds: (job) => old(job) && job.runAt! > now },
        { place: 'arrive', holds: (job) => old(job) && job.runAt! > now },
        { place: 'penned', holds: old },
      ]
    return [
      { place: 'suspect', holds: (job) => old(job) && job.runAt! <= now },
      { place: 'parked', holds: old },
      { place: 'ready', holds: old },
      { place: 'arrive', holds: (job) => old(job) && job.runAt! <= now },
      { place: 'grouped', holds: old },
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
  const expires = job.expiresAt !== undefined && job.attemptsStarted === 0
  const expiresAt = expires ? dueAt + job.options.ttl! : job.expiresAt
  const timed = { ...job, key: undefined, dueAt, runAt: dueAt, expiresAt }
  const next = withExpiry(world, job.id, expires ? expiresAt : undefined)
  return withJob(next, isAlone(job) || delay > 0 ? timed : inLine(timed))
}

export const promoteAllInWorld = (world: World, now: number, head: HeadName) =>
  changeParts(
    world,
    [
      { place: 'due' },
      { place: 'suspect', holds: isLater(now) },
      { place: 'arrive' },
      { place: 'penned', holds: isLater(now) },
    ],
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
  const states = [world, begun, { ...begun, schedules: new Map() }]
  const order: readonly Place[] = [
    'ready',
    'grouped',
    'due',
    'arrive',
    'suspect',
    'penned',
    'lease',
    'blocked',
    'parked',
    'done',
    'dead',
  ]
  // Who waited for a job that goes may come into a lane that was passed.
  while (states.length === 3 || states.at(-1)!.jobs.size > 0) {
    const parts = order.map((place) => ({ place }))
    states.push(...changeParts(states.at(-1)!, parts, gone, { head }).states.slice(1))
    for (const lane of ['claims', 'reap'] as const) {
      const last = states.at(-1)!
      states.push({ ...last, claims: new Map([...last.claims].filter(([, entry]) => entry.lane !== lane)) })
    }
    const last = states.at(-1)!
    const ids = [...(last.ids ?? [])].filter(([, { until }]) => until === undefined)
    states.push({ ...last, keys: new Map(), ids: new Map(ids) })
    states.push({ ...states.at(-1)!, expiries: [] })
  }
  states.push({ ...states.at(-1)!, groups: new Map() })
  states.push({
    ...states.at(-1)!,
    paused: false,
    obliterating: false,
    concurrency: undefined,
    rate: undefined,
    starts: [],
  })
  return { states, refused: false }
}
