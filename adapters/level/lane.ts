/**
 * What is known of one lane while the store is open: its exact size, its lowest keys, and for the length of a
 * group some pages further up. It knows neither LevelDB nor changes; the state fills it and asks it.
 */
import type { Span } from '../../src/store.ts'
import { SortedKeys } from '../sorted-keys.ts'
import { justAbove, type LaneMeta } from './layout.ts'

/** How many keys stay in memory between groups. */
export interface Residency {
  /** Keys the head of one lane may hold; above it the upper half is forgotten. */
  readonly laneKeys: number
  /** Keys all lanes together may hold; above it lanes not in use are forgotten. */
  readonly allKeys: number
  /** Keys read at least when a head has to grow. */
  readonly refillKeys: number
}

export const RESIDENCY: Residency = { laneKeys: 32_768, allKeys: 262_144, refillKeys: 1_000 }

/** An interval of a lane of which every key is known: `from <= key < upTo`, each open where left out. */
class KnownRange {
  readonly from: string | undefined
  upTo: string | undefined
  keys = new SortedKeys()

  constructor(from: string | undefined, upTo: string | undefined) {
    this.from = from
    this.upTo = upTo
  }

  covers(key: string): boolean {
    return (this.from === undefined || key >= this.from) && (this.upTo === undefined || key < this.upTo)
  }

  /** The lowest keys of a span; `undefined` where this range cannot tell. */
  head({ from, until }: Span, limit: number): string[] | undefined {
    if (!this.#beginsBefore(from)) return undefined
    const found = this.keys.head(from, until, limit)
    return found.length >= limit || this.#reaches(until) ? found : undefined
  }

  /** The size of a span, exact up to `bound`; `undefined` where this range cannot tell. */
  size({ from, until }: Span, bound: number): number | undefined {
    if (!this.#beginsBefore(from)) return undefined
    const counted = this.keys.count(from, until, bound)
    return counted > bound || this.#reaches(until) ? counted : undefined
  }

  #beginsBefore(from: string | undefined): boolean {
    return this.from === undefined || (from !== undefined && from >= this.from)
  }

  #reaches(until: string | undefined): boolean {
    return this.upTo === undefined || (until !== undefined && until <= this.upTo)
  }
}

export class Lane {
  readonly name: string
  /** Keys of the lane as judged so far. */
  count: number
  /** The number of the group that last looked at this lane. */
  group = 0
  /** What differs from what is written: whether the key is there now. */
  readonly changed = new Map<string, boolean>()
  /** What is written. */
  written: LaneMeta | undefined
  /** Begins at the lane's start, so that small lanes are known whole and the head of a large one always is. */
  readonly #head: KnownRange
  #pages: KnownRange[] = []
  /** No key lies above this one; `undefined` while that is not known. Keys that rise, most do, are new without a look. */
  #top: string | undefined

  /** A lane as its meta describes it; one without has no keys. Nothing lies below `low`, so the head starts there. */
  constructor(name: string, meta: LaneMeta | undefined) {
    this.name = name
    this.written = meta
    this.count = meta?.count ?? 0
    this.#head = new KnownRange(undefined, meta?.low)
  }

  /** Count and low mark as judged; `undefined` once it has no keys. */
  get meta(): LaneMeta | undefined {
    const low = this.#head.keys.lowest ?? this.#head.upTo
    return this.count === 0 || low === undefined ? undefined : { count: this.count, low }
  }

  get residentKeys(): number {
    return this.#head.keys.size
  }

  /** Where the head ends; `undefined` when all of the lane is known. */
  get headEnd(): string | undefined {
    return this.#head.upTo
  }

