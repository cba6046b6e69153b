/** A queue's own settings, as its record keeps them; an absent record is all defaults. */
import { seal, unseal } from './codec.ts'

export interface QueueConfig {
  readonly paused?: boolean
  /** It is being removed with everything in it; paused as well. */
  readonly obliterating?: boolean
}

/** `undefined` where everything is at its default: such a queue has no record. */
export function encodeConfig(config: QueueConfig): string | undefined {
  return config.paused === true ? seal(JSON.stringify(config)) : undefined
}

export const decodeConfig = (record: string | undefined): QueueConfig =>
  record === undefined ? {} : (JSON.parse(unseal(record)) as QueueConfig)
