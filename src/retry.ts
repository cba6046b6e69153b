/** Trying again inside a handler: for a call that fails now and then, within one attempt of the job. */
import { type RetryAnswer, askedWait } from './core/asked-wait.ts'
import { type BackoffOptions, backoffCheck, backoffWait } from './core/backoff.ts'
import { ATTEMPTS_MOST } from './core/bounds.ts'
import { checkOptions, integer, object, refuseOption } from './core/check.ts'
import { fieldOf } from './core/failure.ts'
import { type Host, hostOf, systemHost, wallTime } from './host.ts'

/** How `retry` tries. */
export interface RetryOptions {
  /** Ends it: a wait at once, and there is no further try. Give the handler's, so that it ends with the lease. */
  signal?: AbortSignal
  /** Tries in all; default 3. */
  attempts?: number
  /** As the worker's `retryIf`: false gives up, a number of milliseconds or a Date says when to try again. Default: always. */
  retryIf?: (error: unknown) => RetryAnswer
  /** Whose clock and timers to use; default: those of the worker that made `signal`, else the system's. */
  host?: Host
}

const TRIES = 3

/**
 * Calls `fn` until it gives something, at most `attempts` times, and waits `backoff` in between: a number of ms, or as a job's
 * `backoff` of type `fixed` or `exponential`. `UnrecoverableError` and `SnoozeError` end it at once, `RetryAfterError` says
 * itself when to try again. Nothing of it is stored: for waits of minutes, throw and let the job's own backoff wait.
 *
 * @throws the last error of `fn`; `signal.reason` once the signal is aborted; HoldfastError `OPTION_INVALID`.
 */
export async function retry<T>(
  fn: (attempt: number) => T | Promise<T>,
  backoff: number | BackoffOptions,
  options: RetryOptions = {},
): Promise<T> {
  const { signal, attempts = TRIES, retryIf = () => true, host: given } = checkRetry(options)
  const wait = builtIn(backoff)
  const host = given ?? (signal === undefined ? systemHost : hostOf(signal))
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted()
    try {
      return await fn(attempt)
    } catch (error) {
      signal?.throwIfAborted()
      const again = attempt < attempts && answerTo(error, retryIf)
      if (again === false) throw error
      const asked = again === true ? undefined : askedWait(again, wallTime(host))
      await sleep(host, asked ?? backoffWait(wait, attempt, host.random()), signal)
    }
  }
}

/** Control by throwing means here what it means to a worker. */
function answerTo(error: unknown, retryIf: (error: unknown) => RetryAnswer): RetryAnswer {
  const name = fieldOf(error, 'name')
  if (name === 'UnrecoverableError' || name === 'SnoozeError') return false
  return name === 'RetryAfterError' ? (fieldOf(error, 'retryAfter') as number | Date) : retryIf(error)
}

const checkRetry = (options: RetryOptions): RetryOptions =>
  checkOptions<RetryOptions>(
    options,
    {
      signal: object,
      attempts: integer(1, ATTEMPTS_MOST),
      retryIf: (value, field) =>
        typeof value === 'function' ? (value as never) : refuseOption(field, value, 'a function'),
      host: object,
    },
    'retry',
  )

function builtIn(backoff: number | BackoffOptions): BackoffOptions {
  const checked = backoffCheck(backoff, 'backoff')
  return checked.type === 'fixed' || checked.type === 'exponential'
    ? checked
    : refuseOption('backoff.type', checked.type, "'fixed' or 'exponential'")
}

/** Rejects with the signal's reason as soon as it is aborted. */
function sleep(host: Host, ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      cancel()
      reject(signal!.reason as Error)
    }
    const cancel = host.timer(ms, () => {
      signal?.removeEventListener('abort', abort)
      resolve()
    })
    signal?.addEventListener('abort', abort, { once: true })
  })
}
