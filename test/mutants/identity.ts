/** Mutants of idempotency keys, deduplication and finding. */
import type { Mutant } from './mutant.ts'

const IDEMPOTENCY = 'queue/idempotency.test.ts'
const DEDUPLICATION = 'queue/deduplication.test.ts'
const FIND = 'queue/find.test.ts'

export const identityMutants: readonly Mutant[] = [
  {
    name: 'a key lapses though its job lives',
    why: 'a job that waits longer than its key is made twice',
    file: 'src/ledger/meet.ts',
    find: 'until <= ledger.store.now() && !isLive(raw, readHead(raw).head)',
    replace: 'until <= ledger.store.now()',
    caughtBy: {
      file: IDEMPOTENCY,
      test: 'is never forgotten while its job lives: delayed, running, retrying',
    },
  },
  {
    name: 'the sweep takes keys of jobs that live',
    why: 'the same',
    file: 'src/ledger/lapse.ts',
    find: 'return isLive(raw, readHead(raw).head)',
    replace: 'return false',
    caughtBy: {
      file: IDEMPOTENCY,
      test: 'is never forgotten while its job lives: delayed, running, retrying',
    },
  },
  {
    name: 'a payload is not compared',
    why: 'another order is answered with the first one',
    file: 'src/ledger/meet.ts',
    find: 'print !== fingerprint(name, data)',
    replace: 'false',
    caughtBy: {
      file: IDEMPOTENCY,
      test: 'the same again gives the job there was; another name or other data is a conflict',
    },
  },
  {
    name: 'a key that is used again keeps its old time too',
    why: 'what lapses is looked for that is long gone',
    file: 'src/ledger/addition.ts',
    find: 'taking.remove.push([lanes.lapse, idempotencyLapse(id, before)])',
    replace: '',
    caughtBy: { file: 'model/on-memory.test.ts', test: 'on memory' },
  },
  {
    name: 'a key is looked at again at once',
    why: 'a worker spins for as long as a job with a key that is over lives',
    file: 'src/ledger/lapse.ts',
    find: 'lapsesAt: store.now() + IDEMPOTENCY_AGAIN_MS',
    replace: 'lapsesAt: store.now()',
    caughtBy: { file: 'model/on-memory.test.ts', test: 'on memory' },
  },
  {
    name: 'a bulk does not look at its own keys',
    why: 'a bulk that contradicts itself is stored in part',
    file: 'src/ledger/add-bulk.ts',
    find: 'if (other !== print) throw',
    replace: 'if (false) throw',
    caughtBy: { file: IDEMPOTENCY, test: 'of one unit a conflict adds nothing' },
  },
  {
    name: 'an end keeps the id',
    why: 'an id is blocked for ever',
    file: 'src/core/deduplication.ts',
    find: "if (heldUntil !== undefined && leaving === 'ended') return [follow]",
    replace: "if (leaving === 'ended') return [follow]",
    caughtBy: { file: DEDUPLICATION, test: 'that is when it completes' },
  },
  {
    name: 'an end gives back a time',
    why: 'a throttle ends with its job',
    file: 'src/core/deduplication.ts',
    find: "if (heldUntil !== undefined && leaving === 'ended') return [follow]",
    replace: '',
    caughtBy: { file: DEDUPLICATION, test: 'one job in a time, also past its end' },
  },
  {
    name: 'nobody is let into line',
    why: 'what was added while a job ran never runs',
    file: 'src/core/deduplication.ts',
    find: 'return [release, follow]',
    replace: 'return [release]',
    caughtBy: { file: DEDUPLICATION, test: 'runs once more, with what was added last' },
  },
  {
    name: 'waiting for a job that is not run',
    why: 'a job waits for the end of one that ended',
    file: 'src/ledger/addition.ts',
    find: 'if (to.after !== undefined) taking.present.push([ledger.lanes.lease, to.after.leaseKey])',
    replace: 'if (to.after !== undefined) taking.present.push()',
    caughtBy: { file: DEDUPLICATION, test: 'waits for no job that ends in between, whose id runs on' },
  },
  {
    name: 'the name of a job is enough to have its id',
    why: 'a job waits for one that will not let it into line',
    file: 'src/ledger/meet.ts',
    find: 'found.head && isOwner(found.head, name, record[0]) ? found.head : undefined',
    replace: 'found.head',
    caughtBy: {
      file: DEDUPLICATION,
      test: 'waits for no job that only has the name of the one that had the id',
    },
  },
  {
    name: 'what a job becomes leaves its tags behind',
    why: 'a job is found by a tag that it no longer has',
    file: 'src/ledger/deduplicate.ts',
    find: 'remove: [from, ...without(had, has)]',
    replace: 'remove: [from]',
    caughtBy: { file: 'model/on-memory.test.ts', test: 'on memory' },
  },
  {
    name: 'a job does not know that its id was extended',
    why: 'an id is not given back when the job is removed',
    file: 'src/ledger/deduplicate.ts',
    find: '{ ...draftOf(head), heldUntil: held.until }',
    replace: '{ ...draftOf(head) }',
    caughtBy: { file: 'model/on-memory.test.ts', test: 'on memory' },
  },
  {
    name: 'a cursor is not held against its question',
    why: 'a page of another question leaves jobs out',
    file: 'src/core/find-options.ts',
    find: 'if (digest(place, question) === print) return place',
    replace: 'return place',
    caughtBy: { file: FIND, test: 'takes no cursor but one of the same question' },
  },
  {
    name: 'one of several tags is enough',
    why: 'jobs are found that lack a tag',
    file: 'src/ledger/find.ts',
    find: 'tags.every(',
    replace: 'tags.some(',
    caughtBy: { file: FIND, test: 'what it finds is what a look at each job finds' },
  },
]
