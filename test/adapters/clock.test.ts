/** The rising clock: whole milliseconds that follow the wall clock forward and never go back. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { risingClock } from '../../adapters/clock.ts'
import { type Host, systemHost } from '../../src/host.ts'

/** A host whose two clocks are set by hand. */
function clocks(wall: number) {
  const set = { wall, monotonic: 0 }
  const host: Host = { ...systemHost, wall: () => set.wall, monotonic: () => set.monotonic }
  const now = risingClock(host)
  /** Lets real time pass, and the wall clock jump on top of it. */
  const pass = (ms: number, jump = 0): void => {
    set.monotonic += ms
    set.wall += ms + jump
  }
  return { now, pass, set }
}

test('begins with the wall clock and goes on with it', () => {
  const { now, pass } = clocks(1_000)
  expect(now()).toBe(1_000)
  pass(250)
  expect(now()).toBe(1_250)
})

test('sees a jump forward at once', () => {
  const { now, pass } = clocks(1_000)
  now()
  pass(10, 3_600_000)
  expect(now()).toBe(3_601_010)
})

test('set back, it goes on at the pace of the monotonic clock until the wall has caught up', () => {
  const { now, pass } = clocks(100_000)
  now()
  pass(10, -60_000)
  expect(now()).toBe(100_010)
  pass(1_000)
  expect(now()).toBe(101_010)
  pass(0, 60_000)
  expect(now()).toBe(101_010)
  pass(0, 500)
  expect(now()).toBe(101_510)
  pass(7)
  expect(now()).toBe(101_517)
})

test('gives whole milliseconds, and loses none of the parts it leaves out', () => {
  const { now, pass } = clocks(1_000)
  now()
  pass(0, -500)
  const seen: number[] = []
  for (let call = 0; call < 10; call++) {
    pass(0.5)
    seen.push(now())
  }
  expect(seen.every(Number.isInteger)).toBe(true)
  expect(seen.at(-1)).toBe(1_005)
})

test('never goes back and never falls behind the wall, whatever the wall does', () => {
  const steps = fc.array(fc.tuple(fc.nat(5_000), fc.integer({ min: -100_000, max: 100_000 })), {
    maxLength: 40,
  })
  const property = fc.property(steps, (passing) => {
    const { now, pass, set } = clocks(1_700_000_000_000)
    let last = now()
    for (const [ms, jump] of passing) {
      pass(ms, jump)
      const read = now()
      expect(Number.isInteger(read)).toBe(true)
      expect(read).toBeGreaterThanOrEqual(last + ms)
      expect(read).toBeGreaterThanOrEqual(set.wall)
      last = read
    }
  })
  fc.assert(property, { numRuns: 200 })
})
