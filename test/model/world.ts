/**
 * One possible world of a queue, as plain values: what each job is and which claims hold leases. Every rule of a job's
 * life is said here a second time, in the plainest way; nothing here knows records, lanes or a store.
 */
import { escapePart } from '../../src/core/keys.ts'
import type { ModelSchedule } from './schedule-world.ts'

export const MAX_STALLS = 1

export interface ModelOptions {
  readonly delay?: number
  readonly priority?: number
  readonly lifo?: boolean
  readonly aging?: number | undefined
  readonly attempts?: number
  readonly backoff?: {
    readonly type: 'fixed' | 'exponential'
    readonly delay: number
    readonly maxDelay?: number
  }
  readonly removeOnComplete?: boolean
  readonly removeOnFail?: boolean
  readonly keepLogs?: number
  readonly tags?: readonly string[]
  readonly ttl?: number | undefined
  readonly idempotencyKey?: string | undefined
  readonly idempotencyKeyTTL?: number
  readonly deduplication?: ModelDeduplication | undefined
  /** The group whose turn it is taken in. */
  readonly group?: string | undefined
  /** Whether it goes to the other queue when it fails for good. */
  readonly deadLetter?: boolean | undefined
}

export interface ModelDeduplication {
  readonly id: string
  readonly ttl?: number | undefined
  readonly extend?: boolean | undefined
  readonly replace?: boolean | undefined
  readonly keepLastIfActive?: boolean | undefined
}

/** `blocked`: it waits for the end of another job. `grouped`, `arrive`, `penned`: what `ready`, `due` and `suspect` are for jobs of a group. */
export type Place =
  | 'ready'
  | 'grouped'
  | 'due'
  | 'arrive'
  | 'suspect'
  | 'penned'
  | 'lease'
  | 'blocked'
  | 'parked'
  | 'done'
  | 'dead'

export interface ModelJob {
  readonly id: string
  /** Told apart from an earlier job of the same id. */
  readonly incarnation: number
  readonly data: unknown
  readonly options: ModelOptions
  readonly place: Place
  readonly addedAt: number
  /** Its place in the queue's order; learned from the store when it is new, as chance has a part in it. */
  readonly key?: string | undefined
  readonly dueAt: number
  readonly claim?: string | undefined
  /** It is parked until there are enough for a batch, and not for its name. */
  readonly gathered?: boolean | undefined
  /** The job whose end it waits for, by id. */
  readonly after?: string | undefined
  /** When its deduplication id lapses, where that has a time. */
  readonly heldUntil?: number | undefined
  readonly attemptsMade: number
  readonly attemptsStarted: number
  readonly stalledCounter: number
  readonly generation: number
  readonly runAt?: number | undefined
  /** When it fails unless its first lease has begun. */
  readonly expiresAt?: number | undefined
  readonly finishedOn?: number | undefined
  readonly failedCode?: string | undefined
  /** Somebody cancelled it while it was on lease. */
  readonly cancelled?: boolean | undefined
  readonly fence: number
  /** The fence of the grant, while it is on lease. */
  readonly granted?: { readonly fence: number } | undefined
  readonly result?: unknown
  readonly progress?: unknown
  readonly logs: readonly string[]
  /** The job that it was in the other queue, and how that failed. */
  readonly origin?: ModelOrigin | undefined
}

interface ModelOrigin {
  readonly job: ModelJob
  readonly code: string
  readonly at: number
}

export interface ClaimEntry {
  readonly lane: 'claims' | 'reap'
  readonly until: number
}

/** What an idempotency key is for. */
export interface ModelKey {
  /** The job it gives, and when that was added: another may have its id by now. */
  readonly id: string
  readonly born: number
  /** As the job was added with it. */
  readonly data: unknown
  /** Until then it holds in any case. */
  readonly until: number
  /** When it is looked at next. */
  readonly lapsesAt: number
}

/** Who has a deduplication id; where it has no time, until that job ends. */
export interface ModelHold {
  readonly job: string
  readonly until: number | undefined
}

