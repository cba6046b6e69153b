/** A queue's own settings, as its record keeps them; an absent record is all defaults. */
import { seal, unseal } from './codec.ts'
import type { RateLimit } from './limits.ts'

/** Times are in milliseconds. */
export interface QueueConfig {
  readonly paused?: boolean
  /** It is being removed with everything in it; paused as well. */
  readonly obliterating?: boolean
  /** Jobs that run at once, over all workers. */
  readonly concurrency?: number | undefined
  /** Starts over all workers. */
  readonly rateLimit?: RateLimit | undefined
  /** Nothing is claimed before this moment, since the epoch. */
  readonly heldUntil?: number | undefined
  /** Lengths of the windows that rates were ever counted in: each has a lane, which goes with the queue. */
  readonly windows?: readonly number[] | undefined
  /** The same for the groups. */
  readonly groupWindows?: readonly number[] | undefined
}

/** `undefined` where everything is at its default: such a queue has no record. */
export function encodeConfig(config: QueueConfig): string | undefined {
  const said = Object.entries(config).filter(([, value]) => value !== undefined && value !== false)
  return said.length === 0 ? undefined : seal(JSON.stringify(Object.fromEntries(said)))
}

export const decodeConfig = (record: string | undefined): QueueConfig =>
  record === undefined ? {} : (JSON.parse(unseal(record)) as QueueConfig)
