/** Mutants of adding many jobs: whose turn it is, and bulks that are stored before they are put in their places. */
import type { Mutant } from './mutant.ts'

const turnTests = 'host/pace.test.ts'

const turns: readonly Mutant[] = [
  {
    name: 'adding has no end to its turn',
    why: 'a thousand jobs that are added at once hold up everything else',
    file: 'src/pace.ts',
    find: 'if (this.#waiting.length === 0 && this.#hasTime()) return undefined',
    replace: 'if (this.#waiting.length === 0) return undefined',
    caughtBy: { file: turnTests, test: 'nothing waits while its turn has time' },
  },
  {
    name: 'whoever comes late goes before those who wait',
    why: 'jobs that are added at once lose their order',
    file: 'src/pace.ts',
    find: 'if (this.#waiting.length === 0 && this.#hasTime()) return undefined',
    replace: 'if (this.#hasTime()) return undefined',
    caughtBy: { file: turnTests, test: 'those who wait are let in in the order' },
  },
  {
    name: 'all who wait are let in at once',
    why: 'the next turn is held up in place of this one',
    file: 'src/pace.ts',
    find: 'while (admitted < this.#waiting.length && this.#hasTime())',
    replace: 'while (admitted < this.#waiting.length)',
    caughtBy: { file: turnTests, test: 'those who wait are let in in the order' },
  },
  {
    name: 'the memory store never waits for a turn',
    why: 'a worker whose handlers wait for nothing stops timers, servers and signals of its process until the queue is empty',
    file: 'adapters/memory.ts',
    find: 'if (turn === undefined) return this.#apply(changes)',
    replace: 'if (turn !== null) return this.#apply(changes)',
    caughtBy: { file: turnTests, test: 'is not the only one that works' },
  },
  {
    name: 'the memory store is closed while commits wait for a turn',
    why: 'what a program adds and does not wait for is lost as it ends its test',
    file: 'adapters/memory.ts',
    find: 'await Promise.allSettled(this.#underWay)',
    replace: '',
    caughtBy: { file: turnTests, test: 'is applied before the store is closed' },
  },
  {
    name: 'a bulk is read from an array that is not its own',
    why: 'whoever empties the array after the call loses the jobs of it that had no turn yet',
    file: 'src/queue.ts',
    find: 'jobs.slice()',
    replace: 'jobs',
    caughtBy: { file: turnTests, test: 'bulks that are added at once share a turn' },
  },
]

const bulks: readonly Mutant[] = [
  {
    name: 'a bulk is stored where jobs wait',
    why: 'jobs of a bulk that is not all stored are run',
    file: 'src/ledger/bulk.ts',
    find: 'lanes: bulkLanes(ledger.queue, bulk),',
    replace: 'lanes: ledger.lanes,',
    caughtBy: {
      file: 'queue/bulk.test.ts',
      test: 'nothing of it is counted, listed, found, claimed or changed',
    },
  },
  {
    name: 'a bulk that was swept is stored on',
    why: 'units that were on their way leave jobs which nobody will ever sweep',
    file: 'src/ledger/bulk.ts',
    find: 'expect: { present: [[lanes.staged, entry]] },',
    replace: '',
    caughtBy: { file: 'queue/bulk.test.ts', test: 'one that made no progress ends it' },
  },
  {
    name: 'a bulk that takes long is abandoned',
    why: 'a large bulk of a slow machine is never stored',
    file: 'src/ledger/bulk.ts',
    find: 'if (timeOf(staging.entry) - store.now() > BULK_MS / 2) return',
    replace: 'if (timeOf(staging.entry) > store.now()) return',
    caughtBy: { file: 'queue/bulk.test.ts', test: 'leaves a bulk alone whose producer lives' },
  },
  {
    name: 'a bulk under way is swept',
    why: 'an addBulk fails because another process looked',
    file: 'src/ledger/bulk.ts',
    find: 'const isOver = timeOf(entry) < store.now() - store.skewMs',
    replace: 'const isOver = timeOf(entry) - BULK_MS <= store.now()',
    caughtBy: { file: 'queue/bulk.test.ts', test: 'leaves a bulk alone whose producer lives' },
  },
  {
    name: 'a stored bulk stays where it was stored',
    why: 'after a kill between commit and release its jobs are never run',
    file: 'src/ledger/bulk.ts',
    find: 'for (const bulk of bulks) await releaseBulk(ledger, bulk)',
    replace: 'if (bulks.length > 0) return',
    caughtBy: { file: 'queue/bulk.test.ts', test: 'its release goes on after 1 of its moves' },
  },
  {
    name: 'a look does not look again',
    why: 'a count sees a part of a bulk that was stored meanwhile',
    file: 'src/ledger/bulk.ts',
    find: 'return before === after ? found : undefined',
    replace: 'return before === after ? found : found',
    caughtBy: { file: 'queue/half-known.test.ts', test: 'a count into which a bulk comes' },
  },
  {
    name: 'jobs of a bulk under way are found',
    why: 'a job is shown, changed or removed that may never come to be',
    file: 'src/ledger/bulk.ts',
    find: 'if (staging !== undefined) return false',
    replace: '',
    caughtBy: {
      file: 'queue/bulk.test.ts',
      test: 'nothing of it is counted, listed, found, claimed or changed',
    },
  },
  {
    name: 'what a failed bulk left is left to others',
    why: 'its ids are taken for a minute',
    file: 'src/ledger/add-bulk.ts',
    find: 'await sweepBulk(ledger, staging.entry).catch(() => undefined)\n    throw nothingAdded(error)',
    replace: 'throw nothingAdded(error)',
    caughtBy: { file: 'queue/bulk.test.ts', test: 'in the middle, what was staged is taken back at once' },
  },
  {
    name: 'delayed jobs of a bulk are due at once',
    why: 'they run before their time',
    file: 'src/ledger/bulk.ts',
    find: 'to: [{ lane: lanes[place] }]',
    replace: "to: [place === 'due' ? { lane: lanes.ready, drop: 1 } : { lane: lanes.ready }]",
    caughtBy: { file: 'queue/bulk.test.ts', test: 'has delays, priorities, and data of any size' },
  },
]

export const addingMutants: readonly Mutant[] = [...turns, ...bulks]
