/** Mutants of the Redis store: what is sent twice, what is taken back, who shares a call, and what is promised. */
import type { Mutant } from './mutant.ts'

export const redisMutants: readonly Mutant[] = [
  {
    name: 'a call that is sent again is applied again',
    why: 'a job is added, or claimed, twice when a connection breaks',
    file: 'adapters/redis/commit-script.ts',
    find: 'if seen == serial then',
    replace: "if seen == '' then",
    caughtBy: {
      file: 'adapters/redis-receipts.test.ts',
      test: 'a commit that is sent again is answered as before',
    },
  },
  {
    name: 'a call that comes late is applied',
    why: 'a call that was given up happens after all, behind what followed it',
    file: 'adapters/redis/commit-script.ts',
    find: "if tonumber(seen) > tonumber(serial) then return 'STALE' end",
    replace: '',
    caughtBy: {
      file: 'adapters/redis-receipts.test.ts',
      test: 'a commit that is sent again is answered as before',
    },
  },
  {
    name: 'a malformed unit is not taken back',
    why: 'half of a call stays behind',
    file: 'adapters/redis/commit-script.ts',
    find: '    takeBack(start)\n',
    replace: '',
    caughtBy: { file: 'conformance/redis.test.ts', test: 'Adding a key that is there rejects the call' },
  },
  {
    name: 'adds ride with settles',
    why: 'jobs are added to a full server, which never drains',
    file: 'adapters/redis/store.ts',
    find: '(onlyGrows(changes) ? this.#growing : this.#settling)',
    replace: 'this.#settling',
    caughtBy: { file: 'adapters/redis-server.test.ts', test: 'at full memory what only grows is refused' },
  },
  {
    name: 'a lost answer counts as a refusal',
    why: 'a job is said not to be there, and is',
    file: 'adapters/redis/commit-line.ts',
    find: "if (failure.outcome === 'failed' && isFirst) throw failure",
    replace: 'throw failure',
    caughtBy: { file: 'adapters/redis-receipts.test.ts', test: 'the answer is lost: the store asks again' },
  },
  {
    name: "a step of the server's clock is followed",
    why: 'every lease runs out at once',
    file: 'adapters/redis/server-clock.ts',
    find: 'if (Math.abs(step) <= STEP_MS + sample.error + this.#errorOf(before)) return this.#adopt(sample)',
    replace: 'if (step !== 0.5) return void (this.#sample = sample)',
    caughtBy: {
      file: 'adapters/redis-clock.test.ts',
      test: 'a step of the server by 3600000 ms moves nothing',
    },
  },
  {
    name: 'a server that may evict is taken',
    why: 'jobs disappear when memory is short',
    file: 'adapters/redis/durability.ts',
    find: "if (policy === undefined || policy === 'noeviction') return",
    replace: 'if (policy !== "") return',
    caughtBy: {
      file: 'adapters/redis-durability.test.ts',
      test: 'a server that evicts (allkeys-lru) is refused',
    },
  },
  {
    name: 'who asks again at once is refused at once',
    why: 'a loop that tries again without a pause keeps the answer from being read, for ever',
    file: 'adapters/redis/connection.ts',
    find: '  await nextTurn()\n  const message',
    replace: '  const message',
    caughtBy: {
      file: 'adapters/redis-receipts.test.ts',
      test: 'a server that does not answer is given up as unknown',
    },
  },
  {
    name: 'two calls use one slot',
    why: 'the receipt of the one is lost to the other',
    file: 'adapters/redis/commit-lines.ts',
    find: 'this.#free.pop() ?? new CommitLine(...this.#of)',
    replace: '(this.#free[0] ??= new CommitLine(...this.#of))',
    caughtBy: { file: 'adapters/redis-receipts.test.ts', test: 'where many wait two calls are under way' },
  },
  {
    name: 'only messages wake a worker',
    why: 'a job that its own process adds waits for two journeys of its hint',
    file: 'adapters/redis/wakes.ts',
    find: '    this.#watchers.wake(lanes)\n  }\n\n  close',
    replace: '  }\n\n  close',
    caughtBy: {
      file: 'adapters/redis-hints.test.ts',
      test: 'a worker that has nothing to do hears of a job',
    },
  },
]
