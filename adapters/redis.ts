/**
 * `holdfast/redis`: the store on Redis or Valkey, for many machines that share their queues. This file owns what a program
 * says to it: the options. The life of a store stands in `redis/store.ts`, what Redis does for it in `redis/commit-script.ts`,
 * how calls are sent so that none is applied twice in `redis/commit-line.ts`.
 *
 * @module holdfast/redis
 */
import { type Check, checkOptions, object, refuseOption } from '../src/core/check.ts'
import type { Host } from '../src/host.ts'
import type { Durability, Store } from '../src/store.ts'
import type { RedisClient } from './redis/client.ts'
import { RedisStore } from './redis/store.ts'

export type { RedisClient, RedisSubscriber } from './redis/client.ts'

/** What a Redis store is made with. */
export interface RedisStoreOptions {
  /**
   * What all names in Redis begin with: stores of one namespace share their queues, others share nothing. 1 to 64 characters of
   * A-Z a-z 0-9 . _ - and :. Default: `holdfast`.
   */
  namespace?: string
  /**
   * The least that an acknowledged call must survive. `memory`: nothing; `process`: the end of the server's process (`appendonly
   * yes`); `disk`: power loss (`appendfsync always`); `replicated`: the loss of the server's machine, as a replica has it too.
   * `ready()` rejects with `DURABILITY_UNAVAILABLE` where the server gives less. Default: what it gives, with a warning below `disk`.
   */
  durability?: Durability
  /** Clock, timers and randomness; default: the system's, with the server's clock. Given another, time is that host's alone. */
  host?: Host
}

/**
 * A store in Redis 7 or later, or Valkey, by a client of ioredis 5.4 or later: `new Redis(url)` or a `Cluster`. The client stays the
 * caller's and is never closed; subscriptions go over a duplicate of it, which `close()` ends.
 *
 * Throws `OPTION_INVALID`. `ready()` and first uses reject with `DURABILITY_UNAVAILABLE`, `STORE_UNAVAILABLE`, `STORE_TOO_NEW`,
 * `STORE_FAILED`, or `NOT_SUPPORTED` where the server is too old; later calls also with `STORE_FULL` and `STORE_RESET`.
 */
export function redisStore(client: RedisClient, options: RedisStoreOptions = {}): Store {
  assertClient(client)
  const checked = checkOptions<RedisStoreOptions>(
    options,
    { namespace, durability, host: object },
    'the Redis store',
  )
  return new RedisStore(client, checked)
}

const METHODS = ['call', 'duplicate', 'on'] as const

function assertClient(client: unknown): void {
  const isClient =
    typeof client === 'object' &&
    client !== null &&
    METHODS.every((name) => typeof Reflect.get(client, name) === 'function')
  if (!isClient) refuseOption('the client', client, 'a client of ioredis')
  const { options } = client as { options?: { keyPrefix?: unknown } }
  if (options?.keyPrefix) {
    refuseOption('the keyPrefix of the client', options.keyPrefix, "left out; use the store's namespace")
  }
}

const namespace: Check<string> = (value, field) =>
  typeof value === 'string' && /^[A-Za-z0-9._:-]{1,64}$/.test(value)
    ? value
    : refuseOption(field, value, '1 to 64 characters of A-Z a-z 0-9 . _ - and :')

const durability: Check<Durability> = (value, field) =>
  value === 'memory' || value === 'process' || value === 'disk' || value === 'replicated'
    ? value
    : refuseOption(field, value, "'memory', 'process', 'disk' or 'replicated'")
