/**
 * Monotonic ULIDs, one series per store, so that jobs of one process keep the order in which they were added. Within a millisecond
 * only the last characters change, as a rule: those are counted here, which is a fraction of what drawing or incrementing the whole
 * costs.
 */
import { incrementBase32, ulid } from 'ulid'
import type { Store } from './store.ts'

/** Crockford's alphabet, two letters at a time: what 10 bits are written as. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'.split('')
const PAIRS = ALPHABET.flatMap((high) => ALPHABET.map((low) => high + low))
/** Letters that are counted, and how many values they have. */
const COUNTED = 4
const COUNTS = 2 ** (5 * COUNTED)

interface Series {
  /** ms since the epoch of the last one. */
  at: number
  /** All of the last one but the letters that are counted. */
  stem: string
  count: number
}

const allSeries = new WeakMap<Store, Series>()

/** The next ULID of a store's series, by the store's clock and its host's randomness. */
export function nextUlid(store: Store): string {
  const now = store.now()
  const series = allSeries.get(store)
  return series === undefined || now > series.at ? begin(store, now) : follow(series)
}

/** The first of a millisecond is drawn. */
function begin(store: Store, now: number): string {
  const drawn = ulid(now, () => store.host.random())
  const counted = drawn.slice(-COUNTED).split('')
  const count = counted.reduce((sum, letter) => sum * 32 + ALPHABET.indexOf(letter), 0)
  allSeries.set(store, { at: now, stem: drawn.slice(0, -COUNTED), count })
  return drawn
}

/** Those after it are each one more. */
function follow(series: Series): string {
  series.count++
  if (series.count === COUNTS) {
    series.count = 0
    series.stem = incrementBase32(series.stem)
  }
  return series.stem + PAIRS[series.count >>> 10]! + PAIRS[series.count & 1023]!
}
