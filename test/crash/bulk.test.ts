/** Bulks of thousands of jobs under kill -9: all of each or nothing, always. */
import { expect, test } from 'vitest'
import { BULK_CAMPAIGN, killBulks } from './bulk-kill.ts'

const SEED = Number(process.env['SEED'] ?? Date.now() % 1e6)

test('of bulks that are killed while they are being stored, none is there in part, and none that was acknowledged is lost', async () => {
  const { faults, kept, ...figures } = await killBulks({ ...BULK_CAMPAIGN, seed: SEED, kills: 5 })
  expect(faults, `seed ${SEED}, kept in ${kept}`).toEqual([])
  expect(figures.kills).toBe(5)
  expect(figures.cutAndThere + figures.cutAndGone).toBeGreaterThan(0)
  expect(figures.looks).toBeGreaterThan(10)
  console.log(`bulks, seed ${SEED}: ${JSON.stringify(figures)}`)
})
