/** What it means that an attempt failed with an error: another try and when, or the end. */
import { type RetryAnswer, askedMs, askedWait } from '../core/asked-wait.ts'
import { strategyWait } from '../core/backoff.ts'
import { show } from '../core/check.ts'
import { describeFailure, fieldOf } from '../core/failure.ts'
import type { Head } from '../core/head.ts'
import { attemptsOf } from '../core/job-options.ts'
import type { Ending } from '../core/lifecycle.ts'
import type { SchemaLookup } from '../core/schema.ts'
import { HoldfastError } from '../error.ts'
import type { Job } from '../job.ts'

/** `(attempt, error, job) => milliseconds`; -1 fails the job for good. */
export type BackoffStrategy = (attempt: number, error: unknown, job: Job) => number | Promise<number>

/**
 * Whether an error is worth another attempt: false fails the job for good, a number of milliseconds or a Date says when it is
 * tried again, true leaves that to the job's backoff.
 */
export type RetryIf = (error: unknown, job: Job) => RetryAnswer | Promise<RetryAnswer>

/** What a worker was given to judge jobs and errors by. */
export interface Rules {
  readonly schemasOf: SchemaLookup
  readonly retryIf: RetryIf | undefined
  readonly strategyOf: (type: string) => BackoffStrategy | undefined
  /** Holds the queue for so many ms. */
  readonly hold: (ms: number) => Promise<void>
}

export const rulesOf = ({ schemasOf, retryIf, strategyOf, hold }: Rules): Rules => ({
  schemasOf,
  retryIf,
  strategyOf,
  hold,
})

/** What is asked besides the error. */
export interface Judgement extends Rules {
  readonly now: () => number
  readonly error: (error: Error) => void
}

export async function endOfFailure(error: unknown, head: Head, job: Job, ask: Judgement): Promise<Ending> {
  const failure = describeFailure(error)
  // By name, as the error may come from another copy of the package.
  const name = fieldOf(error, 'name')
  if (name === 'SnoozeError') return { kind: 'snoozed', ms: askedMs(fieldOf(error, 'ms')) ?? 1 }
  if (name === 'RateLimitError') return limited(askedMs(fieldOf(error, 'ms')), ask)
  const permanent = { kind: 'failed', failure, code: 'UNRECOVERABLE', final: true } as const
  if (name === 'UnrecoverableError') return permanent
  const isUnhandled = name === 'HoldfastError' && fieldOf(error, 'code') === 'NO_HANDLER'
  const code = isUnhandled ? 'NO_HANDLER' : 'ATTEMPTS_EXHAUSTED'
  if (name === 'RetryAfterError') {
    return { kind: 'failed', failure, code, wait: askedWait(fieldOf(error, 'retryAfter'), ask.now()) }
  }
  // Another worker may have the handler, whatever this one thinks of errors.
  const answer = isUnhandled ? true : await askRetryIf(error, job, ask)
  if (answer === false) return permanent
  if (answer !== true) return { kind: 'failed', failure, code, wait: atMost(answer, head) }
  const asked = await askStrategy(error, head, job, ask)
  return asked === -1 ? permanent : { kind: 'failed', failure, code, wait: asked }
}

/** The job goes back to its place once the queue is held, so that it is not claimed again at once. */
async function limited(ms: number | undefined, ask: Judgement): Promise<Ending> {
  try {
    if (ms !== undefined) await ask.hold(ms)
    return { kind: 'released' }
  } catch (error) {
    ask.error(error as Error)
    return { kind: 'snoozed', ms: ms ?? 1 }
  }
}

/** Whether there is another attempt; milliseconds where it was said when. What is no answer is reported and taken for a yes. */
async function askRetryIf(
  error: unknown,
  job: Job,
  { retryIf, now, error: report }: Judgement,
): Promise<boolean | number> {
  if (retryIf === undefined) return true
  try {
    const answer = await retryIf(error, job)
    const wait = typeof answer === 'boolean' ? answer : askedWait(answer, now())
    if (wait !== undefined) return wait
    const why = `retryIf gave ${show(answer)} for job ${job.id}, which is neither true or false nor a time`
    report(new HoldfastError('OPTION_INVALID', why))
  } catch (cause) {
    report(new HoldfastError('OPTION_INVALID', `retryIf threw at job ${job.id}`, { cause }))
  }
  return true
}

/** A bound that the job's options give holds for every wait; its default is for backoffs alone. */
const atMost = (wait: number, { opts: { backoff } }: Head): number =>
  Math.min(wait, backoff?.maxDelay ?? Infinity)

/** What the job's own backoff strategy says; `undefined` leaves it to the core. */
async function askStrategy(
  error: unknown,
  head: Head,
  job: Job,
  { strategyOf, error: report }: Judgement,
): Promise<number | undefined> {
  const { backoff } = head.opts
  if (backoff === undefined || backoff.type === 'fixed' || backoff.type === 'exponential') return undefined
  const attempt = (head.attemptsMade ?? 0) + 1
  if (attempt >= attemptsOf(head.opts)) return undefined
  const refuse = (why: string, cause?: unknown): undefined => {
    report(new HoldfastError('OPTION_INVALID', why, { cause }))
    return undefined
  }
  const strategy = strategyOf(backoff.type)
  if (strategy === undefined) {
    return refuse(
      `this worker has no backoff strategy ${JSON.stringify(backoff.type)}, which job ${job.id} asks for`,
    )
  }
  try {
    const answer = await strategy(attempt, error, job)
    return (
      strategyWait(answer, backoff.maxDelay) ??
      refuse(`the backoff strategy ${backoff.type} gave ${String(answer)}, which is no number of ms`)
    )
  } catch (thrown) {
    return refuse(`the backoff strategy ${backoff.type} threw`, thrown)
  }
}
