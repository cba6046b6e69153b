/**
 * One possible world of a queue, as plain values: what each job is and which claims hold leases. Every rule of a job's
 * life is said here a second time, in the plainest way; nothing here knows records, lanes or a store.
 */
import type { ModelSchedule } from './schedule-world.ts'

export const MAX_STALLS = 1
const STALL_WAIT = 1000
const DAY = 24 * 3_600_000

export interface ModelOptions {
  readonly delay?: number
  readonly priority?: number
  readonly lifo?: boolean
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
  readonly idempotencyKey?: string | undefined
  readonly idempotencyKeyTTL?: number
}

export type Place = 'ready' | 'due' | 'suspect' | 'lease' | 'parked' | 'done' | 'dead'

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
  readonly attemptsMade: number
  readonly attemptsStarted: number
  readonly stalledCounter: number
  readonly generation: number
  readonly runAt?: number | undefined
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
}

export interface ClaimEntry {
  readonly lane: 'claims' | 'reap'
  readonly until: number
}

/** What an idempotency key is for. */
export interface ModelKey {
  /** The job it gives. */
  readonly id: string
  /** As the job was added with it. */
  readonly data: unknown
  /** Until then it holds in any case. */
  readonly until: number
  /** When it is looked at next. */
  readonly lapsesAt: number
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
}

/** The length of the window in which the model's rates count, in ms. */
export const RATE_MS = 1500

export const EMPTY: World = { jobs: new Map(), claims: new Map(), paused: false }

export type ModelEnding =
  | { readonly kind: 'completed'; readonly result: unknown }
  | { readonly kind: 'failed'; readonly final: boolean; readonly wait?: number | undefined }
  | { readonly kind: 'released' }
  | { readonly kind: 'snoozed'; readonly ms: number }
  | { readonly kind: 'stalled' }

/** Whether two values say the same. */
export const same = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other)

export const withJob = (world: World, job: ModelJob): World => ({
  ...world,
  jobs: new Map(world.jobs).set(job.id, job),
})

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
  const keyOf = (job: ModelJob): string =>
    place === 'ready' || place === 'parked'
      ? `${job.key}/${head(job.id)}`
      : place === 'lease'
        ? `${job.key}/${job.claim}/${head(job.id)}`
        : place === 'done' || place === 'dead'
          ? `${digits(job.finishedOn!)}/${head(job.id)}`
          : `${digits(job.runAt!)}/${job.key}/${head(job.id)}`
  return [...world.jobs.values()]
    .filter((job) => job.place === place)
    .map((job) => [keyOf(job), job] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, job]) => job)
}

export const digits = (at: number): string => String(at).padStart(13, '0')

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
}

/** A claim of what is there; the world with it and the ids it got, in order. */
export function claimInWorld(
  world: World,
  { claim, limit, until, suspect }: ModelClaim,
  now: number,
  head: (id: string) => string,
): { world: World; ids: string[] } {
  const running = inOrder(world, 'lease', head).length
  const { concurrency = Infinity, rate, starts = [] } = world
  const recent = rate === undefined ? [] : starts.filter((at) => at > now - RATE_MS)
  const room = Math.min(limit, concurrency - running, (rate ?? Infinity) - recent.length)
  const taken = (
    suspect
      ? inOrder(world, 'suspect', head).filter(({ runAt }) => runAt! <= now)
      : inOrder(world, 'ready', head)
  ).slice(0, Math.max(0, room))
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

/** The end of a lease. */
export function endInWorld(world: World, job: ModelJob, ending: ModelEnding, now: number): World {
  const ended: ModelJob = {
    ...job,
    claim: undefined,
    granted: undefined,
    attemptsStarted: job.attemptsStarted + 1,
    fence: Math.max(job.granted!.fence + 1, now),
  }
  if (job.cancelled === true) return deadInWorld(world, { ...ended, cancelled: undefined }, 'CANCELLED', now)
  switch (ending.kind) {
    case 'completed': {
      if (job.options.removeOnComplete === true) return withoutJob(world, job.id)
      const attemptsMade = job.attemptsMade + 1
      return withJob(world, { ...ended, attemptsMade, place: 'done', finishedOn: now, result: ending.result })
    }
    case 'failed': {
      const attemptsMade = job.attemptsMade + 1
      const failed = { ...ended, attemptsMade }
      if (ending.final || attemptsMade >= (job.options.attempts ?? 1))
        return deadInWorld(world, failed, ending.final ? 'UNRECOVERABLE' : 'ATTEMPTS_EXHAUSTED', now)
      return againInWorld(world, failed, ending.wait ?? waitOf(job.options, attemptsMade), now)
    }
    case 'stalled': {
      const stalledCounter = job.stalledCounter + 1
      const stalled = { ...ended, stalledCounter }
      if (stalledCounter > MAX_STALLS) return deadInWorld(world, stalled, 'STALLED', now)
      return againInWorld(world, stalled, Math.max(STALL_WAIT, waitOf(job.options, stalledCounter)), now)
    }
    case 'released':
      return againInWorld(world, ended, 0, now)
    default:
      return againInWorld(world, ended, ending.ms, now)
  }
}

/** At once, or with its lease, or, by force, with its lease now. */
export function cancelInWorld(world: World, job: ModelJob, now: number, force: boolean): World {
  if (job.place === 'lease') {
    const told = { ...job, cancelled: true }
    return force ? endInWorld(world, told, { kind: 'released' }, now) : withJob(world, told)
  }
  return deadInWorld(world, { ...job, runAt: undefined }, 'CANCELLED', now)
}

function deadInWorld(world: World, job: ModelJob, failedCode: string, now: number): World {
  if (job.options.removeOnFail === true) return withoutJob(world, job.id)
  return withJob(world, { ...job, place: 'dead', finishedOn: now, failedCode })
}

function againInWorld(world: World, job: ModelJob, wait: number, now: number): World {
  if (job.stalledCounter >= MAX_STALLS) return withJob(world, { ...job, place: 'suspect', runAt: now + wait })
  return withJob(world, wait > 0 ? { ...job, place: 'due', runAt: now + wait } : { ...job, place: 'ready' })
}

function waitOf({ backoff }: ModelOptions, attempt: number): number {
  if (backoff === undefined) return 0
  const { type, delay, maxDelay = DAY } = backoff
  return Math.min(type === 'fixed' ? delay : delay * 2 ** (attempt - 1), maxDelay)
}

export function retryInWorld(world: World, job: ModelJob, now: number, resetAttempts: boolean): World {
  return withJob(world, {
    ...job,
    place: 'ready',
    key: undefined,
    dueAt: now,
    generation: job.generation + 1,
    attemptsMade: resetAttempts ? 0 : job.attemptsMade,
    stalledCounter: 0,
    finishedOn: undefined,
    failedCode: undefined,
    result: undefined,
  })
}

export function logInWorld(world: World, job: ModelJob, line: string): World {
  const most = job.options.keepLogs ?? 100
  return withJob(world, { ...job, logs: most === 0 ? [] : [...job.logs, line].slice(-most) })
}

/** Of the jobs of a place, the newest `count` that ended after `tooOld` are kept. */
export function pruneWorld(
  world: World,
  place: 'done' | 'dead',
  { count, tooOld }: { readonly count: number; readonly tooOld: number },
  head: (id: string) => string,
): { world: World; removed: number } {
  const all = inOrder(world, place, head)
  const removed = all.filter(({ finishedOn }, at) => at < all.length - count || finishedOn! <= tooOld)
  return { world: removed.reduce((next, { id }) => withoutJob(next, id), world), removed: removed.length }
}
