/**
 * Waits that somebody asked for in so many words (`RetryAfterError`, `SnoozeError`, a server's Retry-After), instead of leaving
 * them to a backoff.
 */
import { DURATION_MOST } from './bounds.ts'

/**
 * What `retryIf` says of an error: whether there is another attempt, and, where it is a number of milliseconds or a point in
 * time, when.
 */
export type RetryAnswer = boolean | number | Date

/** Milliseconds as a whole number from 0 to a hundred years; `undefined` for what is no number. */
export const askedMs = (ms: unknown): number | undefined =>
  typeof ms === 'number' && !Number.isNaN(ms)
    ? Math.floor(Math.min(Math.max(0, ms), DURATION_MOST))
    : undefined

/** Milliseconds from `now` until what was asked for, a wait or a point in time; `undefined` for what is neither. */
export const askedWait = (after: unknown, now: number): number | undefined =>
  askedMs(isDate(after) ? after.getTime() - now : after)

/** A proxy may throw at the question. */
function isDate(value: unknown): value is Date {
  try {
    return value instanceof Date
  } catch {
    return false
  }
}
