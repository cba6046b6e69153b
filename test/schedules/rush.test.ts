/** Five schedulers that crash at any of their calls: one job for each slot, none missed; on each store. All of it: `npm run soak -- --only schedules`. */
import { expect, test } from 'vitest'
import { sharedUrl } from '../redis/server.ts'
import { Chance } from '../sim/chance.ts'
import { rush } from './rush.ts'
import { type OpenSite, levelSite, memorySite, redisSite } from './sites.ts'

const onRedis = (): Promise<OpenSite> => redisSite(sharedUrl(), `rush-${process.pid}`)

test.each([
  ['memory', memorySite, 400, 10],
  ['LevelDB', levelSite, 400, 10],
  ['Redis', onRedis, 250, 2],
] as const)('on %s', async (name, open, ticks, most) => {
  const { site, close } = await open()
  try {
    const chance = new Chance('rush', name)
    const { slots, crashes } = await rush(site, ticks, () => chance.next())
    expect(slots).toBeGreaterThanOrEqual(ticks)
    expect(crashes).toBeGreaterThan(most)
  } finally {
    await close()
  }
})
