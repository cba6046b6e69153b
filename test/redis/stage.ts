/** What the tests of the Redis store play on: stores with a client of their own, closed when the test ends. */
import { Redis, type RedisOptions } from 'ioredis'
import { type RedisStoreOptions, redisStore } from '../../adapters/redis.ts'
import type { Store } from '../../src/store.ts'

let named = 0

/** A namespace that nobody else uses, on whatever server. */
export const freshNamespace = (): string =>
  `test-${process.pid}-${Math.random().toString(36).slice(2, 10)}-${++named}`

export interface Opened extends AsyncDisposable {
  readonly client: Redis
  readonly store: Store
}

/** Reconnects at once, and asks nothing first: what is tested is not patience. */
const IMPATIENT: RedisOptions = { retryStrategy: () => 10, enableReadyCheck: false }

/** Opens a store over a client that is told little: by port, of a server or a proxy. */
export function openStore(
  port: number,
  namespace: string,
  options: RedisStoreOptions & { client?: RedisOptions } = {},
): Opened {
  const { client: settings, ...rest } = options
  const client = new Redis(port, '127.0.0.1', { ...IMPATIENT, ...settings })
  // Lost connections are what is played here; the store says what it makes of them.
  client.on('error', () => {})
  const store = redisStore(client, { namespace, durability: 'memory', ...rest })
  return {
    client,
    store,
    async [Symbol.asyncDispose]() {
      await store.close()
      client.disconnect()
    },
  }
}

export const portOf = (url: string): number => Number(new URL(url).port || 6379)
