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
    caughtBy: { file: tests, test: 'a job that comes within the window waits for its last millisecond' },
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
    find: ' || this.#limiter.isHeld\n',
    replace: '\n',
    caughtBy: { file: tests, test: 'RateLimitError with a time says it itself' },
  },
  {
    name: 'a group that is full is visited all the same',
    why: 'more of its jobs run than it may have',
    file: 'src/ledger/turns.ts',
    find: '[[running, bounds.concurrency] as const]',
    replace: '[]',
    caughtBy: { file: 'worker/groups.test.ts', test: 'a limit on each holds over all workers' },
  },
  {
    name: 'the end of a job makes no room in its group',
    why: 'a group that was full is never visited again',
    file: 'src/core/places.ts',
    find: 'return [{ remove: [[lanes.full, id]], add: [[lanes.turn, turnKey(now, 0, id)]] }]',
    replace: 'return id === turnKey(now, 0, id) ? [] : NOTHING',
    caughtBy: { file: 'worker/groups.test.ts', test: 'a limit on each holds over all workers' },
  },
  {
    name: 'groups do not go to the end of the line',
    why: 'a tenant with a backlog is served before all others',
    file: 'src/ledger/turns.ts',
    find: "const prefix = turnKey(now, n, '')",
    replace: "const prefix = turnKey(n, 0, '')",
    caughtBy: { file: 'worker/groups.test.ts', test: 'take turns, whatever their backlogs are' },
  },
  {
    name: 'a group without jobs is remembered',
    why: 'idle groups leak',
    file: 'src/ledger/turns.ts',
    find: '{ add: [[lanes.idle, id] as const] } : { delete: [id] }',
    replace: '{ add: [[lanes.idle, id] as const] } : { add: [[lanes.idle, id] as const] }',
    caughtBy: { file: 'worker/groups.test.ts', test: 'nothing is left of a group without jobs' },
  },
  {
    name: 'a group does not wait for its job that is tried again',
    why: 'strict order is broken by a retry',
    file: 'src/ledger/turns.ts',
    find: 'size: bounds.strict ? [[penned, 0, 0]] : []',
    replace: 'size: []',
    caughtBy: { file: 'worker/groups.test.ts', test: 'strict order holds through retries, with 1 workers' },
  },
]