/** What somebody said of a group. */
export interface ModelGroup {
  readonly paused?: boolean | undefined
  readonly concurrency?: number | undefined
}

export interface ModelExpiry {
  readonly id: string
  readonly at: number
}

export interface World {
  readonly jobs: ReadonlyMap<string, ModelJob>
  readonly claims: ReadonlyMap<string, ClaimEntry>
  readonly paused: boolean
  /** Jobs that may run at once. */
  readonly concurrency?: number | undefined
  /** Starts in every stretch of `RATE_MS`. */
  readonly rate?: number | undefined
  /** When jobs were started, whatever became of them. */
  readonly starts?: readonly number[]
  /** It is being removed with everything in it: paused as well. */
  readonly obliterating?: boolean
  /** By id; none where it is left out. */
  readonly schedules?: ReadonlyMap<string, ModelSchedule>
  /** Idempotency keys; none where it is left out. */
  readonly keys?: ReadonlyMap<string, ModelKey>
  /** Deduplication ids; none where it is left out. */
  readonly ids?: ReadonlyMap<string, ModelHold>
  /** Times at which jobs are to be looked at which may have expired by then; they outlive the jobs. */
  readonly expiries?: readonly ModelExpiry[]
  /** What was done by hand to single jobs, and pauses, as `<time> <action> <id>`; none where it is left out. */
  readonly audit?: readonly string[]
  /** Groups of which somebody said something that holds; none where it is left out. */
  readonly groups?: ReadonlyMap<string, ModelGroup>
  /** Jobs on their way to the other queue: a command's own, in order. */
  readonly sent?: readonly ModelJob[]
}

/** The length of the window in which the model's rates count, in ms. */
export const RATE_MS = 1500

export const EMPTY: World = { jobs: new Map(), claims: new Map(), paused: false }

/** Whether two values say the same. */
export const same = (one: unknown, other: unknown): boolean =>
  one === other || JSON.stringify(one) === JSON.stringify(other)

export const withJob = (world: World, job: ModelJob): World => ({
  ...world,
  jobs: new Map(world.jobs).set(job.id, job),
})

/** Somebody intervened: it is remembered with what was done. */
export const withLine = (world: World, now: number, action: string, id = ''): World => ({
  ...world,
  audit: [...(world.audit ?? []), `${now} ${action} ${id}`],
})

/** Another time for a job: it is looked at then. */
export const withExpiry = (world: World, id: string, at: number | undefined): World =>
  at === undefined ? world : { ...world, expiries: [...(world.expiries ?? []), { id, at }] }

export function withoutJob(world: World, id: string): World {
  const jobs = new Map(world.jobs)
  jobs.delete(id)
  return { ...world, jobs }
}

export function withClaim(world: World, claim: string, entry: ClaimEntry | undefined): World {
  const claims = new Map(world.claims)
  if (entry === undefined) claims.delete(claim)
  else claims.set(claim, entry)
  return { ...world, claims }
}

/** Jobs in a place, in the order in which they leave it. `head` is the name by which equals are ordered. */
export function inOrder(world: World, place: Place, head: (id: string) => string): ModelJob[] {
  return [...world.jobs.values()]
    .filter((job) => job.place === place)
    .map((job) => [stateKeyOf(job, head), job] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, job]) => job)
}

/** By which the jobs of a place are ordered. */
export function stateKeyOf(job: ModelJob, head: (id: string) => string): string {
  const name = head(job.id)
  switch (job.place) {
    case 'ready':
    case 'grouped':
      return `${job.key}/${name}`
    case 'parked':
      return `${job.gathered === true ? '*' : 'n'}/${job.key}/${name}`
    case 'lease':
      return `${job.key}/${job.claim}/${name}`
    case 'blocked':
      return `${head(job.after!)}/${digits(job.dueAt)}/${job.key}/${name}`
    case 'done':
    case 'dead':
      return `${digits(job.finishedOn!)}/${name}`
    case 'penned': {
      const group = escapePart(job.options.group!)
      return `${group}/${digits(job.runAt!)}/${job.key?.slice(group.length + 1)}/${name}`
    }
    default:
      return `${digits(job.runAt!)}/${job.key}/${name}`
  }
}

