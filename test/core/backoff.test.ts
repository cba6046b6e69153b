/** Backoff: whole numbers within bounds for every attempt, and chance only where it was asked for. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type BackoffOptions, backoffCheck, backoffWait, strategyWait } from '../../src/core/backoff.ts'
import { BACKOFF_MOST, DURATION_MOST } from '../../src/core/bounds.ts'

const options = fc.record(
  {
    type: fc.constantFrom('fixed', 'exponential', 'mine'),
    delay: fc.oneof(fc.constant(0), fc.nat(), fc.constant(DURATION_MOST)),
    factor: fc.oneof(fc.constant(1), fc.double({ min: 1, max: 1000, noNaN: true })),
    jitter: fc.oneof(
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.record({ around: fc.double({ min: 0, max: 1, noNaN: true }) }),
    ),
    maxDelay: fc.oneof(fc.nat(), fc.constant(DURATION_MOST)),
  },
  { requiredKeys: ['type'] },
)
const randoms = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })

test('the wait is a whole number from 0 to maxDelay for every attempt up to a million and beyond', () => {
  const attempts = fc.oneof(
    fc.integer({ min: 1, max: 40 }),
    fc.integer({ min: 1, max: 1_000_000 }),
    fc.constant(1e9),
  )
  fc.assert(
    fc.property(options, attempts, randoms, (backoff, attempt, random) => {
      const wait = backoffWait(backoff, attempt, random)
      expect(Number.isSafeInteger(wait)).toBe(true)
      expect(wait).toBeGreaterThanOrEqual(0)
      expect(wait).toBeLessThanOrEqual(backoff.maxDelay ?? BACKOFF_MOST)
    }),
    { numRuns: 2000 },
  )
})

test.each<[BackoffOptions | undefined, number[]]>([
  [undefined, [0, 0, 0]],
  [{ type: 'fixed', delay: 700 }, [700, 700, 700]],
  [{ type: 'exponential', delay: 100 }, [100, 200, 400]],
  [{ type: 'exponential', delay: 100, factor: 3 }, [100, 300, 900]],
  [{ type: 'exponential', delay: 100, maxDelay: 150 }, [100, 150, 150]],
  [{ type: 'exponential' }, [0, 0, 0]],
  [{ type: 'mine', delay: 40 }, [40, 40, 40]],
])('%j waits %j', (backoff, waits) => {
  expect([1, 2, 3].map((attempt) => backoffWait(backoff, attempt, 0.5))).toEqual(waits)
})

test('an exponential backoff of nothing stays nothing where its factor has grown to Infinity', () => {
  expect(backoffWait({ type: 'exponential' }, 5000, 0.5)).toBe(0)
  expect(backoffWait({ type: 'exponential', delay: 1 }, 5000, 0.5)).toBe(BACKOFF_MOST)
})

describe('jitter', () => {
  test('j draws from [(1-j)d, d], and reaches both ends', () => {
    const at = (random: number): number => backoffWait({ type: 'fixed', delay: 1000, jitter: 0.2 }, 1, random)
    expect([at(0), at(0.5), at(1 - 2 ** -53)]).toEqual([1000, 900, 800])
  })

  test('around j draws from [(1-j)d, (1+j)d]', () => {
    const backoff: BackoffOptions = { type: 'fixed', delay: 1000, jitter: { around: 0.5 } }
    expect([0, 0.5, 0.999999].map((random) => backoffWait(backoff, 1, random))).toEqual([500, 1000, 1499])
  })

  test('spreads waits that are at their bound, and never beyond it', () => {
    const backoff: BackoffOptions = {
      type: 'exponential',
      delay: 1000,
      maxDelay: 5000,
      jitter: { around: 1 },
    }
    expect([0.1, 0.4, 0.9].map((random) => backoffWait(backoff, 20, random))).toEqual([1000, 4000, 5000])
  })
})

test('what a strategy answers is a wait, an end, or no duration', () => {
  expect([5, 5.9, 0, Infinity].map((answer) => strategyWait(answer))).toEqual([5, 5, 0, BACKOFF_MOST])
  expect(strategyWait(10_000, 900)).toBe(900)
  expect(strategyWait(-1)).toBe(-1)
  for (const answer of [NaN, -2, -Infinity, '5', null, undefined, {}, 5n, Symbol('s')])
    expect(strategyWait(answer)).toBeUndefined()
})

test('a number is a fixed backoff', () => {
  expect(backoffCheck(250, 'backoff')).toEqual({ type: 'fixed', delay: 250 })
})
