/** Adding in a possible world: what an addition makes, or which job it meets, and what it makes of one that has its deduplication id. */
import { counters } from './counters.ts'
import { ownerOf, withHold } from './share-world.ts'
import {
  type ModelHold,
  type ModelJob,
  type ModelKey,
  type ModelOptions,
  type World,
  inLine,
  inTime,
  same,
  withExpiry,
  withJob,
} from './world.ts'

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
  readonly held: Held
}

/** What bulks have which are being stored: ids of jobs, idempotency keys, deduplication ids. */
export interface Held {
  readonly jobs: ReadonlySet<string>
  readonly keys: ReadonlySet<string>
  readonly ids: ReadonlySet<string>
}

/** What one call adds: the world after it, its answers, and the codes of errors of which it may end with any instead. */
export interface Added {
  /** The worlds after each of its commits, the one before it first. */
  readonly states: readonly World[]
  readonly out: readonly { readonly id: string; readonly deduplicated: boolean }[]
  readonly refusals: ReadonlySet<Refusal>
}

type Refusal = 'IDEMPOTENCY_CONFLICT' | 'STORE_CONTENDED'
/** `hold`: it has the deduplication id; `keyless`: it has the id alone, and gets the idempotency key. */
type Meeting =
  | 'nothing'
  | Refusal
  | { readonly id: string; readonly hold?: ModelHold; readonly keyless?: boolean }

const isLive = ({ jobs }: World, { id, born }: ModelKey): boolean => {
  const job = jobs.get(id)
  return job?.addedAt === born && job.finishedOn === undefined
}

/** Whether a key says nothing any more: its time is over, and so is its job. */
export const isOver = (world: World, key: ModelKey, now: number): boolean =>
  key.until <= now && !isLive(world, key)

function meetInWorld(world: World, { id, data, options }: ModelNewJob, { now, held }: Adding): Meeting {
  const name = options.idempotencyKey
  const key = name === undefined ? undefined : world.keys?.get(name)
  if (name !== undefined && (held.keys.has(name) || (key !== undefined && held.jobs.has(key.id))))
    return 'STORE_CONTENDED'
  if (key !== undefined && !isOver(world, key, now))
    return same(key.data, data) ? { id: key.id } : 'IDEMPOTENCY_CONFLICT'
  if (held.jobs.has(id)) return 'STORE_CONTENDED'
  if (world.jobs.has(id)) return { id, keyless: name !== undefined }
  if (options.deduplication === undefined) return 'nothing'
  if (held.ids.has(options.deduplication.id)) return 'STORE_CONTENDED'
  const hold = world.ids?.get(options.deduplication.id)
  if (hold === undefined || hasLapsed(hold, now)) return 'nothing'
  return held.jobs.has(hold.job) ? 'STORE_CONTENDED' : { id: hold.job, hold }
}

/** Whether a deduplication id is free again. */
export const hasLapsed = ({ until = Infinity }: Pick<ModelHold, 'until'>, now: number): boolean =>
  until <= now

/**
 * What meets a job that is there before the call is answered with it; the others are added one after the other, and what is left
 * out as another of the call was before it, meets what is there in the end. Then what has more to say to the job that has its
 * deduplication id says it. What contradicts itself, or meets what it must not before anything is added, adds nothing.
 */
export function addAllToWorld(world: World, jobs: readonly ModelNewJob[], adding: Adding): Added {
  if (!agree(jobs)) return { states: [world], out: [], refusals: new Set(['IDEMPOTENCY_CONFLICT']) }
  const met = jobs.map((job) => meetInWorld(world, job, adding))
  if (met.some(isRefusal)) return { states: [world], out: [], refusals: new Set(met.filter(isRefusal)) }
  const added = new Set<number>()
  let next = world
  const add = (at: number): void => {
    next = addToWorld(next, jobs[at]!, adding.now, adding.incarnation + at)
    added.add(at)
  }
  for (const [at, job] of jobs.entries())
    if (met[at] === 'nothing' && meetInWorld(next, job, adding) === 'nothing') add(at)
  const answers = jobs.map((job, at): Meeting => {
    if (added.has(at)) return { id: job.id }
    return met[at] === 'nothing' ? meetInWorld(next, job, adding) : met[at]!
  })
  const states = next === world ? [world] : [world, next]
  // Only where a job of this very call is the first of its id since a key for that id was over.
  const refusals = new Set(answers.filter(isRefusal))
  for (const [at, job] of refusals.size > 0 ? [] : jobs.entries()) {
    const answer = answers[at]!
    if (typeof answer === 'string' || added.has(at)) continue
    if (answer.hold === undefined ? answer.keyless !== true : !saysMore(job)) continue
    const meeting = meetInWorld(next, job, adding)
    if (isRefusal(meeting)) {
      refusals.add(meeting)
      break
    }
    if (meeting === 'nothing') add(at)
    else if (meeting.hold === undefined) {
      answers[at] = meeting
      if (meeting.keyless === true)
        next = takeKey(next, meeting.id, job, adding.now, bornIn(next, meeting.id))
    } else {
      const joined = joinInWorld(next, job, meeting.hold, adding.now, adding.incarnation + at)
      next = joined.world
      answers[at] = { id: joined.id }
      if (joined.id === job.id && joined.isNew) added.add(at)
    }
    if (next !== states.at(-1)) states.push(next)
  }
  const out = answers.map((answer, at) => ({
    id: typeof answer === 'string' ? answer : added.has(at) ? jobs[at]!.id : answer.id,
    deduplicated: !added.has(at),
  }))
  return { states, out, refusals }
}

