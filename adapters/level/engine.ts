/**
 * One opening of the database: judges groups of calls and writes each as one batch, and serves what is durable.
 * One group at a time is its caller's duty. It knows nothing of opening, closing and of what follows a failure.
 */
import { evaluate } from '../../src/core/evaluate.ts'
import { HoldfastError } from '../../src/error.ts'
import type { Change, Page, Span } from '../../src/store.ts'
import type { Answer } from '../group-commit.ts'
import { eachKey, type LevelDatabase, readsAtOnce } from './database.ts'
import { type Calls, EntryCache, fetchPages, readKeys } from './fetch.ts'
import type { Residency } from './lane.ts'
import { decodeLaneMeta, type LaneMeta, laneMetaKey, recordKey, ringKey, spanRange } from './layout.ts'
import { LevelState } from './state.ts'

/** Records up to this many are read at once, on the spot; more are read elsewhere while the process goes on. */
const READ_ON_THE_SPOT = 100
/** What a record id can be; `getSync` of classic-level 3.0.0 answers wrongly for long keys that are not ASCII. */
const RECORD_ID = /^[\x21-\x7e]+$/

/** What a group did: an answer for each call, and the lanes whose watchers should know. */
export interface Applied {
  readonly answers: readonly Answer[]
  readonly woken: ReadonlySet<string>
}

/** A batch was not acknowledged; whether it is there shows when the database is opened again. */
export class WriteFailed extends Error {
  readonly sequence: number
  readonly applied: Applied

  constructor(sequence: number, applied: Applied, cause: unknown) {
    super('a batch could not be written', { cause })
    this.sequence = sequence
    this.applied = applied
  }
}

export class Engine {
  readonly #db: LevelDatabase
  readonly #writeOptions: object
  readonly #state: LevelState
  readonly #cache: EntryCache | undefined
  readonly #reads = new Set<Promise<unknown>>()
  #sequence: number

  /** `writeOptions` are those of every write of a store: mixing synced and unsynced ones leaves holes after a power loss. */
  constructor(
    db: LevelDatabase,
    found: { serial: number; sequence: number },
    writeOptions: object,
    residency: Residency,
  ) {
    this.#db = db
    this.#writeOptions = writeOptions
    this.#sequence = found.sequence
    if (!readsAtOnce(db)) this.#cache = new EntryCache(db)
    this.#state = new LevelState(found.serial, this.#cache?.get ?? ((key) => db.getSync(key)), residency)
  }

  /** Judges the calls in order and writes what applied. Rejects as a whole; with `WriteFailed` only once it tried to write. */
  async apply(calls: Calls): Promise<Applied> {
    const applied = await this.#judgeFetched(calls)
    const sequence = this.#sequence + 1
    // A group of refusals, as of workers that found nothing, costs no fsync.
    if (this.#state.changed) {
      try {
        await this.#write(sequence)
      } catch (error) {
        throw new WriteFailed(sequence, applied, error)
      }
      this.#sequence = sequence
    }
    this.#state.settle()
    this.#cache?.clear()
    return applied
  }

