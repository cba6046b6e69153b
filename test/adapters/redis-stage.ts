/** What the tests of the Redis store play on: namespaces of their own, and clients that lose what they are told to. */
import { Redis } from 'ioredis'
import { type RedisClient, redisStore, type RedisStoreOptions } from '../../adapters/redis.ts'
import type { Store } from '../../src/store.ts'
import { sharedUrl } from '../redis/server.ts'

let namespaces = 0

/** A namespace that nobody else uses. */
export const freshNamespace = (): string => `test-${process.pid}-${performance.timeOrigin}-${++namespaces}`

/** A client of its own, which does not try again for long; `await using` ends it. */
export function connect(url = sharedUrl(), options = {}): Redis & AsyncDisposable {
  const client = new Redis(url, { maxRetriesPerRequest: 2, ...options })
  client.on('error', () => {})
  return Object.assign(client, {
    [Symbol.asyncDispose]: async () => client.disconnect(),
  })
}

/** A store that is ready. */
export async function openStore(client: RedisClient, options: RedisStoreOptions = {}): Promise<Store> {
  const store = redisStore(client, { namespace: freshNamespace(), durability: 'memory', ...options })
  await store.ready()
  return store
}

/** What becomes of a command: its own answer, or what `meddle` makes of sending it. */
export type Meddle = (
  command: string,
  args: (string | number)[],
  send: () => Promise<unknown>,
) => Promise<unknown>

/** The same client with some of its members replaced. */
export const overClient = (client: Redis, members: Partial<RedisClient>): RedisClient =>
  new Proxy(client, {
    get(target, name) {
      const value: unknown = Reflect.get(Object.hasOwn(members, name) ? members : target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })

/** The same client with something in between. */
export const meddled = (client: Redis, meddle: Meddle): RedisClient =>
  overClient(client, {
    call: (command, args) => meddle(command, args, () => client.call(command, args)),
  })
