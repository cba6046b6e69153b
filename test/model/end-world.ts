/** How leases and jobs end in a possible world: tried again, finished, or gone. */
import { letterOf, sendFrom } from './letter-world.ts'
import { type Leaving, leaveInWorld } from './share-world.ts'
import {
  MAX_STALLS,
  type ModelExpiry,
  type ModelJob,
  type ModelOptions,
  type World,
  inLine,
  inOrder,
  inTime,
  inTimeAlone,
  withJob,
  withoutJob,
} from './world.ts'

const STALL_WAIT = 1000
const DAY = 24 * 3_600_000

export type ModelEnding =
  | { readonly kind: 'completed'; readonly result: unknown }
  | { readonly kind: 'failed'; readonly final: boolean; readonly wait?: number | undefined }
  | { readonly kind: 'released' }
  | { readonly kind: 'snoozed'; readonly ms: number }
  | { readonly kind: 'stalled' }
  /** Its time was over when its lease began; released where it was not. */
  | { readonly kind: 'expired' }

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
      const left = leaveInWorld(world, job, 'ended')
      if (job.options.removeOnComplete === true) return withoutJob(left, job.id)
      const attemptsMade = job.attemptsMade + 1
      return withJob(left, { ...ended, attemptsMade, place: 'done', finishedOn: now, result: ending.result })
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
    case 'expired':
      if (hasExpired(job, now)) return deadInWorld(world, ended, 'EXPIRED', now)
      return againInWorld(world, ended, 0, now)
    case 'released':
      return againInWorld(world, ended, 0, now)
    default:
      return againInWorld(world, ended, ending.ms, now)
  }
}

const hasExpired = ({ expiresAt = Infinity, attemptsStarted }: ModelJob, now: number): boolean =>
  expiresAt <= now && attemptsStarted === 0

/** Jobs fail whose time to begin is over, in the order of their times; one that is not where it was when this began is left to the next look. */
export function expireInWorld(world: World, now: number): { world: World; ids: string[]; left: number } {
  const due = (world.expiries ?? []).filter(({ at }) => at <= now)
  const later: ModelExpiry[] = (world.expiries ?? []).filter(({ at }) => at > now)
  const ids: string[] = []
  let [next, left] = [world, 0]
  for (const expiry of due.toSorted((a, b) => a.at - b.at)) {
    const job = world.jobs.get(expiry.id)
    const isMeant = job?.expiresAt === expiry.at && job.finishedOn === undefined && hasExpired(job, now)
    if (isMeant && job.place !== 'lease' && next.jobs.get(job.id) !== job) {
      later.push(expiry)
      left++
    } else if (isMeant && job.place !== 'lease') {
      next = deadInWorld(next, { ...job, runAt: undefined, after: undefined }, 'EXPIRED', now)
      ids.push(job.id)
    }
  }
  return { world: due.length === left ? world : { ...next, expiries: later }, ids, left }
}

/** At once, or with its lease, or, by force, with its lease now. */
export function cancelInWorld(world: World, job: ModelJob, now: number, force: boolean): World {
  if (job.place === 'lease') {
    const told = { ...job, cancelled: true }
    return force ? endInWorld(world, told, { kind: 'released' }, now) : withJob(world, told)
  }
  const ended = { ...job, runAt: undefined, after: undefined }
  return deadInWorld(world, ended, 'CANCELLED', now, 'removed')
}

function deadInWorld(
  world: World,
  job: ModelJob,
  failedCode: string,
  now: number,
  leaving: Leaving = 'ended',
): World {
  const left = leaveInWorld(world, job, leaving)
  if (job.options.deadLetter === true && failedCode !== 'CANCELLED')
    return sendFrom(left, job.id, letterOf({ ...job, finishedOn: now }, failedCode, now))
  if (job.options.removeOnFail === true) return withoutJob(left, job.id)
  return withJob(left, { ...job, place: 'dead', finishedOn: now, failedCode })
}

function againInWorld(world: World, job: ModelJob, wait: number, now: number): World {
  const isSuspect = job.stalledCounter >= MAX_STALLS
  if (isSuspect) return withJob(world, inTimeAlone(job, now + wait))
  return withJob(world, wait > 0 ? inTime(job, now + wait) : inLine(job))
}

function waitOf({ backoff }: ModelOptions, attempt: number): number {
  if (backoff === undefined) return 0
  const { type, delay, maxDelay = DAY } = backoff
  return Math.min(type === 'fixed' ? delay : delay * 2 ** (attempt - 1), maxDelay)
}

export function retryInWorld(world: World, job: ModelJob, now: number, resetAttempts: boolean): World {
  return withJob(world, {
    ...inLine(job),
    key: undefined,
    dueAt: now,
    generation: job.generation + 1,
    attemptsMade: resetAttempts ? 0 : job.attemptsMade,
    stalledCounter: 0,
    finishedOn: undefined,
    failedCode: undefined,
    expiresAt: undefined,
    result: undefined,
  })
}

/** It goes with all that is its own, wherever it is. */
export const removeInWorld = (world: World, job: ModelJob): World =>
  withoutJob(leaveInWorld(world, job, 'removed'), job.id)

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
