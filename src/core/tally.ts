/**
 * A tally of the finished jobs of one lane: how many there are up to a key, and how many bytes they have together. It is what
 * retention by bytes goes by, so that no job is measured more than once on its way in and once on its way out.
 */
import { seal, unseal } from './codec.ts'
import type { Kept } from './kept.ts'

export interface Tally {
  /** The last key that is in it; empty before the first. */
  readonly through: string
  readonly jobs: number
  readonly bytes: number
}

export const NO_TALLY: Tally = { through: '', jobs: 0, bytes: 0 }

export const encodeTally = (tally: Tally): string => seal(JSON.stringify(tally))

/** One that is absent, or cannot be read, begins anew. */
export function decodeTally(record: string | undefined): Tally {
  try {
    return record === undefined ? NO_TALLY : (JSON.parse(unseal(record)) as Tally)
  } catch {
    return NO_TALLY
  }
}

/** With the jobs that follow, in the order of their keys. */
export const withCounted = (tally: Tally, keys: readonly string[], sizes: readonly number[]): Tally => ({
  through: keys.at(-1) ?? tally.through,
  jobs: tally.jobs + keys.length,
  bytes: tally.bytes + sizes.reduce((sum, size) => sum + size, 0),
})

export const withoutOldest = (tally: Tally, size: number): Tally => ({
  through: tally.through,
  jobs: tally.jobs - 1,
  bytes: tally.bytes - size,
})

/** Whether the oldest job of a tally, which ended `age` ms ago, is beyond what is kept. */
export const isBeyond = (
  { jobs, bytes }: Tally,
  { count, ageMs, maxBytes = Infinity }: Kept,
  age: number,
): boolean => jobs > count || bytes > maxBytes || age >= ageMs
