/** Several processes on one queue: each job runs in one of them at a time, whatever their clocks say. */
import { expect, test } from 'vitest'
import { crowd } from './crowd.ts'
import { sharedUrl } from './server.ts'
import { portOf } from './stage.ts'

const port = portOf(sharedUrl())

/** Eight processes and 100,000 jobs: `npm run soak -- --only redis-crowd`. */
test('three processes share jobs: none is lost, none runs twice at once, fences rise', async () => {
  const { faults, repeated, shares } = await crowd({
    port,
    jobs: 1500,
    clocks: [0, 0, 0],
    concurrency: 20,
    flakyEvery: 10,
  })
  expect(faults).toEqual([])
  expect(repeated).toBe(0)
  expect(Math.min(...shares)).toBeGreaterThan(0)
})

const FIVE_MINUTES_MS = 300_000

test('of processes whose clocks are ten minutes apart none takes a lease that lives, and one that is killed is replaced', async () => {
  const { faults, repeated } = await crowd({
    port,
    jobs: 60,
    clocks: [FIVE_MINUTES_MS, -FIVE_MINUTES_MS],
    concurrency: 10,
    // Longer than a lease, so that each is renewed under the eyes of the other.
    lockDuration: 1000,
    handlerMs: 1200,
    killAfter: 20,
  })
  expect(faults).toEqual([])
  expect(repeated).toBe(0)
})
