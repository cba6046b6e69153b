/**
 * `holdfast/testing`: a virtual host, so that tests decide what time it is. Give it to a store as `{ host }`; everything on
 * that store then waits for `advance`.
 *
 * @module holdfast/testing
 */
import { type Host, nextTurn } from './host.ts'

/** What a virtual host begins with. */
export interface VirtualHostOptions {
  /** The wall clock at the beginning, ms since the epoch; default 2026-01-01T00:00:00Z. */
  start?: number
  /** Makes the randomness repeatable; default 1. */
  seed?: number
}

export interface VirtualHost extends Host {
  /** Lets time pass: timers that fall due fire in order, and what they set off runs before the next. */
  advance(ms: number): Promise<void>
  /** Lets everything run that needs no time to pass. */
  idle(): Promise<void>
  /** Sets the wall clock forward or back without time passing. */
  jump(ms: number): void
  /** Timers that are set and did not fire yet. */
  readonly timers: number
  /** What was said with `warn`, oldest first. */
  readonly warnings: readonly string[]
}

interface Timer {
  readonly at: number
  readonly order: number
  readonly wake: () => void
}

/** Turns of the event loop after which nothing is left to run: a few, as one may bring the next. */
const QUIET_TURNS = 4

/** A host whose clock stands still until it is advanced, with timers and randomness that repeat exactly. */
export function virtualHost(options: VirtualHostOptions = {}): VirtualHost {
  let elapsed = 0
  let offset = options.start ?? Date.UTC(2026, 0, 1)
  let order = 0
  const timers = new Set<Timer>()
  const warnings: string[] = []
  const random = mulberry32(options.seed ?? 1)

  const earliest = (): Timer | undefined => {
    let first: Timer | undefined
    for (const timer of timers) {
      if (first === undefined || timer.at < first.at || (timer.at === first.at && timer.order < first.order))
        first = timer
    }
    return first
  }

  const idle = async (): Promise<void> => {
    for (let turn = 0; turn < QUIET_TURNS; turn++) await nextTurn()
  }

  return {
    wall: () => offset + elapsed,
    monotonic: () => elapsed,
    timer(ms, wake) {
      const timer: Timer = { at: elapsed + Math.max(0, ms), order: order++, wake }
      timers.add(timer)
      return () => timers.delete(timer)
    },
    random,
    warn: (text) => warnings.push(text),
    async advance(ms) {
      const end = elapsed + ms
      await idle()
      for (let timer = earliest(); timer !== undefined && timer.at <= end; timer = earliest()) {
        elapsed = Math.max(elapsed, timer.at)
        timers.delete(timer)
        timer.wake()
        await idle()
      }
      elapsed = end
      await idle()
    },
    idle,
    jump(ms) {
      offset += ms
    },
    get timers() {
      return timers.size
    },
    warnings,
  }
}

/** A small generator of 32-bit state (Tommy Ettinger's mulberry32): enough for tests, the same everywhere. */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
