/**
 * Where things lie in the one keyspace of a LevelDB store. All keys are ASCII text; a space never occurs in
 * lanes, keys and ids, so it ends a prefix without doubt:
 *
 *     k <lane> <key>   a key of a lane                  l <lane>          `<count> <low>` of a lane that has keys
 *     r <id>           a record                         m <what> [...]    what the store knows about itself
 */
import type { Span } from '../../src/store.ts'
import type { LevelRange } from './database.ts'

/** The version of this layout. A store that finds a higher one refuses to open. */
export const LAYOUT_VERSION = 1

export const VERSION_KEY = 'm version'
export const SERIAL_KEY = 'm serial'
export const EPOCH_KEY = 'm epoch'
/** What was once found damaged and not yet accepted: LevelDB itself forgets it at the next open. */
export const DAMAGE_KEY = 'm damage'

/**
 * Batches that can be told apart: batch n writes slot n mod this. LevelDB's log, where alone a batch can be lost in
 * silence, is cut at 8 MiB, so this covers it for batches of 512 bytes and more; that of one job's cycle has about 1 KiB.
 * Reading all slots takes about 8 ms at open.
 */
export const RING_SLOTS = 16_384

export const recordKey = (id: string): string => `r ${id}`
export const lanePrefix = (lane: string): string => `k ${lane} `
export const laneMetaKey = (lane: string): string => `l ${lane}`
/**
 * What stands at a key of a lane. Any value would do but the empty one: classic-level 3.0.0 never frees its copy of that,
 * 32 bytes each time (`docs/decisions/035`). Stores written before have it, and nothing reads it.
 */
export const LANE_KEY_VALUE = '.'
export const ringKey = (sequence: number): string => `m ring ${sequence % RING_SLOTS}`

/** Everything under a prefix that ends in a space: `!` is the next character. */
const under = (prefix: string): { gte: string; lt: string } => ({
  gte: prefix,
  lt: `${prefix.slice(0, -1)}!`,
})
export const ALL_LANE_KEYS = under('k ')
export const ALL_LANE_METAS = under('l ')
export const RING = under('m ring ')

/** The entries of a span. */
export function spanRange({ lane, from, until }: Span): LevelRange {
  const prefix = lanePrefix(lane)
  const whole = under(prefix)
  return {
    gte: from === undefined ? whole.gte : prefix + from,
    lt: until === undefined ? whole.lt : prefix + until,
  }
}

/** The least bound above a key: nothing of a lane sorts between the two. */
export const justAbove = (key: string): string => `${key} `

/** How many keys a lane has, and a bound at or below the lowest of them. */
export interface LaneMeta {
  readonly count: number
  readonly low: string
}

export const encodeLaneMeta = ({ count, low }: LaneMeta): string => `${count} ${low}`

export function decodeLaneMeta(text: string): LaneMeta {
  const space = text.indexOf(' ')
  return { count: Number(text.slice(0, space)), low: text.slice(space + 1) }
}
