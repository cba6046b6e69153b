/** Dead letters sent back under kill -9: each comes back once. */
import { expect, test } from 'vitest'
import { killRedrives } from './redrive-kill.ts'

const SEED = Number(process.env['SEED'] ?? Date.now() % 1e6)

test('whoever is killed while redriving, every letter comes back once', async () => {
  const { faults, kills, left } = await killRedrives({ letters: 3000, kills: 3, seed: SEED, killWithin: 150 })
  expect(faults, `seed ${SEED}`).toEqual([])
  expect(kills).toBeGreaterThan(0)
  expect(left[0]).toBeGreaterThan(0)
})