  /** The lanes whose lowest key a call that only adds is about to bring; none where it will be refused. */
  foresee(changes: readonly Change[]): string[] {
    // Where single entries can only be waited for, nothing can be told.
    if (this.#cache !== undefined) return []
    const isRefused = changes.some(({ expect }) =>
      expect?.absent?.some((id) => this.#state.record(id) !== undefined),
    )
    if (isRefused) return []
    const added = changes.flatMap(({ add = [] }) => add)
    return added.filter(([lane, key]) => this.#state.isBelowAll(lane, key)).map(([lane]) => lane)
  }

  read(ids: readonly string[]): Promise<readonly (string | undefined)[]> {
    return this.#during(async () => {
      if (this.#cache !== undefined || ids.length > READ_ON_THE_SPOT) {
        return this.#db.getMany(ids.map(recordKey))
      }
      return ids.map((id) => (RECORD_ID.test(id) ? this.#db.getSync(recordKey(id)) : undefined))
    })
  }

  scan(pages: readonly Page[]): Promise<readonly (readonly string[])[]> {
    return this.#during(() => Promise.all(pages.map((page) => this.#scanOne(page))))
  }

  count(spans: readonly Span[]): Promise<readonly number[]> {
    return this.#during(() => Promise.all(spans.map((span) => this.#countOne(span))))
  }

  /** Whether the batch is in the database. */
  async wrote(sequence: number): Promise<boolean> {
    const [entry] = await this.#db.getMany([ringKey(sequence)])
    return entry === String(sequence)
  }

  /** Resolves once no read is under way. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#reads)
  }

  async #judgeFetched(calls: Calls): Promise<Applied> {
    try {
      await this.#cache?.loadLanes(calls)
      const pages = fetchPages(this.#db, this.#state, calls)
      if (pages !== undefined) await pages
      let applied = this.#judge(calls)
      while (this.#cache?.incomplete) {
        this.#state.rollback()
        await this.#cache.load()
        applied = this.#judge(calls)
      }
      return applied
    } catch (error) {
      this.#state.rollback()
      this.#cache?.clear()
      throw error
    }
  }

  #judge(calls: Calls): Applied {
    const answers = calls.map((changes): Answer => {
      try {
        const results = evaluate(this.#state, changes)
        changes.forEach(({ hint }, index) => {
          if (hint !== undefined && results[index] !== false) {
            for (const lane of hint) this.#state.lowered.add(lane)
          }
        })
        return results
      } catch (error) {
        // A malformed call rejects alone: the evaluator has taken it back. Anything else is no verdict of its.
        if (error instanceof HoldfastError) return error
        throw error
      }
    })
    return { answers, woken: this.#state.lowered }
  }

  async #write(sequence: number): Promise<void> {
    const batch = this.#db.batch()
    this.#state.fill(batch)
    batch.put(ringKey(sequence), String(sequence))
    await batch.write(this.#writeOptions)
  }

  async #scanOne(page: Page): Promise<readonly string[]> {
    const { lane, from, until, limit, descending = false } = page
    if (limit <= 0) return []
    const known = this.#state.knownLane(lane)
    // What is known of a lane is what is durable while nothing of it waits to be written.
    const found = descending || known?.changed.size !== 0 ? undefined : known.head(page, limit)
    if (found !== undefined) return found
    const low = (known === undefined ? this.#metaAtOnce(lane) : known.written)?.low
    // Below the low mark lie only the remains of keys that were erased.
    const start = low === undefined || (from !== undefined && from > low) ? from : low
    return (await readKeys(this.#db, { lane, from: start, until }, limit, descending)).keys
  }

  async #countOne(span: Span): Promise<number> {
    const known = this.#state.knownLane(span.lane)
    const meta = known === undefined ? await this.#laneMeta(span.lane) : known.written
    if (meta === undefined) return 0
    if (span.from === undefined && span.until === undefined) return meta.count
    const size = known?.changed.size === 0 ? known.size(span, Infinity) : undefined
    if (size !== undefined) return size
    let counted = 0
    await eachKey(this.#db, spanRange(span), (piece) => {
      counted += piece.length
    })
    return counted
  }

  /** Where single entries can only be waited for, none: a mark read before the keys may be too high for them. */
  #metaAtOnce(lane: string): LaneMeta | undefined {
    const meta = this.#cache === undefined ? this.#db.getSync(laneMetaKey(lane)) : undefined
    return meta === undefined ? undefined : decodeLaneMeta(meta)
  }

  async #laneMeta(lane: string): Promise<LaneMeta | undefined> {
    const [meta] = await this.#db.getMany([laneMetaKey(lane)])
    return meta === undefined ? undefined : decodeLaneMeta(meta)
  }

  async #during<Found>(work: () => Promise<Found>): Promise<Found> {
    const read = work()
    this.#reads.add(read)
    try {
      return await read
    } finally {
      this.#reads.delete(read)
    }
  }
}
