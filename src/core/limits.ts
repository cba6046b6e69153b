/**
 * How much of a queue may run: at once, and in a stretch of time. A rate is kept by a lane with one key per start, so that in
 * every window, wherever it begins, there are at most so many.
 */
import { type Check, type Checks, boolean, checkOptions, duration, integer, refuseOption } from './check.ts'
import {
  CONCURRENCY_MOST,
  LATE_LEAST,
  LATE_MOST,
  RATE_MOST,
  SMOOTH_LEAST,
  SMOOTH_TRIES,
  WINDOW_KEYS,
} from './bounds.ts'
import type { QueueConfig } from './config.ts'

/** At most so many starts in every stretch of so many milliseconds. */
export interface RateLimit {
  /** Starts, 1 to 1,000,000,000. */
  max: number
  /** Milliseconds. */
  duration: number
  /** Spread evenly over the time instead of as soon as there is budget; default false. */
  smooth?: boolean
}

/** What is counted: at most `max` keys younger than `ms`. */
export interface RateWindow {
  readonly max: number
  readonly ms: number
}

/** What holds for the claims of one worker. */
export interface Limits {
  /** Jobs that run at once, over all workers. */
  readonly concurrency: number | undefined
  /** One for each length. */
  readonly windows: readonly RateWindow[]
}

export const NO_LIMITS: Limits = { concurrency: undefined, windows: [] }

export const isLimited = ({ concurrency, windows }: Limits): boolean =>
  concurrency !== undefined || windows.length > 0

/**
 * The window that keeps a limit. A max of more keys than a lane shall hold is counted over a part of the time: k parts of 1/k of
 * the max keep every whole window below the max, wherever it begins. A smooth limit takes the shortest part that wastes next to
 * nothing: where that holds one start it is the cell rate algorithm without tolerance (GCRA of ITU-T I.371 with tau = 0): the next
 * start conforms T = duration / max after the last one.
 */
export function windowOf({ max, duration: ms, smooth = false }: RateLimit): RateWindow {
  if (smooth) return smoothWindow(max, ms)
  return partOf(max, ms, Math.ceil(max / WINDOW_KEYS))
}

function smoothWindow(max: number, ms: number): RateWindow {
  let best = partOf(max, ms, 1)
  let loss = Infinity
  const least = Math.max(1, Math.ceil((SMOOTH_LEAST * max) / ms))
  if (least > WINDOW_KEYS) return windowOf({ max, duration: ms })
  for (let starts = least; starts < Math.min(max, least + SMOOTH_TRIES); starts++) {
    const part = partOf(max, ms, Math.floor(max / starts))
    const lost = 1 - part.max / part.ms / (max / ms)
    if (lost < loss - 1e-9) [best, loss] = [part, lost]
    if (loss <= 0.01) break
  }
  return best
}

/** One of `parts` equal parts of a window, rounded so that all of them together are no more than the whole. */
function partOf(max: number, ms: number, parts: number): RateWindow {
  const some = Math.min(parts, max, ms)
  return { max: Math.min(WINDOW_KEYS, Math.floor(max / some)), ms: Math.ceil(ms / some) }
}

/**
 * How late the answer to a claim may come, in ms. Claims of many processes are not stored in the order of their times: starts are
 * remembered for so much longer than their window, and what is answered later is not started.
 */
export const lateOf = (ms: number): number => Math.min(Math.max(ms, LATE_LEAST), LATE_MOST)

/** Of limits on windows of one length the lower holds. */
export function windowsOf(limits: readonly (RateLimit | undefined)[]): RateWindow[] {
  const byLength = new Map<number, RateWindow>()
  for (const limit of limits) {
    if (limit === undefined) continue
    const window = windowOf(limit)
    const other = byLength.get(window.ms)
    if (other === undefined || other.max > window.max) byLength.set(window.ms, window)
  }
  return [...byLength.values()]
}

/** What holds for a worker with a limiter of its own. */
export const limitsOf = (config: QueueConfig, limiter: RateLimit | undefined): Limits => ({
  concurrency: config.concurrency,
  windows: windowsOf([config.rateLimit, limiter]),
})

const rateChecks: Checks<RateLimit> = {
  max: integer(1, RATE_MOST),
  duration: duration(1),
  smooth: boolean,
}

export const rateLimitCheck: Check<RateLimit> = (value, field) => {
  const { max, duration: ms, smooth } = checkOptions<RateLimit>(value, rateChecks, field, `${field}.`)
  if (max === undefined) refuseOption(`${field}.max`, max, 'a whole number')
  if (ms === undefined) refuseOption(`${field}.duration`, ms, 'milliseconds')
  return { max, duration: ms, smooth }
}

export const globalConcurrencyCheck: Check<number> = integer(1, CONCURRENCY_MOST)
