/** The clock of stores that live in one process. */
import type { Host } from '../src/host.ts'

/**
 * Integer milliseconds that follow the wall clock forward and never go back: set back, the wall clock is
 * ignored and time goes on at the monotonic clock's pace until the wall has caught up. So a jump forward (a laptop
 * woke up) is seen at once, and one backward neither freezes leases nor grants anything early.
 */
export function risingClock(host: Host): () => number {
  let last = -Infinity
  let measured = host.monotonic()
  return () => {
    const monotonic = host.monotonic()
    last = Math.max(host.wall(), last + (monotonic - measured))
    measured = monotonic
    return Math.floor(last)
  }
}
