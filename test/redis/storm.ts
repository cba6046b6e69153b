/** CLIENT KILL every 50 ms and SCRIPT FLUSH every 100 ms, on a server of its own under load. */
import { Redis } from 'ioredis'
import { Load, type Figures } from './load.ts'
import { startServer } from './server.ts'
import { freshNamespace, openStore } from './stage.ts'

const KILL_EVERY_MS = 50
const KILLS_PER_FLUSH = 2

export interface Weathered {
  readonly faults: readonly string[]
  readonly figures: Figures
  readonly kills: number
}

export async function killsAndFlushes(forMs: number): Promise<Weathered> {
  await using server = await startServer()
  const namespace = freshNamespace()
  await using first = openStore(server.port, namespace)
  await using second = openStore(server.port, namespace)
  await using load = new Load()
  load.work(first.store, 20, { ms: 5 })
  load.work(second.store, 20, { ms: 5 })
  const control = new Redis(server.url)
  const end = performance.now() + forMs
  let kills = 0
  const storm = setInterval(() => {
    kills++
    // Those who ask are spared by default.
    void control.call('CLIENT', 'KILL', 'TYPE', 'normal').catch(() => {})
    void control.call('CLIENT', 'KILL', 'TYPE', 'pubsub').catch(() => {})
    if (kills % KILLS_PER_FLUSH === 0) void control.script('FLUSH')
  }, KILL_EVERY_MS)
  try {
    await load.add(first.store, 20, () => performance.now() > end)
  } finally {
    clearInterval(storm)
  }
  await load.drained()
  control.disconnect()
  const faults = [...(await load.judge(second.store))]
  const { figures } = load
  if (figures.repeated > 0) faults.push(`${figures.repeated} runs were repeated`)
  return { faults, figures, kills }
}
