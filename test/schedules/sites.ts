/** Places where schedulers rush: a store in memory, on LevelDB, on Redis. */
import { Redis } from 'ioredis'
import { redisStore } from '../../adapters/redis.ts'
import { virtualHost } from 'holdfast/testing'
import { systemHost } from '../../src/host.ts'
import type { Store } from 'holdfast'
import { type Disk, levelDisk, memoryDisk } from '../model/harness.ts'
import type { Site } from './rush.ts'

export interface OpenSite {
  readonly site: Site
  readonly close: () => Promise<void>
}

/** One process owns the store: what ends all of them opens it anew. */
async function siteOn(disk: Disk): Promise<OpenSite> {
  const host = virtualHost()
  let store: Promise<Store> = disk.open(host)
  const site: Site = {
    host,
    period: 1000,
    connect: async () => ({ store: await store, drop: () => undefined }),
    pass: (ms) => host.advance(ms),
    restart: async () => {
      await disk.kill()
      store = disk.open(host)
    },
  }
  return { site, close: () => disk.dispose() }
}

export const memorySite = async (): Promise<OpenSite> => siteOn(await memoryDisk())
export const levelSite = async (): Promise<OpenSite> => siteOn(await levelDisk())

/** Each process has a connection of its own, and time is real. */
export async function redisSite(url: string, namespace: string): Promise<OpenSite> {
  const clients = new Set<Redis>()
  const site: Site = {
    host: systemHost,
    period: 20,
    connect: async () => {
      const client = new Redis(url)
      clients.add(client)
      const drop = (): void => {
        client.disconnect()
        clients.delete(client)
      }
      return { store: redisStore(client, { namespace, durability: 'memory' }), drop }
    },
    pass: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    restart: async () => undefined,
  }
  return {
    site,
    close: async () => {
      for (const client of clients) client.disconnect()
    },
  }
}