export const digits = (at: number): string => String(at).padStart(13, '0')

/** In line, or waiting for its time: in its group where it has one. */
export const inLine = (job: ModelJob): ModelJob => ({
  ...job,
  place: job.options.group === undefined ? 'ready' : 'grouped',
  runAt: undefined,
})
export const inTime = (job: ModelJob, runAt: number): ModelJob => ({
  ...job,
  place: job.options.group === undefined ? 'due' : 'arrive',
  runAt,
})

/** Waits to be run alone. */
export const inTimeAlone = (job: ModelJob, runAt: number): ModelJob => ({
  ...job,
  place: job.options.group === undefined ? 'suspect' : 'penned',
  runAt,
})
export const isAlone = ({ place }: ModelJob): boolean => place === 'suspect' || place === 'penned'

export function promoteInWorld(world: World, now: number): World {
  let next = world
  for (const job of world.jobs.values()) {
    if (job.place === 'due' && job.runAt! <= now)
      next = withJob(next, { ...job, place: 'ready', runAt: undefined })
  }
  return next
}

export interface ModelClaim {
  readonly claim: string
  readonly limit: number
  readonly until: number
  readonly suspect: boolean
  /** So many have to be in line; `back`: with those that gathered. */
  readonly gathering?: { readonly least: number; readonly back: boolean } | undefined
}

/** Those that gathered are in line again, as many as there are or as are asked for. */
const ungatherInWorld = (world: World, limit: number, head: (id: string) => string): World =>
  inOrder(world, 'parked', head)
    .filter(({ gathered }) => gathered)
    .slice(0, limit)
    .reduce((next, job) => withJob(next, { ...job, place: 'ready', gathered: undefined }), world)

/** Whether a job comes after those of priority 0, as one that ages does not. */
export const isPrioritized = ({ options: { priority = 0, aging } }: ModelJob): boolean =>
  priority > 0 && aging === undefined

/** A claim of what is there; the world with it and the ids it got, in order. */
export function claimInWorld(
  before: World,
  { claim, limit, until, suspect, gathering }: ModelClaim,
  now: number,
  head: (id: string) => string,
): { world: World; ids: string[] } {
  const running = inOrder(before, 'lease', head).length
  const { concurrency = Infinity, rate, starts = [] } = before
  const recent = rate === undefined ? [] : starts.filter((at) => at > now - RATE_MS)
  const room = Math.max(0, Math.min(limit, concurrency - running, (rate ?? Infinity) - recent.length))
  const world = gathering?.back === true && room > 0 ? ungatherInWorld(before, limit, head) : before
  const ready = inOrder(world, 'ready', head)
  const enough = gathering === undefined || ready.length >= gathering.least
  const taken = (
    suspect ? inOrder(world, 'suspect', head).filter(({ runAt }) => runAt! <= now) : enough ? ready : []
  ).slice(0, room)
  // Even a claim that gets nothing forgets what has left the window.
  if (taken.length === 0) return { world: rate === undefined ? world : { ...world }, ids: [] }
  let next = withClaim(world, claim, { lane: 'claims', until })
  if (rate !== undefined) next = { ...next, starts: [...starts, ...taken.map(() => now)] }
  for (const job of taken) {
    const granted = { fence: Math.max(job.fence, now) }
    next = withJob(next, { ...job, place: 'lease', claim, runAt: undefined, granted })
  }
  return { world: next, ids: taken.map(({ id }) => id) }
}

export function logInWorld(world: World, job: ModelJob, line: string): World {
  const most = job.options.keepLogs ?? 100
  return withJob(world, { ...job, logs: most === 0 ? [] : [...job.logs, line].slice(-most) })
}
