/** What an acknowledgement of a server with `appendfsync always` survives. */
import { expect, test } from 'vitest'
import { killServers } from './server-kills.ts'

const SEED = Number(process.env['SEED'] ?? Date.now() % 1e6)

test('no acknowledged job is lost to five kill -9 of the server, none is invented, none runs twice', async () => {
  const { faults, ...figures } = await killServers(5, SEED)
  expect(faults, `seed ${SEED}`).toEqual([])
  expect(figures.lost).toBe(0)
  expect(figures.acknowledged).toBeGreaterThan(100)
  console.log(`witness of the server, seed ${SEED}: ${JSON.stringify(figures)}`)
})
