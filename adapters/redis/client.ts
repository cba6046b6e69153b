/**
 * The subset of a Redis client the store uses. Structural, so that no type of ioredis is needed to use the store and another
 * client can be fitted. It knows no scripts and no names.
 */

/** An ioredis client or cluster, or anything that does what is said here. */
export interface RedisClient {
  /** `ready` while commands can be sent; `end` once it will not connect again. */
  readonly status: string
  /** Whether it is a cluster's. */
  readonly isCluster?: boolean
  /** Sends one command; numbers come as numbers, texts as strings, nothing as `null`, an error as a rejection. */
  call(command: string, args: (string | number)[]): Promise<unknown>
  /** Another client with the same settings but these, for subscriptions. */
  duplicate(settings?: object): RedisSubscriber
  /** `close`: the connection is lost. */
  on(event: 'close', listener: () => void): unknown
}

/** A client of the store's own, which is only told of messages. */
export interface RedisSubscriber {
  /** `ready` while it is connected. */
  readonly status: string
  /** Begins to listen; resolves once the server does as asked. */
  subscribe(...channels: string[]): Promise<unknown>
  /** Ends it. */
  unsubscribe(...channels: string[]): Promise<unknown>
  /** Closes the connection for good. */
  disconnect(): void
  /** `message`: somebody published; `ready`: connected, again or for the first time; `error`: it is not. */
  on(event: 'message' | 'ready' | 'error', listener: (channel: string) => void): unknown
}

/** Whether a client will never answer again. */
export const hasEnded = ({ status }: RedisClient): boolean => status === 'end'
