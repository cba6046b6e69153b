/** What a Redis store says of its durability is what the server is set to, and what it was asked for is what it gives. */
import { virtualHost } from 'holdfast/testing'
import type { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { redisStore } from '../../adapters/redis.ts'
import type { Durability } from '../../src/store.ts'
import { type RedisServer, startServer } from '../redis/server.ts'
import { connect, freshNamespace, meddled } from './redis-stage.ts'

let server: RedisServer
let client: Redis
beforeAll(async () => {
  server = await startServer()
  client = connect(server.url)
})
afterAll(async () => {
  client.disconnect()
  await server.stop()
})

interface Told {
  readonly durability: Durability
  readonly warnings: readonly string[]
}

/** What a store says after it has opened, twice: it warns once. */
async function openOn(given = client as Parameters<typeof redisStore>[0], asked?: Durability): Promise<Told> {
  const host = virtualHost()
  await using store = redisStore(given, { namespace: freshNamespace(), durability: asked, host })
  await store.ready()
  await store.ready()
  await store.commit([{ set: [['r', '1']] }])
  return { durability: store.durability, warnings: host.warnings }
}

const set = async (settings: Readonly<Record<string, string>>): Promise<void> => {
  for (const [name, value] of Object.entries(settings)) await client.config('SET', name, value)
}

const LEVELS = [
  { settings: { appendonly: 'no', appendfsync: 'always' }, durability: 'memory' },
  { settings: { appendonly: 'yes', appendfsync: 'no' }, durability: 'process' },
  { settings: { appendonly: 'yes', appendfsync: 'everysec' }, durability: 'process' },
  { settings: { appendonly: 'yes', appendfsync: 'always' }, durability: 'disk' },
] as const

describe.each(LEVELS)('$settings', ({ settings, durability }) => {
  beforeAll(() => set(settings))

  test(`is ${durability}, with one warning where that is below disk and nothing was asked for`, async () => {
    const told = await openOn()
    expect(told.durability).toBe(durability)
    expect(told.warnings).toEqual(durability === 'disk' ? [] : [expect.stringContaining(durability)])
  })

  const levels = ['memory', 'process', 'disk', 'replicated'] as const
  test.each(levels)('asked for %s', async (asked) => {
    if (levels.indexOf(asked) <= levels.indexOf(durability)) {
      expect(await openOn(client, asked)).toEqual({ durability, warnings: [] })
    } else {
      const refused = { code: 'DURABILITY_UNAVAILABLE', outcome: 'failed' }
      await expect(openOn(client, asked)).rejects.toMatchObject(refused)
    }
  })
})

test.each(['allkeys-lru', 'volatile-ttl', 'allkeys-random'])(
  'a server that evicts (%s) is refused',
  async (policy) => {
    await set({ 'maxmemory-policy': policy })
    await expect(openOn()).rejects.toMatchObject({
      code: 'DURABILITY_UNAVAILABLE',
      message: expect.stringContaining(policy),
    })
    await set({ 'maxmemory-policy': 'noeviction' })
  },
)

test('where CONFIG is forbidden nothing is proved: memory, whatever was asked for, and one warning says so', async () => {
  await client.acl('SETUSER', 'silent', 'on', 'nopass', '~*', '&*', '+@all', '-config')
  await using silent = connect(server.url, { username: 'silent', password: 'x' })
  for (const asked of [undefined, 'disk'] as const) {
    const { durability, warnings } = await openOn(silent, asked)
    expect(durability).toBe('memory')
    expect(warnings).toEqual([expect.stringContaining('unverified')])
  }
})

test('replicated is what a replica has, and a write that none gets in time is unknown', async () => {
  await using master = await startServer()
  await using replica = await startServer()
  await using its = connect(replica.url)
  await using own = connect(master.url)
  await its.call('REPLICAOF', ['127.0.0.1', master.port])
  await expect
    .poll(async () => String(await its.info('replication')), { timeout: 20_000 })
    .toContain('link_status:up')
  expect(await openOn(own, 'replicated')).toEqual({ durability: 'replicated', warnings: [] })

  let reached = 1
  const unreached = meddled(own, async (command, _, send) => {
    if (command === 'WAIT') return reached
    return command === 'WAITAOF' ? [1, reached] : send()
  })
  const host = virtualHost()
  await using store = redisStore(unreached, { namespace: freshNamespace(), durability: 'replicated', host })
  await store.ready()
  await store.commit([{ set: [['r', '1']] }])
  reached = 0
  const refused = expect(store.commit([{ set: [['r', '2']] }])).rejects.toMatchObject({
    code: 'DURABILITY_UNAVAILABLE',
    outcome: 'unknown',
  })
  await refused
})
