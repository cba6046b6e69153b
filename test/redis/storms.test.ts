/** Storms over a load: connections killed, scripts forgotten, a server that stops answering. Everything completes, once. */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { startServer } from './server.ts'
import { killsAndFlushes } from './storm.ts'
import { Load } from './load.ts'
import { freshNamespace, openStore } from './stage.ts'

test.concurrent('connections killed and scripts flushed all the time: everything completes, no worker stops', async () => {
  const { faults, figures, kills } = await killsAndFlushes(2000)
  expect(faults).toEqual([])
  expect(kills).toBeGreaterThan(20)
  expect(figures.completed).toBeGreaterThan(100)
  expect(figures.completed).toBe(figures.acknowledged)
})

test.concurrent('a server that hangs for a second is waited for, and is not buried under commands', async () => {
  await using server = await startServer()
  await using opened = openStore(server.port, freshNamespace())
  const { store, client } = opened
  await using load = new Load()
  load.work(store, 20)
  let most = 0
  const call = client.call.bind(client) as (...args: unknown[]) => Promise<unknown>
  let underWay = 0
  client.call = async (...args: unknown[]) => {
    most = Math.max(most, ++underWay)
    try {
      return await call(...args)
    } finally {
      underWay--
    }
  }
  const adding = load.add(store, 500, (added) => added >= 2000)
  await load.completed(100)
  server.freeze()
  await sleep(1000)
  server.thaw()
  await adding
  await load.drained()
  expect(await load.judge(store)).toEqual([])
  expect(load.figures).toMatchObject({ acknowledged: 2000, repeated: 0, failed: 0, unknown: 0 })
  // Two that grow, two that settle, one that looks.
  expect(most).toBeLessThanOrEqual(5)
})
