/** Mutants of limits: of what runs at once, and of rates. */
import type { Mutant } from './mutant.ts'

const tests = 'worker/limits.test.ts'

export const limitMutants: readonly Mutant[] = [
  {
    name: 'a global concurrency is not kept',
    why: 'more runs at once than was allowed',
    file: 'src/ledger/rates.ts',
    find: ': [[{ lane: ledger.lanes.lease }, concurrency], ...rates]',
    replace: ': rates',
    caughtBy: { file: tests, test: 'holds over all workers, and every job runs' },
  },
  {
    name: 'the end of a job in a limited queue is told to nobody',
    why: 'workers that were refused sleep on',
    file: 'src/loops/claims.ts',
    find: ' || this.#limiter.isLimited) return [lanes.ready]',
    replace: ') return [lanes.ready]',
    caughtBy: { file: tests, test: 'hear of ends that were sent before it was known' },
  },
  {
    name: 'starts are not counted',
    why: 'more starts than the rate allows',
    file: 'src/ledger/claim.ts',
    find: '...countedAt(ledger, limits, claim, suspect ? 3 : 2)',
    replace: '',
    caughtBy: { file: tests, test: 'of 2 workers: never more in any window' },
  },
  {
    name: 'starts leave their window a millisecond early',
    why: 'one start too many in a window',
    file: 'src/ledger/rates.ts',
    find: 'const until = throughTime(at - ledger',
    replace: 'const until = throughTime(at + 1 - ledger',
    caughtBy: { file: tests, test: 'of 4 workers: never more in any window' },
  },
  {
    name: 'starts are never forgotten',
    why: 'the budget does not come back',
    file: 'src/ledger/claim.ts',
    find: '...limits.windows.map((window) => planTrim(ledger, window, at, Math.max(limit, TRIM_KEYS))),',
    replace: '',
    caughtBy: { file: tests, test: 'of 1 workers: never more in any window' },
  },
  {
    name: 'nobody waits for the next slot',
    why: 'a limited queue stands still',
    file: 'src/loops/limiter.ts',
    find: 'if (next !== undefined) this.#alarm.set(next)',
    replace: '',
    caughtBy: { file: tests, test: 'of 1 workers: never more in any window' },
  },
  {
    name: 'a wait that was asked for is not kept',
    why: 'a service that said 429 is asked again at once',
    file: 'src/loops/claims.ts',
    find: 'if (this.#suspect !== undefined || this.#limiter.isHeld) return []',
    replace: 'if (this.#suspect !== undefined) return []',
    caughtBy: { file: tests, test: 'a 429: the job keeps its place' },
  },
]
