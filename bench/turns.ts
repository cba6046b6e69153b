/**
 * The longest time between two turns of the event loop: by the clock on the wall, and of it what the thread itself was running,
 * which other processes do not lengthen. Both include what V8 collects on that thread.
 */
import { closeSync, openSync, readSync } from 'node:fs'
import { pid, platform } from 'node:process'

export interface Longest {
  readonly wallMs: number
  /** `undefined` where the system does not say (it is Linux that does). */
  readonly ownMs: number | undefined
}

/** Watches while something is done; at the end, the longest of all. */
export async function watchTurns<T>(work: () => Promise<T>): Promise<{ result: T; longest: Longest }> {
  const clock = threadClock()
  let [wallMs, ownMs] = [0, 0]
  let at = performance.now()
  let own = clock.read()
  const look = (): void => {
    const now = performance.now()
    const ran = clock.read()
    wallMs = Math.max(wallMs, now - at)
    ownMs = Math.max(ownMs, ran - own)
    at = performance.now()
    own = clock.read()
  }
  const looking = setInterval(look, 1)
  const result = await work()
  look()
  clearInterval(looking)
  clock.close()
  return { result, longest: { wallMs, ownMs: Number.isNaN(own) ? undefined : ownMs } }
}

/** How long this thread has run, in ms. */
function threadClock(): { read(): number; close(): void } {
  if (platform !== 'linux') return { read: () => Number.NaN, close() {} }
  const file = openSync(`/proc/self/task/${pid}/schedstat`, 'r')
  const bytes = Buffer.alloc(64)
  return {
    // The first of its numbers, in ns.
    read: () => Number.parseInt(bytes.toString('latin1', 0, readSync(file, bytes, 0, 64, 0)), 10) / 1e6,
    close: () => closeSync(file),
  }
}

/** The two need not be of the same turn. */
export const told = ({ wallMs, ownMs }: Longest): string =>
  `${wallMs.toFixed(0)} ms${ownMs === undefined ? '' : ` (at most ${ownMs.toFixed(0)} of the thread's own)`}`
