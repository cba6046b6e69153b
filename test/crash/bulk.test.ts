/** Bulks of thousands of jobs under kill -9: all of each or nothing, always. Campaigns wait together for their kills. */
import { rm } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { BULK_CAMPAIGN, killBulks } from './bulk-kill.ts'

const SEED = Number(process.env['SEED'] ?? Date.now() % 1e6)

test.concurrent('of bulks that are killed while they are being stored, none is there in part, and none that was acknowledged is lost', async () => {
  const { faults, kept, ...figures } = await killBulks({ ...BULK_CAMPAIGN, seed: SEED, kills: 5 })
  expect(faults, `seed ${SEED}, kept in ${kept}`).toEqual([])
  expect(figures.kills).toBe(5)
  expect(figures.cutAndThere + figures.cutAndGone).toBeGreaterThan(0)
  expect(figures.looks).toBeGreaterThan(10)
  console.log(`bulks, seed ${SEED}: ${JSON.stringify(figures)}`)
})

/** Bulks of one unit each, on stores that do wrong. */
const FAULTY = { seed: 3, kills: 8, jobs: [100, 300], killWithin: 300, killAfter: 'ACK' } as const

test.concurrent.each([
  ['tears its units', 'tearing', true, /^\d+ jobs were seen, while there were \d+ or \d+$/m],
  ['tears its units', 'tearing', false, /^\d+ of the \d+ jobs of bulk \d+ are there$/m],
  ['acknowledges before it writes', 'eager', false, /^bulk \d+ was acknowledged and is lost$/m],
] as const)('a store that %s is convicted (%s, looks: %s)', async (_, store, looks, fault) => {
  const { faults, kept } = await killBulks({ ...FAULTY, store, looks })
  expect(faults.join('\n')).toMatch(fault)
  await rm(kept ?? '', { recursive: true })
})
