/**
 * A job's life as one table: every state, every event, and where it leads. `endOfLease` decides for one job what
 * the table allows in general.
 */
import { STALL_WAIT } from './bounds.ts'
import { backoffWait } from './backoff.ts'
import type { Failure } from './failure.ts'
import { type FailedCode, type Head, type HeadDraft, draftOf } from './head.ts'
import { attemptsOf } from './job-options.ts'
import { keepsNone } from './kept.ts'
import type { StateLane } from './keys.ts'
import type { PayloadText } from './payload.ts'

/** The public names of the states. */
export type JobState = 'waiting' | 'delayed' | 'active' | 'waiting-children' | 'completed' | 'failed'
export const JOB_STATES: readonly JobState[] = [
  'waiting',
  'delayed',
  'active',
  'waiting-children',
  'completed',
  'failed',
]

/** A state, or a part of one that BullMQ tells apart: jobs that wait and have a priority above 0. */
export type JobFilter = JobState | 'prioritized'
export const JOB_FILTERS: readonly JobFilter[] = [...JOB_STATES, 'prioritized']

/** `new` before a job is added, `gone` after it was removed. */
export type LifecycleState = JobState | 'new' | 'gone'

export type LifecycleEvent =
  | 'added'
  | 'promoted'
  | 'claimed'
  | 'completed'
  | 'failed'
  | 'stalled'
  | 'released'
  | 'snoozed'
  | 'shelved'
  | 'unshelved'
  | 'followed'
  | 'cancelled'
  | 'expired'
  | 'retried'
  | 'removed'
  | 'pruned'

interface Transition {
  readonly from: readonly LifecycleState[]
  readonly to: readonly LifecycleState[]
  /** The counter it raises by one; every end of a lease also raises `attemptsStarted`. */
  readonly counts?: 'attemptsMade' | 'stalledCounter' | 'generation'
}

/** Every event of a job's life. The README's diagram is drawn from this table, and a test holds them equal. */
export const LIFECYCLE: Readonly<Record<LifecycleEvent, Transition>> = {
  added: { from: ['new'], to: ['waiting', 'delayed', 'waiting-children'] },
  promoted: { from: ['delayed'], to: ['waiting'] },
  claimed: { from: ['waiting'], to: ['active'] },
  completed: { from: ['active'], to: ['completed', 'gone'], counts: 'attemptsMade' },
  failed: { from: ['active'], to: ['waiting', 'delayed', 'failed', 'gone'], counts: 'attemptsMade' },
  stalled: { from: ['active'], to: ['delayed', 'failed', 'gone'], counts: 'stalledCounter' },
  released: { from: ['active'], to: ['waiting'] },
  snoozed: { from: ['active'], to: ['delayed'] },
  shelved: { from: ['active'], to: ['failed', 'waiting-children'] },
  unshelved: { from: ['waiting-children'], to: ['waiting'] },
  followed: { from: ['waiting-children'], to: ['delayed'] },
  cancelled: { from: ['waiting', 'delayed', 'active', 'waiting-children'], to: ['failed', 'gone'] },
  expired: { from: ['waiting', 'delayed', 'active'], to: ['failed', 'gone'] },
  retried: { from: ['completed', 'failed'], to: ['waiting'], counts: 'generation' },
  removed: {
    from: ['waiting', 'delayed', 'active', 'waiting-children', 'completed', 'failed'],
    to: ['gone'],
  },
  pruned: { from: ['completed', 'failed'], to: ['gone'] },
}

/**
 * Which public state a job with its key in a lane has. What is in `suspect` or `arrive` is waiting once it is due; what is in `due` or
 * `penned` once it was brought into line, as counts and lists go by the lane.
 */
export function stateOfLane(lane: StateLane, isDue = false): JobState {
  switch (lane) {
    case 'ready':
    case 'grouped':
    case 'parked':
      return 'waiting'
    case 'due':
    case 'penned':
      return 'delayed'
    case 'suspect':
    case 'arrive':
      return isDue ? 'waiting' : 'delayed'
    case 'lease':
      return 'active'
    case 'blocked':
      return 'waiting-children'
    case 'done':
      return 'completed'
    default:
      return 'failed'
  }
}

/** How a lease ended. */
export type Ending =
  | { readonly kind: 'completed'; readonly result: PayloadText }
  | {
      readonly kind: 'failed'
      readonly failure: Failure
      /** What to say where this was the last attempt. */
      readonly code: FailedCode
      /** No further attempt, whatever is left. */
      readonly final?: boolean
      /** Milliseconds to wait instead of the job's backoff: a custom strategy's answer, or `RetryAfterError`. */
      readonly wait?: number
    }
  | { readonly kind: 'stalled'; readonly failure: Failure }
  | { readonly kind: 'released' }
  | { readonly kind: 'snoozed'; readonly ms: number }
  | { readonly kind: 'cancelled' | 'expired'; readonly failure: Failure }

/** A grant, as far as its end needs to know it. */
export interface GrantFacts {
  readonly startedAt: number
  readonly worker: string
  readonly fence: number
}

