/** ULIDs are those of the `ulid` package, whatever the clock does; only faster. */
import * as fc from 'fast-check'
import { memoryStore } from 'holdfast/memory'
import { virtualHost } from 'holdfast/testing'
import { monotonicFactory } from 'ulid'
import { expect, test } from 'vitest'
import { nextUlid } from '../../src/ulids.ts'

/** Draws as the given numbers say, again and again: high ones make letters that overflow. */
const drawing = (numbers: readonly number[]) => {
  let at = 0
  return () => numbers[at++ % numbers.length]!
}

test('they are those that the package gives', async () => {
  const draws = fc.array(fc.oneof(fc.constant(0.999), fc.double({ min: 0, max: 0.999, noNaN: true })), {
    minLength: 1,
  })
  const steps = fc.array(fc.constantFrom(0, 0, 0, 1, 7), { minLength: 1, maxLength: 60 })
  await fc.assert(
    fc.asyncProperty(draws, steps, async (numbers, times) => {
      // Not all letters at their highest: of such a ULID there is no next one in its millisecond.
      const letters = [0.5, ...numbers]
      const host = { ...virtualHost(), random: drawing(letters) }
      let now = 1_790_000_000_000
      const store = { ...memoryStore({ host }), host, now: () => now }
      const next = monotonicFactory(drawing(letters))
      for (const time of times) {
        now += time
        expect(nextUlid(store)).toBe(next(now))
      }
    }),
  )
})

test('a clock that goes back does not take them back', () => {
  const host = virtualHost()
  let now = 5
  const store = { ...memoryStore({ host }), host, now: () => now }
  const first = nextUlid(store)
  now = 3
  expect(nextUlid(store) > first).toBe(true)
})
