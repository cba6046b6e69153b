/** The conformance cases on Redis, in namespaces of their own. */
import { Redis } from 'ioredis'
import { afterAll, test } from 'vitest'
import { redisStore } from '../../adapters/redis.ts'
import { sharedUrl } from '../redis/server.ts'
import { cases } from './index.ts'

const run = `conformance-${process.pid}-${Math.random().toString(36).slice(2)}`
const client = new Redis(sharedUrl())
afterAll(() => client.disconnect())

for (const { name, run: play } of cases) {
  test(name, () =>
    play(async (store) => redisStore(client, { namespace: `${run}-${store}`, durability: 'memory' })),
  )
}
