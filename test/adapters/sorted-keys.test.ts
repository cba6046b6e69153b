/** The sorted set does what a plain sorted array does, also where its chunks split, empty and meet. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { SortedKeys } from '../../adapters/sorted-keys.ts'

/** The same as plainly as possible. */
class SortedArray {
  keys: string[] = []

  insert(key: string): boolean {
    if (this.keys.includes(key)) return false
    this.keys = [...this.keys, key].toSorted((a, b) => (a < b ? -1 : 1))
    return true
  }

  erase(key: string): boolean {
    const held = this.keys.includes(key)
    this.keys = this.keys.filter((other) => other !== key)
    return held
  }

  span(from: string | undefined, until: string | undefined): string[] {
    return this.keys.filter(
      (key) => (from === undefined || key >= from) && (until === undefined || key < until),
    )
  }
}

/** Keys that differ in case, punctuation, length and digits, and bounds that are no keys. */
const key = fc.oneof(
  fc.constantFrom('a', 'A', 'a-', 'a_', 'a~', 'a!', 'a/b', 'a/B', '0', '10', '2', '~', '!'),
  fc.string({ minLength: 1, maxLength: 3, unit: fc.constantFrom('a', 'b', 'B', '-', '0', '~') }),
)
const bound = fc.option(key, { nil: undefined })

const action = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('insert' as const), key }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('erase' as const), key }) },
)

test('after any inserts and erases every question has the answer of a sorted array', () => {
  const property = fc.property(
    fc.array(action, { maxLength: 60 }),
    bound,
    bound,
    fc.nat(8),
    (actions, from, until, limit) => {
      const sorted = new SortedKeys()
      const plain = new SortedArray()
      for (const { kind, key } of actions) {
        expect(sorted[kind](key)).toBe(plain[kind](key))
        expect(sorted.has(key)).toBe(kind === 'insert')
      }
      expectSame(sorted, plain, from, until, limit)
    },
  )
  fc.assert(property, { numRuns: 300 })
})

const numbered = (n: number): string => `k${String(n).padStart(5, '0')}`

test('thousands of keys, inserted in any order and erased in part, are answered as by a sorted array', () => {
  const property = fc.property(
    fc.array(fc.nat(4_000), { minLength: 1_500, maxLength: 2_500, size: 'max' }),
    fc.tuple(fc.nat(4_000), fc.nat(2_500)),
    fc.array(fc.tuple(fc.nat(4_000), fc.nat(4_000), fc.nat(1_500)), { minLength: 5, maxLength: 5 }),
    (numbers, [gapStart, gapLength], spans) => {
      const sorted = new SortedKeys()
      for (const n of numbers) sorted.insert(numbered(n))
      for (let n = gapStart; n < gapStart + gapLength; n++) sorted.erase(numbered(n))
      const left = new Set(numbers.filter((n) => n < gapStart || n >= gapStart + gapLength))
      const plain = new SortedArray()
      plain.keys = [...left].map(numbered).toSorted()
      for (const [from, until, limit] of spans)
        expectSame(sorted, plain, numbered(from), numbered(until), limit)
      expectSame(sorted, plain, undefined, undefined, 5_000)
    },
  )
  fc.assert(property, { numRuns: 20 })
})

test('a set that was drained from its head is empty, and usable', () => {
  const sorted = new SortedKeys()
  for (let n = 0; n < 2_000; n++) sorted.insert(numbered(n))
  const drained: string[] = []
  while (sorted.lowest !== undefined) {
    drained.push(sorted.lowest)
    sorted.erase(sorted.lowest)
  }
  expect(drained).toEqual(Array.from({ length: 2_000 }, (_, n) => numbered(n)))
  expect([sorted.size, sorted.highest, sorted.head(undefined, undefined, 5)]).toEqual([0, undefined, []])
  expect([sorted.tail('a', 'z', 5), sorted.count('a', 'z'), sorted.has('a')]).toEqual([[], 0, false])
  expect(sorted.insert('a')).toBe(true)
  expect([sorted.lowest, sorted.highest]).toEqual(['a', 'a'])
})

test('counting may stop above its bound, and never says less than the bound where there is more', () => {
  const sorted = new SortedKeys()
  for (let n = 0; n < 3_000; n++) sorted.insert(numbered(n))
  for (const bound of [0, 1, 511, 512, 513, 2_998]) {
    expect(sorted.count(numbered(1), undefined, bound)).toBeGreaterThan(bound)
  }
  expect(sorted.count(numbered(1), undefined, 2_999)).toBe(2_999)
  expect(sorted.count(numbered(1), numbered(5), 3)).toBe(4)
  expect(sorted.count(numbered(1), numbered(5), 9)).toBe(4)
})

function expectSame(
  sorted: SortedKeys,
  plain: SortedArray,
  from: string | undefined,
  until: string | undefined,
  limit: number,
): void {
  const span = plain.span(from, until)
  expect(sorted.head(from, until, limit)).toEqual(span.slice(0, limit))
  expect(sorted.tail(from, until, limit)).toEqual(span.toReversed().slice(0, limit))
  expect(sorted.count(from, until)).toBe(span.length)
  expect([sorted.size, sorted.lowest, sorted.highest]).toEqual([
    plain.keys.length,
    plain.keys[0],
    plain.keys.at(-1),
  ])
}
