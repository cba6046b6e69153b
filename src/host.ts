/**
 * The one door to clock, timers and randomness. Nothing else in Holdfast may ask the
 * runtime for the time, set a timer or draw a random number; a virtual host replaces all three.
 */

export interface Host {
  /** Milliseconds since the epoch, as the machine believes. It may jump; only stores read it. */
  wall(): number
  /** Milliseconds since some moment, never backwards. */
  monotonic(): number
  /** Calls `wake` once after `ms` milliseconds (any length; at least 0) unless the returned function was called before. */
  timer(ms: number, wake: () => void): () => void
  /** Uniform in [0, 1). */
  random(): number
  /** A message for the people who run the program: not an error, but worth reading. */
  warn(text: string): void
}

/** `setTimeout` fires at once above this many milliseconds (2^31 - 1), so longer waits are made of several. */
const LONGEST_TIMEOUT_MS = 2_147_483_647

/** Resolves after a turn of the event loop, in which all microtasks run: work of many steps lets others have theirs. */
export const nextTurn = (): Promise<void> =>
  new Promise((resolve) => {
    if (typeof setImmediate === 'function') setImmediate(resolve)
    else setTimeout(resolve, 0)
  })

/** The real clock, timers and randomness of the runtime. Its timers keep a process alive. */
export const systemHost: Host = {
  wall: () => Date.now(),
  monotonic: () => performance.now(),
  timer(ms, wake) {
    let left = Math.max(0, ms)
    let handle: ReturnType<typeof setTimeout>
    const wait = (): void => {
      const step = Math.min(left, LONGEST_TIMEOUT_MS)
      left -= step
      handle = setTimeout(left > 0 ? wait : wake, step)
    }
    wait()
    return () => clearTimeout(handle)
  },
  random: () => Math.random(),
  warn: (text) => console.warn(`holdfast: ${text}`),
}

/** The time zone of the process, such as `Europe/Berlin`. */
export const localZone = (): string => new Intl.DateTimeFormat().resolvedOptions().timeZone

/** The wall clock, for what is asked of no store. */
export const wallTime = (host: Host = systemHost): number => host.wall()

const hosts = new WeakMap<AbortSignal, Host>()

/** A signal whose handler lives by the clock of this host. */
export function noteHost(signal: AbortSignal, host: Host): void {
  hosts.set(signal, host)
}

/** The host by whose clock whoever has this signal lives; the system's for a signal from elsewhere. */
export const hostOf = (signal: AbortSignal): Host => hosts.get(signal) ?? systemHost
