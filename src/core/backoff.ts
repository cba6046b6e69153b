/** How long a failed or stalled job waits before its next attempt. */
import { type Check, checkOptions, duration, number, object, refuseOption } from './check.ts'
import { BACKOFF_MOST } from './bounds.ts'

/** Part of the wait that is drawn by chance, 0 to 1: `j` draws from [(1-j)d, d], `{ around: j }` from [(1-j)d, (1+j)d]. */
export type Jitter =
  | number
  | {
      /** Part of the wait, 0 to 1. */
      around: number
    }

/** How long to wait between attempts. */
export interface BackoffOptions {
  /** `fixed`: `delay` each time. `exponential`: `delay * factor^(attempt-1)`. Else the name of one of the worker's `backoffStrategies`. */
  type: 'fixed' | 'exponential' | (string & {})
  /** Milliseconds; default 0. */
  delay?: number
  /** Of `exponential`, 1 to 1,000; default 2. */
  factor?: number
  /** Default 0: no chance in it. */
  jitter?: Jitter
  /** Milliseconds that no wait exceeds, jitter included; default 24 h. */
  maxDelay?: number
}

export const backoffCheck: Check<BackoffOptions> = (value, field) => {
  if (typeof value === 'number') return { type: 'fixed', delay: duration()(value, field) }
  const checked = checkOptions<BackoffOptions>(
    object(value, field),
    {
      type: (type, at) =>
        typeof type === 'string' && type !== '' && type.length <= 100
          ? type
          : refuseOption(at, type, `'fixed', 'exponential' or the name of a strategy`),
      delay: duration(),
      factor: number(1, 1000),
      jitter: jitterCheck,
      maxDelay: duration(),
    },
    field,
    `${field}.`,
  )
  if (checked.type === undefined)
    refuseOption(`${field}.type`, undefined, `'fixed', 'exponential' or the name of a strategy`)
  return checked
}

function jitterCheck(value: unknown, field: string): Jitter {
  if (typeof value === 'number') return number(0, 1)(value, field)
  return {
    around: number(0, 1)(
      checkOptions<{ around: number }>(value, { around: number(0, 1) }, field, `${field}.`).around,
      `${field}.around`,
    ),
  }
}

/**
 * Milliseconds before the attempt after number `attempt` (1, 2, ...): a whole number from 0 to `maxDelay`, for every
 * attempt number. Types other than `fixed` and `exponential` are the worker's business and wait `delay` here.
 */
export function backoffWait(backoff: BackoffOptions | undefined, attempt: number, random: number): number {
  if (backoff === undefined) return 0
  const { type, delay = 0, factor = 2, jitter = 0, maxDelay = BACKOFF_MOST } = backoff
  // The factor grows to Infinity, and 0 times that is no number.
  const grown = type === 'exponential' && delay > 0 ? delay * factor ** (attempt - 1) : delay
  // Bounded before the jitter, so that waits at the bound still differ, and after it, so that none exceeds it.
  const wait = Math.min(grown, maxDelay)
  const drawn =
    typeof jitter === 'number'
      ? wait * (1 - jitter * random)
      : wait * (1 - jitter.around + 2 * jitter.around * random)
  return Math.floor(Math.min(drawn, maxDelay))
}

/** What a custom strategy answered, made safe: ms to wait, at most `most`, or `undefined` for what is no duration. -1 says: fail for good. */
export function strategyWait(answer: unknown, most: number = BACKOFF_MOST): number | undefined {
  if (typeof answer !== 'number' || Number.isNaN(answer)) return undefined
  if (answer === -1) return -1
  return answer < 0 ? undefined : Math.floor(Math.min(answer, most))
}
