/** Names: hostile ones never alias, each has a way back, and ready keys sort as jobs are to run. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { TIME_MOST } from '../../src/core/bounds.ts'
import {
  claimName,
  claimOfLease,
  claimsKey,
  configId,
  dueKey,
  escapePart,
  exactly,
  finishedKey,
  headId,
  jobIdOf,
  lanesOf,
  leaseKey,
  partId,
  readClaimName,
  readyKeyOfLease,
  throughTime,
  timeDigits,
  timeOf,
  unescapePart,
  workerOfClaim,
} from '../../src/core/keys.ts'
import { readyKeyBehind } from '../../src/core/group-keys.ts'
import { readReadyKey, readyKey } from '../../src/core/ready-key.ts'

/** Text in which everything is that means something somewhere in a key. */
const hostile = fc.oneof(
  fc.string({
    unit: fc.constantFrom(':', '/', '.', '%', '!', '0', 'a', ' ', '*', "'", '\u0000', 'é', '😀', '~'),
  }),
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom(
    '__proto__',
    'constructor',
    'config',
    'queue',
    'payload',
    'a:b',
    'a%3Ab',
    '..',
    'ready:a',
    '',
  ),
)
const ulids = fc.string({
  unit: fc.constantFrom(...'0123456789ABCDEFGHJKMNPQRSTVWXYZ'.split('')),
  minLength: 26,
  maxLength: 26,
})

test('an escaped part is printable ASCII without separators, and has a way back', () => {
  fc.assert(
    fc.property(hostile, (text) => {
      const part = escapePart(text)
      expect(part).toMatch(/^[A-Za-z0-9._%-]*$/)
      expect(unescapePart(part)).toBe(text)
    }),
  )
})

test('two names give two records, whatever is in them', () => {
  fc.assert(
    fc.property(hostile, hostile, hostile, hostile, (queueA, idA, queueB, idB) => {
      const ids = (queue: string, id: string): string[] => {
        const head = headId(queue, id)
        return [
          head,
          ...(['payload', 'result', 'progress', 'history', 'log', 'logs'] as const).map((kind) =>
            partId(kind, head),
          ),
          partId('history', head, 1),
          partId('log', head, 1),
          configId(queue),
        ]
      }
      const [a, b] = [ids(queueA, idA), ids(queueB, idB)]
      expect(new Set(a).size).toBe(a.length)
      const shared = a.filter((id) => b.includes(id))
      if (queueA !== queueB) expect(shared).toEqual([])
      else if (idA !== idB) expect(shared).toEqual([configId(queueA)])
      expect(jobIdOf(headId(queueA, idA))).toBe(idA)
    }),
    { numRuns: 500 },
  )
})

test('two queues share no lane', () => {
  fc.assert(
    fc.property(hostile, hostile, (a, b) => {
      fc.pre(a !== b)
      const lanes = new Set(Object.values(lanesOf(a)))
      expect(Object.values(lanesOf(b)).some((lane) => lanes.has(lane))).toBe(false)
    }),
  )
})

const orders = fc.record({
  priority: fc.oneof(fc.nat({ max: 2 }), fc.nat({ max: 2_097_151 })),
  lifo: fc.boolean(),
  dueAt: fc.oneof(fc.nat({ max: 2 }), fc.nat({ max: TIME_MOST })),
  ulid: ulids,
})
type Order = typeof orders extends fc.Arbitrary<infer T> ? T : never

/** Before, after or equal, as the rules have it in words. */
function inWords(a: Order, b: Order): number {
  if (a.priority !== b.priority) return a.priority - b.priority
  if (a.lifo !== b.lifo) return a.lifo ? -1 : 1
  const later = a.dueAt !== b.dueAt ? a.dueAt - b.dueAt : a.ulid < b.ulid ? -1 : a.ulid > b.ulid ? 1 : 0
  return a.lifo ? -later : later
}

test('ready keys sort by priority, then the last in of those that jump the line, then by time due and ULID', () => {
  fc.assert(
    fc.property(orders, orders, (a, b) => {
      const [x, y] = [a, b].map(({ priority, lifo, dueAt, ulid }) => readyKey(priority, lifo, dueAt, ulid))
      expect(Math.sign(x! < y! ? -1 : x! > y! ? 1 : 0)).toBe(Math.sign(inWords(a, b)))
      expect(x).toHaveLength(y!.length)
      const { ulid: _, ...rest } = a
      expect(readReadyKey(x!)).toEqual(rest)
    }),
    { numRuns: 1000 },
  )
})

test('every key says what it was made of', () => {
  fc.assert(
    fc.property(orders, hostile, hostile, fc.nat({ max: TIME_MOST }), (order, queue, id, at) => {
      const ready = readyKey(order.priority, order.lifo, order.dueAt, order.ulid)
      const name = headId(queue, id)
      const claim = claimName({
        grantedAt: at,
        epoch: '7',
        counter: 3,
        worker: `${escapePart(queue)}.abc123`,
      })
      const lease = leaseKey(ready, claim, name)
      expect([claimOfLease(lease), readyKeyOfLease(lease)]).toEqual([claim, ready])
      expect(readyKeyBehind(dueKey(at, ready, name))).toBe(ready)
      for (const key of [dueKey(at, ready, name), finishedKey(at, name), claimsKey(at, claim)])
        expect(timeOf(key)).toBe(at)
      expect(readClaimName(claim)).toEqual({
        grantedAt: at,
        epoch: '7',
        counter: 3,
        worker: `${escapePart(queue)}.abc123`,
      })
      expect(workerOfClaim(claim)).toBe(queue)
    }),
  )
})

test.each(['w/o', 'a.b.c', '%zz', ''])('what is no claim, as %j, has no worker', (claim) => {
  expect(workerOfClaim(claim)).toBe('')
})

test('the bound of a time takes in that time and no later one', () => {
  fc.assert(
    fc.property(fc.nat({ max: TIME_MOST - 2 }), (at) => {
      expect(dueKey(at, 'k', 'n') < throughTime(at)).toBe(true)
      expect(dueKey(at + 1, 'k', 'n') < throughTime(at)).toBe(false)
    }),
  )
})

test('times outside of thirteen digits are moved to their ends', () => {
  expect([timeDigits(-5), timeDigits(1.9), timeDigits(Infinity)]).toEqual([
    '0000000000000',
    '0000000000001',
    '9999999999999',
  ])
})

test('an exact span holds its key and nothing that only begins like it', () => {
  const { from, until } = exactly('l', 'a/b')
  const inside = (key: string): boolean => from <= key && key < until
  expect(['a/b', 'a/b%20', 'a/bc', 'a/b/c', 'a/b.1', 'a/b-1'].filter(inside)).toEqual(['a/b'])
})