export interface Circumstances {
  readonly now: number
  readonly random: number
  /** Stalls after which the next one ends the job. */
  readonly maxStalledCount: number
}

/** What the end of a lease makes of a job: its head, and the lane its key goes to. */
export interface Departure {
  readonly head: Head
  /** `gone`: nothing of it is kept. `moved`: it goes to the dead letters, and nothing of it is kept here. */
  readonly lane: 'ready' | 'due' | 'suspect' | 'done' | 'dead' | 'gone' | 'moved'
}

/**
 * How a lease ends after all. A cancel that was stored before the end comes first, whatever the holder, or the reaper, makes of
 * the job: it is neither tried again nor completed.
 */
export const decidedEnding = ({ cancelled }: Head, ending: Ending): Ending =>
  cancelled === undefined ? ending : { kind: 'cancelled', failure: { message: cancelled } }

/**
 * The job after the end of its lease. Pure; the only place that decides between another try and the end.
 * `fence` rises past the grant's and past the clock, so it rises across restores and re-added ids too.
 */
export function endOfLease(head: Head, grant: GrantFacts, ending: Ending, at: Circumstances): Departure {
  const ended = draftOf(head)
  ended.attemptsStarted = (head.attemptsStarted ?? 0) + 1
  ended.fence = Math.max(grant.fence + 1, at.now)
  ended.runAt = undefined
  ended.blocked = undefined
  ended.processedOn = grant.startedAt
  ended.processedBy = grant.worker
  switch (ending.kind) {
    case 'completed':
      ended.attemptsMade = (head.attemptsMade ?? 0) + 1
      ended.failedReason = undefined
      return finish(ended, at.now)
    case 'failed':
      return endOfAttempt(ended, ending, at)
    case 'stalled':
      return endByStall(ended, ending.failure, at)
    case 'released':
      return again(ended, 0, at)
    case 'expired':
      return failForGood(ended, 'EXPIRED', ending.failure.message, at.now)
    case 'cancelled':
      return failForGood(ended, 'CANCELLED', ending.failure.message, at.now)
    default:
      return again(ended, Math.max(1, ending.ms), at)
  }
}

/** Whether a job has waited too long for its first lease to begin. */
export const hasExpired = ({ expiresAt = Infinity, attemptsStarted = 0 }: Head, now: number): boolean =>
  expiresAt <= now && attemptsStarted === 0

export const expiry = ({ opts }: Head): Failure => ({
  message: `not begun within ${opts.ttl} ms of its time`,
})

/** A job that is not being run, ended by somebody else. */
export const endWithoutLease = (head: Head, code: FailedCode, reason: string, now: number): Departure =>
  failForGood({ ...draftOf(head), runAt: undefined, blocked: undefined }, code, reason, now)

function failForGood(head: HeadDraft, code: FailedCode, reason: string, now: number): Departure {
  head.failedCode = code
  head.failedReason = reason
  return finish(head, now)
}

function endOfAttempt(head: HeadDraft, ending: Ending & { kind: 'failed' }, at: Circumstances): Departure {
  const attempt = (head.attemptsMade ?? 0) + 1
  head.attemptsMade = attempt
  head.failedReason = ending.failure.message
  if (ending.final === true || attempt >= attemptsOf(head.opts)) {
    head.failedCode = ending.code
    return finish(head, at.now)
  }
  return again(head, ending.wait ?? backoffWait(head.opts.backoff, attempt, at.random), at)
}

function endByStall(head: HeadDraft, failure: Failure, at: Circumstances): Departure {
  const stalls = (head.stalledCounter ?? 0) + 1
  head.stalledCounter = stalls
  head.failedReason = failure.message
  if (stalls > at.maxStalledCount) {
    head.failedCode = 'STALLED'
    return finish(head, at.now)
  }
  return again(head, Math.max(STALL_WAIT, backoffWait(head.opts.backoff, stalls, at.random)), at)
}

/** Back in line: at once, later, or, where one more stall would end it, alone. */
function again(head: HeadDraft, wait: number, { now, maxStalledCount }: Circumstances): Departure {
  const suspect = isSuspect(head, maxStalledCount)
  if (!suspect && wait <= 0) return { head, lane: 'ready' }
  head.runAt = now + wait
  return { head, lane: suspect ? 'suspect' : 'due' }
}

/** Whether its next stall would end it: it is run alone. */
export const isSuspect = ({ stalledCounter = 0 }: Head, maxStalledCount: number): boolean =>
  stalledCounter > 0 && stalledCounter >= maxStalledCount

function finish(head: HeadDraft, now: number): Departure {
  head.cancelled = undefined
  const outcome = head.failedCode === undefined ? 'completed' : 'failed'
  if (outcome === 'failed' && head.opts.deadLetter !== undefined && head.failedCode !== 'CANCELLED') {
    head.finishedOn = now
    return { head, lane: 'moved' }
  }
  if (keepsNone(head.opts, outcome)) return { head, lane: 'gone' }
  head.finishedOn = now
  return { head, lane: outcome === 'completed' ? 'done' : 'dead' }
}
