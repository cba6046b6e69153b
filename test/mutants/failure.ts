/** Mutants of what becomes of jobs that fail: cancelled, expired, moved to dead letters, sent back. */
import type { Mutant } from './mutant.ts'

export const failureMutants: readonly Mutant[] = [
  {
    name: 'a cancel is forgotten by the end of the lease',
    why: 'a job that was cancelled completes, or is tried again',
    file: 'src/core/lifecycle.ts',
    find: 'cancelled === undefined ? ending :',
    replace: 'cancelled !== undefined ? ending :',
    caughtBy: { file: 'queue/cancel.test.ts', test: 'hears of it at once, and fails whatever it gives' },
  },
  {
    name: 'cancelled jobs go to the dead letters',
    why: 'what nobody wants is sent back',
    file: 'src/core/lifecycle.ts',
    find: " && head.failedCode !== 'CANCELLED'",
    replace: '',
    caughtBy: {
      file: 'queue/dead-letters.test.ts',
      test: 'is not moved where it was cancelled, or completed',
    },
  },
  {
    name: 'parking does not expect the head',
    why: 'a job that is parked just then runs although it was cancelled',
    file: 'src/ledger/set-aside.ts',
    find: 'equal: [[name, raw!]]',
    replace: 'equal: []',
    caughtBy: { file: 'queue/cancel.test.ts', test: 'is cancelled although its worker parks it just then' },
  },
  {
    name: 'a letter is taken without a look at who has its id there',
    why: 'a job that lives again at the origin is overwritten',
    file: 'src/ledger/redrive.ts',
    find: 'if (taken[at] === undefined) free.push(letter)',
    replace: 'if (taken[at] !== null) free.push(letter)',
    caughtBy: { file: 'queue/dead-letters.test.ts', test: 'skips one whose id lives again' },
  },
  {
    name: 'a letter begins with fence 0',
    why: 'what a grant wrote elsewhere is overwritten by an older one',
    file: 'src/core/dead-letter.ts',
    find: 'fence: head.fence,',
    replace: 'fence: 0,',
    caughtBy: { file: 'model/model.test.ts', test: 'on memory' },
  },
  {
    name: 'an older letter leaves its parts',
    why: 'records of a letter that was replaced stay for ever, or are taken for the new one’s',
    file: 'src/ledger/depart.ts',
    find: ', ...leftOver.filter((id) => !written.has(id))]',
    replace: ']',
    caughtBy: { file: 'model/model.test.ts', test: 'on memory' },
  },
  {
    name: 'the log may change while a letter is written',
    why: 'the last line before the end is lost',
    file: 'src/ledger/depart.ts',
    find: "owns(head, 'logs') ? [counter, letter.name] : [letter.name]",
    replace: '[letter.name]',
    caughtBy: {
      file: 'queue/dead-letters.test.ts',
      test: 'keeps what was logged while its end was being prepared',
    },
  },
  {
    name: 'jobs that have begun expire',
    why: 'a job that waits for its next try fails',
    file: 'src/core/lifecycle.ts',
    find: 'expiresAt <= now && attemptsStarted === 0',
    replace: 'expiresAt <= now',
    caughtBy: { file: 'worker/expiry.test.ts', test: 'one that has begun once does not expire' },
  },
]
