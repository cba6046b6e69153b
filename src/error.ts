/**
 * The errors of Holdfast. Codes are API and never change their meaning; messages may.
 * This file knows neither jobs nor stores.
 */

/** Every code a `HoldfastError` can carry. The README has a heading for each, with what to do. */
export type ErrorCode =
  | 'OPTION_INVALID'
  | 'PAYLOAD_NOT_JSON'
  | 'PAYLOAD_TOO_LARGE'
  | 'SCHEDULE_INVALID'
  | 'IDEMPOTENCY_CONFLICT'
  | 'SCHEMA_MISMATCH'
  | 'NOT_SUPPORTED'
  | 'JOB_NOT_FOUND'
  | 'JOB_STATE'
  | 'LOCK_LOST'
  | 'GROUP_FULL'
  | 'NO_HANDLER'
  | 'TIMEOUT'
  | 'CANCELLED'
  | 'EXPIRED'
  | 'CLOSING'
  | 'QUEUE_CLOSED'
  | 'UNIT_INVALID'
  | 'STORE_CLOSED'
  | 'STORE_LOCKED'
  | 'STORE_FULL'
  | 'STORE_FAILED'
  | 'STORE_CORRUPT'
  | 'STORE_CONTENDED'
  | 'STORE_TOO_NEW'
  | 'STORE_UNAVAILABLE'
  | 'STORE_RESET'
  | 'DURABILITY_UNAVAILABLE'

/** `failed`: certainly not applied. `unknown`: it may or may not have been applied. */
export type Outcome = 'failed' | 'unknown'

/**
 * What every operation of Holdfast rejects with.
 *
 * `code` is stable and meant for programs, `outcome` says whether the operation can have had an
 * effect, and `cause` is the error underneath, where there is one.
 */
export class HoldfastError extends Error {
  /** Always `HoldfastError`: tells it apart where two copies of the package meet. */
  override readonly name: string = 'HoldfastError'
  /** Stable, for programs. */
  readonly code: ErrorCode
  /** Whether what was asked for can have happened. */
  readonly outcome: Outcome

  /** `outcome` is `failed` unless it says otherwise. */
  constructor(code: ErrorCode, message: string, options: { outcome?: Outcome; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.outcome = options.outcome ?? 'failed'
  }
}

/** Thrown by a handler: this job fails for good, whatever attempts are left (`failedCode` UNRECOVERABLE). */
export class UnrecoverableError extends Error {
  /** By which workers know it. */
  override readonly name: string = 'UnrecoverableError'
}

/** Thrown by a handler: the attempt failed; try again after `retryAfter` (ms, or a point in time), not by the backoff. */
export class RetryAfterError extends Error {
  /** By which workers know it. */
  override readonly name: string = 'RetryAfterError'
  /** Milliseconds to wait, or a point in time. */
  readonly retryAfter: number | Date

  /** `retryAfter`: milliseconds from now, or a point in time. */
  constructor(message: string, retryAfter: number | Date) {
    super(message)
    this.retryAfter = retryAfter
  }
}

/** Thrown by a handler: not now; the job comes back after `ms` milliseconds and no attempt is burnt. */
export class SnoozeError extends Error {
  /** By which workers know it. */
  override readonly name: string = 'SnoozeError'
  /** Milliseconds to wait; at least 1. */
  readonly ms: number

  /** `ms`: milliseconds from now. */
  constructor(ms: number) {
    super(`snoozed for ${ms} ms`)
    this.ms = ms
  }
}

/** Thrown by a handler: the queue is to wait; the job keeps its place and no attempt is burnt. */
export class RateLimitError extends Error {
  /** By which workers know it. */
  override readonly name: string = 'RateLimitError'
  /** Milliseconds for which nothing of the queue is claimed; `undefined` where `worker.rateLimit(ms)` has said it. */
  readonly ms: number | undefined

  /** `ms`: milliseconds from now; left out after `worker.rateLimit(ms)`. */
  constructor(ms?: number) {
    super(ms === undefined ? 'rate limited' : `rate limited for ${ms} ms`)
    this.ms = ms
  }
}
