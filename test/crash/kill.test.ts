/** The kill -9 witness: what it finds on the LevelDB store, and that it is not blind. Campaigns wait more than they work, so they wait together. */
import { rm } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { CAMPAIGN, conduct } from './rounds.ts'

const SEED = Number(process.env['SEED'] ?? Date.now() % 1e6)
/** Kills while jobs are being acknowledged; a busy machine may be so late with one that all is written, so there are three. */
const EAGER = { store: 'eager', kills: 3, killWithin: 50, killAfter: 'ACK' } as const

test.concurrent('no acknowledged job is lost to twenty kill -9, none is invented, and the store is whole after each', async () => {
  const { faults, kept, ...figures } = await conduct({ ...CAMPAIGN, seed: SEED, kills: 20 })
  expect(faults, `seed ${SEED}, kept in ${kept}`).toEqual([])
  expect(figures.kills).toBe(20)
  expect(figures.acknowledged).toBeGreaterThan(100)
  expect(figures.completed).toBeGreaterThan(100)
  console.log(`witness, seed ${SEED}: ${JSON.stringify(figures)}`)
})

test.concurrent('jobs of 200 KiB at concurrency 50 are whole after three kills', async () => {
  const large = { bytes: [204_800, 204_800], mixed: false, units: 150, concurrency: 50 } as const
  const { faults, kept, ...figures } = await conduct({
    ...CAMPAIGN,
    ...large,
    seed: SEED,
    kills: 3,
    killWithin: 250,
  })
  expect(faults, `seed ${SEED}, kept in ${kept}`).toEqual([])
  expect(figures.completed).toBe(150)
})

test.concurrent('the witness finds the losses of a store that acknowledges before it writes', async () => {
  const { lost, faults, kept } = await conduct({ ...CAMPAIGN, ...EAGER, seed: 13 })
  expect(lost).toBeGreaterThan(0)
  expect(faults.filter((fault) => fault.endsWith('was acknowledged and is lost'))).toHaveLength(lost)
  await rm(kept ?? '', { recursive: true })
})