  /** Whether the key is there; `undefined` where only the database can tell. */
  has(key: string): boolean | undefined {
    if (this.#isAboveAll(key)) return false
    if (this.#head.covers(key)) return this.#head.keys.has(key)
    for (const page of this.#pages) if (page.covers(key)) return page.keys.has(key)
    return this.changed.get(key)
  }

  head(span: Span, limit: number): string[] | undefined {
    const found = this.#head.head(span, limit)
    if (found !== undefined || this.#pages.length === 0) return found
    return this.#firstPage((page) => page.head(span, limit))
  }

  size(span: Span, bound: number): number | undefined {
    return span.from === undefined && span.until === undefined ? this.count : this.#walk(span, bound)
  }

  /** Whether that many keys of the span are known, or all it has. */
  knows(span: Span, keys: number): boolean {
    return this.#walk(span, keys) !== undefined
  }

  /** Adds a key that is not there. Whether it may be the lowest now: below a head of unknown keys one cannot tell. */
  insert(key: string): boolean {
    this.count++
    // A key erased earlier in this group is in the database still: putting it back leaves nothing to write.
    if (!this.changed.delete(key)) this.changed.set(key, true)
    for (const page of this.#pages) if (page.covers(key)) page.keys.insert(key)
    if (this.#top !== undefined && key > this.#top) this.#top = key
    if (!this.#head.covers(key)) return this.#head.keys.size === 0
    this.#head.keys.insert(key)
    return this.#head.keys.lowest === key
  }

  /** Takes away a key that is there. */
  erase(key: string): void {
    this.count--
    if (!this.changed.delete(key)) this.changed.set(key, false)
    for (const page of this.#pages) if (page.covers(key)) page.keys.erase(key)
    if (this.#head.covers(key)) this.#head.keys.erase(key)
    // The count is exact: when it is all in the head, nothing is left above.
    if (this.#head.keys.size === this.count) this.#head.upTo = undefined
  }

  /** The same of the head alone. */
  knowsHead(span: Span, keys: number): boolean {
    return this.#head.size(span, keys) !== undefined
  }

  /** The keys that follow the head in the database; `ended` when there are no more after them. */
  extendHead(keys: readonly string[], ended: boolean): void {
    for (const key of keys) this.#head.keys.insert(key)
    if (ended) this.#head.upTo = undefined
    else this.#head.upTo = justAbove(keys.at(-1)!)
  }

  /** The lowest keys of a span, read from the database for the group under way; `ended` when there are no more. */
  addPage({ from, until }: Span, keys: readonly string[], ended: boolean): void {
    const page = new KnownRange(from, ended ? until : justAbove(keys.at(-1)!))
    for (const key of keys) page.keys.insert(key)
    this.#pages.push(page)
  }

  /** The group is over: what was judged is written, and no more is remembered than is worth it. */
  settle(laneKeys: number): void {
    this.written = this.meta
    this.changed.clear()
    if (this.#pages.length > 0) this.#pages = []
    if (this.#head.keys.size > laneKeys) this.#keepLowest(laneKeys >>> 1)
  }

  /** What was judged is taken back. What was known stays known: knowledge of a lane follows its changes either way. */
  rollback(): void {
    for (const [key, added] of this.changed) {
      for (const { keys } of [this.#head, ...this.#pages].filter((range) => range.covers(key))) {
        if (added) keys.erase(key)
        else keys.insert(key)
      }
    }
    this.count = this.written?.count ?? 0
    this.changed.clear()
  }

  #isAboveAll(key: string): boolean {
    const top = this.#head.upTo === undefined ? (this.#head.keys.highest ?? '') : this.#top
    return top !== undefined && key > top
  }

  #keepLowest(keys: number): void {
    if (this.#head.upTo === undefined) this.#top = this.#head.keys.highest
    const kept = this.#head.keys.head(undefined, undefined, keys + 1)
    this.#head.upTo = kept.pop()
    this.#head.keys = new SortedKeys()
    for (const key of kept) this.#head.keys.insert(key)
  }

  #walk(span: Span, bound: number): number | undefined {
    const size = this.#head.size(span, bound)
    if (size !== undefined || this.#pages.length === 0) return size
    return this.#firstPage((page) => page.size(span, bound))
  }

  #firstPage<Found>(ask: (page: KnownRange) => Found | undefined): Found | undefined {
    for (const page of this.#pages) {
      const found = ask(page)
      if (found !== undefined) return found
    }
    return undefined
  }
}
