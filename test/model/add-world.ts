/** Adding in a possible world: what an addition makes, or which job it meets, by its id or by its idempotency key. */
import { type ModelKey, type ModelOptions, type World, same, withJob } from './world.ts'

const DAY = 24 * 3_600_000

export interface ModelNewJob {
  readonly id: string
  readonly data: unknown
  readonly options: ModelOptions
}

/** The circumstances of an addition. */
export interface Adding {
  readonly now: number
  /** What tells its first job apart from others of the same id; the next ones count on. */
  readonly incarnation: number
  /** Ids and idempotency keys that bulks have which are being stored. */
  readonly held: Held
}

export interface Held {
  readonly ids: ReadonlySet<string>
  readonly keys: ReadonlySet<string>
}

/** What one call adds: the world after it, its answers, and the codes of errors of which it may end with any instead. */
export interface Added {
  readonly world: World
  readonly out: readonly { readonly id: string; readonly deduplicated: boolean }[]
  readonly refusals: ReadonlySet<Refusal>
}

type Refusal = 'IDEMPOTENCY_CONFLICT' | 'STORE_CONTENDED'
type Meeting = 'nothing' | Refusal | { readonly id: string }

const isLive = ({ jobs }: World, id: string): boolean =>
  jobs.has(id) && jobs.get(id)!.finishedOn === undefined

/** Whether a key says nothing any more: its time is over, and so is its job. */
export const isOver = (world: World, { id, until }: ModelKey, now: number): boolean =>
  until <= now && !isLive(world, id)

function meetInWorld(world: World, { id, data, options }: ModelNewJob, { now, held }: Adding): Meeting {
  const name = options.idempotencyKey
  const key = name === undefined ? undefined : world.keys?.get(name)
  if (name !== undefined && (held.keys.has(name) || (key !== undefined && held.ids.has(key.id))))
    return 'STORE_CONTENDED'
  if (key !== undefined && !isOver(world, key, now))
    return same(key.data, data) ? { id: key.id } : 'IDEMPOTENCY_CONFLICT'
  if (held.ids.has(id)) return 'STORE_CONTENDED'
  return world.jobs.has(id) ? { id } : 'nothing'
}

/**
 * What meets a job that is there before the call is answered with it; the others are added one after the other, and what is left
 * out as another of the call was before it, meets what is there in the end. What contradicts itself, or meets what it must not
 * before anything is added, adds nothing.
 */
export function addAllToWorld(world: World, jobs: readonly ModelNewJob[], adding: Adding): Added {
  if (!agree(jobs)) return { world, out: [], refusals: new Set(['IDEMPOTENCY_CONFLICT']) }
  const met = jobs.map((job) => meetInWorld(world, job, adding))
  if (met.some(isRefusal)) return { world, out: [], refusals: new Set(met.filter(isRefusal)) }
  const added = new Set<number>()
  let next = world
  for (const [at, job] of jobs.entries()) {
    if (met[at] !== 'nothing' || meetInWorld(next, job, adding) !== 'nothing') continue
    next = addToWorld(next, job, adding.now, adding.incarnation + at)
    added.add(at)
  }
  const answers = jobs.map((job, at): Meeting => {
    if (added.has(at)) return { id: job.id }
    return met[at] === 'nothing' ? meetInWorld(next, job, adding) : met[at]!
  })
  // Only where a job of this very call is the first of its id since a key for that id was over.
  const refusals = new Set(answers.filter(isRefusal))
  const out = answers.map((answer, at) => ({
    id: typeof answer === 'string' ? answer : answer.id,
    deduplicated: !added.has(at),
  }))
  return { world: next, out, refusals }
}

const isRefusal = (meeting: Meeting): meeting is Refusal =>
  meeting === 'IDEMPOTENCY_CONFLICT' || meeting === 'STORE_CONTENDED'

/** One key names one thing in a call. */
const agree = (jobs: readonly ModelNewJob[]): boolean =>
  jobs.every(({ data, options: { idempotencyKey } }) =>
    jobs.every(
      (other) =>
        idempotencyKey === undefined ||
        other.options.idempotencyKey !== idempotencyKey ||
        same(other.data, data),
    ),
  )

/** A job that meets nothing; one whose id is there is left as it is. */
export function addToWorld(
  world: World,
  { id, data, options }: ModelNewJob,
  now: number,
  incarnation: number,
): World {
  if (world.jobs.has(id)) return world
  const dueAt = now + (options.delay ?? 0)
  const added = withJob(world, {
    id,
    incarnation,
    data,
    options,
    place: dueAt > now ? 'due' : 'ready',
    addedAt: now,
    dueAt,
    attemptsMade: 0,
    attemptsStarted: 0,
    stalledCounter: 0,
    generation: 0,
    runAt: dueAt > now ? dueAt : undefined,
    fence: now,
    logs: [],
  })
  if (options.idempotencyKey === undefined) return added
  const until = now + (options.idempotencyKeyTTL ?? DAY)
  return withKey(added, options.idempotencyKey, { id, data, until, lapsesAt: until })
}

function withKey(world: World, name: string, key: ModelKey | undefined): World {
  const keys = new Map(world.keys)
  if (key === undefined) keys.delete(name)
  else keys.set(name, key)
  return { ...world, keys }
}

const AGAIN = 3_600_000

/** What is over goes; a key whose job lives is looked at again later. */
export function lapseInWorld(world: World, now: number): { world: World; gone: number; kept: number } {
  let [next, gone, kept] = [world, 0, 0]
  for (const [name, key] of world.keys ?? []) {
    if (key.lapsesAt > now) continue
    const stays = isLive(world, key.id)
    if (stays) kept++
    else gone++
    next = withKey(next, name, stays ? { ...key, lapsesAt: now + AGAIN } : undefined)
  }
  return { world: next, gone, kept }
}