/** Whether an addition has anything to say to a job that has its deduplication id. */
const saysMore = ({ options: { idempotencyKey, deduplication } }: ModelNewJob): boolean =>
  idempotencyKey !== undefined ||
  deduplication!.extend === true ||
  deduplication!.replace === true ||
  deduplication!.keepLastIfActive === true

/** An addition that meets the job which has its id: it waits for that one's end, or changes it, or begins its time anew. */
function joinInWorld(
  world: World,
  job: ModelNewJob,
  hold: ModelHold,
  now: number,
  incarnation: number,
): { world: World; id: string; isNew: boolean } {
  const asked = job.options.deduplication!
  const holder = ownerOf(world, asked.id, hold)
  if (asked.keepLastIfActive === true && holder?.place === 'lease') {
    counters.followed++
    const follower = addToWorld(world, job, now, incarnation)
    const added = follower.jobs.get(job.id)!
    const waits: ModelJob = { ...added, place: 'blocked', after: holder.id, runAt: undefined }
    return { world: withJob(follower, waits), id: job.id, isNew: true }
  }
  const longer = windowOf(asked, now)
  const isLonger = asked.extend === true && hold.until !== undefined && (longer ?? 0) > hold.until
  const until = isLonger ? longer : hold.until
  if (isLonger) counters.extended++
  let next = isLonger ? withHold(world, asked.id, { job: hold.job, until }) : world
  if (holder !== undefined && isRemade(holder, asked)) {
    const remade = remadeBy(holder, job, now)
    next = withExpiry(withJob(next, { ...remade, heldUntil: until }), hold.job, remade.expiresAt)
  } else if (isLonger && holder !== undefined && holder.finishedOn === undefined)
    next = withJob(next, { ...holder, heldUntil: until })
  return { world: takeKey(next, hold.job, job, now, holder?.addedAt), id: hold.job, isNew: false }
}

const isRemade = (
  { place }: ModelJob,
  { replace = false, keepLastIfActive = false }: NonNullable<ModelOptions['deduplication']>,
): boolean =>
  place === 'blocked' ? replace || keepLastIfActive : replace && (place === 'due' || place === 'suspect')

/** It keeps its id and its past, and becomes what was added. */
function remadeBy(holder: ModelJob, { data, options }: ModelNewJob, now: number): ModelJob {
  const dueAt = now + (options.delay ?? 0)
  counters.remade++
  const { keepLogs } = holder.logs.length > 0 ? holder.options : options
  const remade: ModelJob = {
    ...holder,
    data,
    options: { ...options, ...(keepLogs === undefined ? {} : { keepLogs }) },
    key: undefined,
    dueAt,
    expiresAt: options.ttl === undefined ? undefined : dueAt + options.ttl,
    attemptsMade: 0,
  }
  if (holder.place === 'blocked') return remade
  if (holder.place === 'suspect' || dueAt > now) return { ...remade, runAt: dueAt }
  return { ...remade, place: 'ready', runAt: undefined }
}

/** When an id that is taken now lapses; `undefined`: with its job. */
const windowOf = (
  { ttl, keepLastIfActive }: NonNullable<ModelOptions['deduplication']>,
  now: number,
): number | undefined => (ttl === undefined || keepLastIfActive === true ? undefined : now + ttl)

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
  const { deduplication } = options
  const heldUntil = deduplication && windowOf(deduplication, now)
  const expiresAt = options.ttl === undefined ? undefined : dueAt + options.ttl
  const made: ModelJob = {
    id,
    incarnation,
    data,
    options,
    place: 'ready',
    addedAt: now,
    dueAt,
    heldUntil,
    attemptsMade: 0,
    attemptsStarted: 0,
    stalledCounter: 0,
    generation: 0,
    expiresAt,
    fence: now,
    logs: [],
  }
  const added = withJob(world, dueAt > now ? inTime(made, dueAt) : inLine(made))
  const holding =
    deduplication === undefined ? added : withHold(added, deduplication.id, { job: id, until: heldUntil })
  return takeKey(withExpiry(holding, id, expiresAt), id, { id, data, options }, now, now)
}

const bornIn = ({ jobs }: World, id: string): number | undefined => jobs.get(id)?.addedAt

/** The idempotency key of an addition, for the job that it came to; `born`: when that was added, where it is still there. */
function takeKey(
  world: World,
  id: string,
  { data, options }: ModelNewJob,
  now: number,
  born: number | undefined,
): World {
  if (options.idempotencyKey === undefined) return world
  const until = now + (options.idempotencyKeyTTL ?? DAY)
  const key: ModelKey = { id, born: born ?? 0, data, until, lapsesAt: until }
  return withKey(world, options.idempotencyKey, key)
}

function withKey(world: World, name: string, key: ModelKey | undefined): World {
  const keys = new Map(world.keys)
  if (key === undefined) keys.delete(name)
  else keys.set(name, key)
  return { ...world, keys }
}

const AGAIN = 3_600_000

/** What is over goes; an idempotency key whose job lives is looked at again later, be it of a bulk that is being stored. */
export function lapseInWorld(
  world: World,
  now: number,
  held: ReadonlySet<string>,
): { world: World; gone: number; kept: number; ids: number } {
  let [next, gone, kept, ids] = [world, 0, 0, 0]
  for (const [id, hold] of world.ids ?? []) {
    if (!hasLapsed(hold, now)) continue
    ids++
    next = withHold(next, id, undefined)
  }
  for (const [name, key] of world.keys ?? []) {
    if (key.lapsesAt > now) continue
    const stays = held.has(key.id) || isLive(world, key)
    if (stays) kept++
    else gone++
    next = withKey(next, name, stays ? { ...key, lapsesAt: now + AGAIN } : undefined)
  }
  return { world: next, gone, kept, ids }
}
