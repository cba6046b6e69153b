/** What random runs of the model test found, the shortest commands that showed it: each once on every run. */
import { describe, test } from 'vitest'
import type { ModelNewJob } from './add-world.ts'
import { addInUnits } from './bulk-commands.ts'
import { claim } from './claim-commands.ts'
import { addBulk, advance, crash, jump, remove } from './commands.ts'
import { setLimits } from './limit-commands.ts'
import { type Fault, memoryDisk } from './harness.ts'
import { lapse, removeKey } from './identity-commands.ts'
import { playCommands } from './play.ts'
import { expire } from './reap-commands.ts'
import { upsert } from './schedule-commands.ts'
import type { ModelOptions } from './world.ts'

const job = (id: string, options: ModelOptions = {}): ModelNewJob => ({ id, data: { n: 1 }, options })
/** The process ends before the answer to the commit after so many. */
const crashAt = (call: number): Fault => ({ kind: 'lost', crash: true, call })

describe('an addition', () => {
  test('takes a deduplication id whose time is over, of a job that was never stored as a whole', () =>
    playCommands(memoryDisk, [
      addInUnits(0, [job('2', { deduplication: { id: 'd', ttl: 1000 } }), job('3'), job('1')], crashAt(2)),
      advance(20_000),
      addBulk(0, [job('1', { deduplication: { id: 'd' } })]),
    ]))
})

describe('a job of a call', () => {
  test('meets the one of its id before it in the call, though that has to be planned anew', () =>
    playCommands(memoryDisk, [
      addBulk(0, [job('1', { idempotencyKey: 'k', idempotencyKeyTTL: 1 })]),
      remove(0, '1', false),
      advance(1),
      addBulk(0, [
        job('1', { deduplication: { id: 'd' } }),
        job('3', { idempotencyKey: 'k' }),
        job('3', { deduplication: { id: 'd' } }),
      ]),
    ]))
})

describe('a deduplication id', () => {
  test.each([1000, undefined])(
    'is nobody’s while its job is one of a bulk that is being stored (%s ms)',
    (ttl) =>
      playCommands(memoryDisk, [
        addInUnits(0, [job('2', { deduplication: { id: 'd', ttl } }), job('3'), job('1')], crashAt(2)),
        removeKey(0, 'd'),
      ]),
  )
})

describe('the sweep of what has lapsed', () => {
  test('takes what a bulk holds that is being stored', () =>
    playCommands(memoryDisk, [
      addInUnits(0, [job('2', { deduplication: { id: 'd', ttl: 1000 } }), job('3'), job('1')], crashAt(2)),
      advance(3000),
      addBulk(0, [job('x:y', { idempotencyKey: 'k' })]),
      lapse(0),
    ]))
})

describe('what a bulk left that was given up', () => {
  test('has no key any more that says when a job expires', () =>
    playCommands(memoryDisk, [
      addInUnits(0, [job('3', { ttl: 1000 }), job('1'), job('2')], crashAt(2)),
      addInUnits(0, [job('1'), job('3', { ttl: 1000 }), job('2')]),
      advance(1000),
      expire(0),
    ]))
})

describe('an idempotency key', () => {
  test('is given to a job that has its id alone, and is not held up by the next one of that id', () =>
    playCommands(memoryDisk, [
      addBulk(0, [job('1')]),
      addBulk(0, [job('2'), job('1', { idempotencyKey: 'k', idempotencyKeyTTL: 1 })]),
      addBulk(0, [job('3', { idempotencyKey: 'k' })]),
      remove(0, '1', false),
      advance(1000),
      addBulk(0, [job('1')]),
      addBulk(0, [job('3', { idempotencyKey: 'k' })]),
    ]))
})

describe('a deduplication id that outlives its job', () => {
  test('gives a key to that job, and not to another of its id', () =>
    playCommands(memoryDisk, [
      addBulk(0, [job('2', { deduplication: { id: 'd', ttl: 5000 }, ttl: 1000, removeOnFail: true })]),
      advance(1001),
      expire(0),
      addBulk(0, [job('2')]),
      addBulk(0, [job('1', { idempotencyKey: 'k', deduplication: { id: 'd' } })]),
    ]))

  test('stays its own while a bulk brings another of its name', () =>
    playCommands(memoryDisk, [
      addBulk(0, [job('2', { deduplication: { id: 'd', ttl: 5000 }, ttl: 1000, removeOnFail: true })]),
      advance(1001),
      expire(0),
      addInUnits(0, [job('2'), job('3'), job('1')], crashAt(2)),
      removeKey(0, 'd'),
    ]))
})

describe('a rate', () => {
  const one = { limit: 1, leaseMs: 1000, suspect: false, promote: false, old: false }

  test('has forgotten a start for good, also when the clock is set back to before it', () =>
    playCommands(memoryDisk, [
      addBulk(
        0,
        ['1', '2', '3', 'x:y'].map((id) => job(id)),
      ),
      setLimits(0, { concurrency: undefined, rate: 3 }),
      claim(0, one),
      advance(6000),
      claim(0, one),
      jump(-3_600_000),
      crash(),
      claim(0, { ...one, limit: 2 }),
    ]))
})

describe('a schedule', () => {
  test('is as it was asked for last, whatever became of the answer', () =>
    playCommands(memoryDisk, [
      upsert(0, 'a', { every: 2000, missed: 'all', data: 7 }),
      upsert(
        0,
        'a',
        { every: 2000, missed: 'all', data: 7, limit: 3 },
        { kind: 'after', crash: false, call: 0 },
      ),
      upsert(0, 'a', { every: 2000, missed: 'all', data: 7 }),
    ]))
})
