/**
 * `holdfast/memory`: the reference evaluator on sorted sets. For unit tests and caches: everything is gone when
 * the content is. The semantics are those of every other store.
 *
 * @module holdfast/memory
 */
import { checkOptions, object } from '../src/core/check.ts'
import { COMMIT_TURN_MS } from '../src/core/bounds.ts'
import { type State, evaluate } from '../src/core/evaluate.ts'
import { checkUnit } from '../src/core/unit.ts'
import { HoldfastError } from '../src/error.ts'
import { type Host, systemHost } from '../src/host.ts'
import { Pace } from '../src/pace.ts'
import type { Change, Page, Result, Span, Store } from '../src/store.ts'
import { risingClock } from './clock.ts'
import { SortedKeys } from './sorted-keys.ts'
import { Watchers } from './watchers.ts'

/** What a memory store is made with. */
export interface MemoryStoreOptions {
  /** Clock, timers and randomness; default: the system's. */
  host?: Host
  /** What the store holds; give one to reopen it after `close()`, as a test of restarts does. Default: a new one. */
  content?: MemoryContent
}

/** The content of a memory store. It outlives the store's `close()`; the store opened last owns it. */
export class MemoryContent {
  /** @internal */
  readonly records = new Map<string, string>()
  /** @internal */
  readonly lanes = new Map<string, SortedKeys>()
  /** @internal Number of the last append. */
  serial = 0
  /** @internal How often it was opened; names the epoch, and the owner. */
  opened = 0
}

/** A store that keeps everything in memory (`durability: 'memory'`). Opens at once. @throws HoldfastError `OPTION_INVALID`. */
export function memoryStore(options: MemoryStoreOptions = {}): Store {
  const { host, content } = checkOptions<MemoryStoreOptions>(
    options,
    { host: object, content: object },
    'the memory store',
  )
  return new MemoryStore(host ?? systemHost, content ?? new MemoryContent())
}

class MemoryStore implements Store {
  readonly host: Host
  readonly durability = 'memory'
  readonly skewMs = 0
  readonly epoch: string
  readonly now: () => number
  readonly #content: MemoryContent
  readonly #state: MemoryState
  readonly #pace: Pace
  readonly #watchers = new Watchers()
  /** Commits that wait for a turn. */
  readonly #underWay = new Set<Promise<unknown>>()
  #closed = false

  constructor(host: Host, content: MemoryContent) {
    this.host = host
    this.now = risingClock(host)
    this.#pace = new Pace(host, COMMIT_TURN_MS)
    this.#content = content
    this.#state = new MemoryState(content)
    this.epoch = String(++content.opened)
  }

  async ready(): Promise<void> {
    this.#assertOpen()
  }

  async read(ids: readonly string[]): Promise<readonly (string | undefined)[]> {
    this.#assertOpen()
    return ids.map((id) => this.#content.records.get(id))
  }

  async scan(pages: readonly Page[]): Promise<readonly (readonly string[])[]> {
    this.#assertOpen()
    return pages.map(({ lane, from, until, limit, descending }) => {
      const keys = this.#content.lanes.get(lane)
      if (keys === undefined) return []
      return descending === true ? keys.tail(from, until, limit) : keys.head(from, until, limit)
    })
  }

  async count(spans: readonly Span[]): Promise<readonly number[]> {
    this.#assertOpen()
    return spans.map((span) => this.#state.size(span, Infinity))
  }

  async commit(changes: readonly Change[]): Promise<readonly Result[]> {
    this.#assertOpen()
    checkUnit(changes)
    // Nothing is waited for here, so who works without end would be the only one in the process who does.
    const turn = this.#pace.turnWithTime()
    if (turn === undefined) return this.#apply(changes)
    const applied = turn.then(() => this.#apply(changes))
    this.#underWay.add(applied)
    return applied.finally(() => this.#underWay.delete(applied))
  }

  #apply(changes: readonly Change[]): readonly Result[] {
    this.#assertNewest()
    this.#state.lowered.clear()
    const results = evaluate(this.#state, changes)
    const { lowered } = this.#state
    changes.forEach(({ hint }, index) => {
      if (hint !== undefined && results[index] !== false) for (const lane of hint) lowered.add(lane)
    })
    if (lowered.size > 0) this.#watchers.wake(lowered)
    return results
  }

  watch(lanes: readonly string[], wake: () => void): () => void {
    return this.#watchers.watch(lanes, wake)
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.allSettled(this.#underWay)
    this.#watchers.clear()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #assertOpen(): void {
    if (this.#closed) throw new HoldfastError('STORE_CLOSED', 'the memory store is closed')
    this.#assertNewest()
  }

  #assertNewest(): void {
    if (this.epoch !== String(this.#content.opened)) {
      throw new HoldfastError('STORE_CLOSED', 'a newer memory store has opened this content')
    }
  }
}

class MemoryState implements State {
  /** Lanes whose lowest key was added since it was last cleared. */
  readonly lowered = new Set<string>()
  readonly #content: MemoryContent

  constructor(content: MemoryContent) {
    this.#content = content
  }

  get serial(): number {
    return this.#content.serial
  }

  set serial(value: number) {
    this.#content.serial = value
  }

  record(id: string): string | undefined {
    return this.#content.records.get(id)
  }

  has(lane: string, key: string): boolean {
    return this.#content.lanes.get(lane)?.has(key) ?? false
  }

  head({ lane, from, until }: Span, limit: number): string[] {
    return this.#content.lanes.get(lane)?.head(from, until, limit) ?? []
  }

  size({ lane, from, until }: Span, bound: number): number {
    return this.#content.lanes.get(lane)?.count(from, until, bound) ?? 0
  }

  put(id: string, value: string | undefined): string | undefined {
    const { records } = this.#content
    const before = records.get(id)
    if (value === undefined) records.delete(id)
    else records.set(id, value)
    return before
  }

  restore(id: string, before: string | undefined): void {
    this.put(id, before)
  }

  insert(lane: string, key: string): void {
    let keys = this.#content.lanes.get(lane)
    if (keys === undefined) this.#content.lanes.set(lane, (keys = new SortedKeys()))
    keys.insert(key)
    if (keys.lowest === key) this.lowered.add(lane)
  }

  erase(lane: string, key: string): void {
    const keys = this.#content.lanes.get(lane)
    keys?.erase(key)
    if (keys?.size === 0) this.#content.lanes.delete(lane)
  }
}
