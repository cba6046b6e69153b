/** A process may end after any batch that it wrote, and its successor after any of its own: nothing acknowledged is lost. */
import { expect, test } from 'vitest'
import { crashPoints } from './crash-points.ts'

test('every moment of a scenario, and every moment of each recovery', { timeout: 300_000 }, async () => {
  const { batches, depths, violations } = await crashPoints()
  console.log(`${batches} batches: ${depths.join(' and ')} moments`)
  expect(violations.slice(0, 10)).toEqual([])
  expect(depths[0]).toBe(batches + 1)
  expect(depths[1]).toBeGreaterThan(100)
})
