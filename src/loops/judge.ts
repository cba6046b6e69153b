/** What it means that an attempt failed with an error: another try and when, or the end. */
import { strategyWait } from '../core/backoff.ts'
import { DURATION_MOST } from '../core/bounds.ts'
import { describeFailure, fieldOf } from '../core/failure.ts'
import type { Head } from '../core/head.ts'
import { attemptsOf } from '../core/job-options.ts'
import type { Ending } from '../core/lifecycle.ts'
import { HoldfastError } from '../error.ts'
import type { Job } from '../job.ts'

/** `(attempt, error, job) => milliseconds`; -1 fails the job for good. */
export type BackoffStrategy = (attempt: number, error: unknown, job: Job) => number | Promise<number>

/** What is asked besides the error. */
export interface Judgement {
  readonly now: () => number
  readonly strategyOf: (type: string) => BackoffStrategy | undefined
  readonly error: (error: Error) => void
}

export async function endOfFailure(error: unknown, head: Head, job: Job, ask: Judgement): Promise<Ending> {
  const failure = describeFailure(error)
  // By name, as the error may come from another copy of the package.
  const name = fieldOf(error, 'name')
  if (name === 'SnoozeError') return { kind: 'snoozed', ms: wait(fieldOf(error, 'ms')) ?? 1 }
  if (name === 'UnrecoverableError') return { kind: 'failed', failure, code: 'UNRECOVERABLE', final: true }
  const isUnhandled = name === 'HoldfastError' && fieldOf(error, 'code') === 'NO_HANDLER'
  const code = isUnhandled ? 'NO_HANDLER' : 'ATTEMPTS_EXHAUSTED'
  if (name === 'RetryAfterError') {
    return { kind: 'failed', failure, code, wait: retryAfter(fieldOf(error, 'retryAfter'), ask.now()) }
  }
  const asked = await askStrategy(error, head, job, ask)
  return asked === -1
    ? { kind: 'failed', failure, code: 'UNRECOVERABLE', final: true }
    : { kind: 'failed', failure, code, wait: asked }
}

const retryAfter = (after: unknown, now: number): number | undefined =>
  wait(isDate(after) ? after.getTime() - now : after)

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

function isDate(value: unknown): value is Date {
  try {
    return value instanceof Date
  } catch {
    return false
  }
}

/** A wait that was asked for in so many words: only a backoff has a bound that users set. `undefined` for what is no number. */
const wait = (ms: unknown): number | undefined =>
  typeof ms === 'number' && !Number.isNaN(ms)
    ? Math.floor(Math.min(Math.max(0, ms), DURATION_MOST))
    : undefined
