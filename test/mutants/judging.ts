/** Mutants of what is made of errors, of data that do not fit, and of what is kept. */
import type { Mutant } from './mutant.ts'

export const judgingMutants: readonly Mutant[] = [
  {
    name: 'retryIf is asked where no handler is',
    why: 'a job fails for good because a worker does not know its name',
    file: 'src/loops/judge.ts',
    find: 'const answer = isUnhandled ? true : ',
    replace: 'const answer = ',
    caughtBy: { file: 'worker/retry-if.test.ts', test: 'is not asked where there is no handler' },
  },
  {
    name: 'what retryIf says of time is dropped',
    why: 'a server that asked for an hour is asked again at once',
    file: 'src/loops/judge.ts',
    find: 'wait: atMost(answer, head)',
    replace: '',
    caughtBy: { file: 'model/on-memory.test.ts', test: 'on memory' },
  },
  {
    name: 'a Retry-After date is of the local time zone',
    why: 'a job comes back hours too early or late',
    file: 'src/core/retry-http.ts',
    find: '`${header} GMT`',
    replace: '`${header} GMT-0100`',
    caughtBy: { file: 'core/retry-http.test.ts', test: 'Sun Nov  6 08:49:37 1994' },
  },
  {
    name: 'a wait within a handler outlives its lease',
    why: 'a call is made for a job that others run by now',
    file: 'src/retry.ts',
    find: "signal?.addEventListener('abort', abort, { once: true })",
    replace: '',
    caughtBy: { file: 'worker/retry.test.ts', test: 'a wait ends with the signal' },
  },
  {
    name: 'data are held against no schema when a job is taken',
    why: 'what an older producer stored reaches the handler',
    file: 'src/loops/attempt.ts',
    find: 'if (error === undefined) return this.#call(handler, result)',
    replace: 'return this.#call(handler, result)',
    caughtBy: { file: 'schemas/schemas.test.ts', test: 'data that were stored past it fail for good' },
  },
  {
    name: 'what a schema gives is not asked again',
    why: 'a job is stored that will not fit when it is due',
    file: 'src/loops/conform.ts',
    find: 'if (isSame(value, data)) return text',
    replace: 'return text',
    caughtBy: { file: 'schemas/schemas.test.ts', test: 'must take what it gives, as it is' },
  },
  {
    name: 'a tally is believed whatever was removed without it',
    why: 'jobs go although there is room for them',
    file: 'src/ledger/retain-bytes.ts',
    find: 'if (counted.jobs < before || counted.jobs > after)',
    replace: 'if (counted.jobs < 0)',
    caughtBy: { file: 'worker/retention-bytes.test.ts', test: 'removed or retried by hand' },
  },
  {
    name: 'workers of an earlier opening count',
    why: 'explain believes in a worker that died',
    file: 'src/ledger/workers.ts',
    find: "epoch === (store.epoch ?? '0') && ",
    replace: '',
    caughtBy: { file: 'queue/explain.test.ts', test: 'of an earlier opening are not' },
  },
]
