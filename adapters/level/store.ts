/**
 * The life of a LevelDB store: opening at first use, what follows a failed write, closing. How groups of calls are
 * judged and written is the engine's; options arrive here checked.
 */
import { HoldfastError } from '../../src/error.ts'
import { type Host, systemHost } from '../../src/host.ts'
import type { Change, Page, Result, Span, Store } from '../../src/store.ts'
import { risingClock } from '../clock.ts'
import { type Answer, GroupCommit } from '../group-commit.ts'
import { onlyGrows } from '../growth.ts'
import type { LevelStoreOptions } from '../level.ts'
import { Watchers } from '../watchers.ts'
import { isClassicLevel, type LevelDatabase } from './database.ts'
import { classicLevel, droppedAtOpen, forgetHolder, lockedError, nameHolder, openError } from './directory.ts'
import { type Applied, Engine, WriteFailed } from './engine.ts'
import { examine } from './examine.ts'
import { databaseError } from './failure.ts'
import { RESIDENCY, type Residency } from './lane.ts'
import { giveBack, takeDirectory } from './taken.ts'

export class LevelStore implements Store {
  readonly host: Host
  readonly durability: 'disk' | 'process'
  readonly skewMs = 0
  readonly now: () => number
  readonly #path: string | undefined
  readonly #where: string
  readonly #acceptLoss: boolean
  readonly #refusal: HoldfastError | undefined
  readonly #writeOptions: object
  readonly #residency: Residency
  readonly #group = new GroupCommit(
    (calls) => this.#apply(calls),
    undefined,
    (changes) => this.#foretell(changes),
  )
  readonly #watchers = new Watchers()
  #db: LevelDatabase | undefined
  /** What was taken of the process, which opens no directory twice; with it the database has yet to be closed. */
  #directory: string | undefined
  /** A database handed in is opened by its owner; the store only opens again what it has closed itself. */
  #mayOpen: boolean
  #epoch: number | undefined
  #engine: Engine | undefined
  #opening: Promise<Engine> | undefined
  #closing: Promise<void> | undefined

  constructor(database: string | LevelDatabase, options: LevelStoreOptions, residency = RESIDENCY) {
    this.#residency = residency
    this.host = options.host ?? systemHost
    this.now = risingClock(this.host)
    this.#acceptLoss = options.acceptLoss ?? false
    const synced = typeof database === 'string' || isClassicLevel(database)
    this.durability = synced ? (options.durability ?? 'disk') : 'process'
    this.#writeOptions = synced ? { sync: this.durability === 'disk' } : {}
    this.#mayOpen = typeof database === 'string'
    if (typeof database === 'string') {
      this.#path = database
      this.#where = `the LevelDB directory ${database}`
      return
    }
    this.#db = database
    this.#where = 'the database handed to levelStore'
    if (!synced && options.durability === 'disk') {
      this.#refusal = new HoldfastError(
        'DURABILITY_UNAVAILABLE',
        `${this.#where} is not classic-level and cannot sync its writes: ask for durability 'process', or give a path`,
      )
    }
  }

  get epoch(): string | undefined {
    return this.#epoch === undefined ? undefined : String(this.#epoch)
  }

  async ready(): Promise<void> {
    this.#assertUsable()
    await this.#open()
  }

  async read(ids: readonly string[]): Promise<readonly (string | undefined)[]> {
    return this.#look((engine) => engine.read(ids))
  }

  async scan(pages: readonly Page[]): Promise<readonly (readonly string[])[]> {
    return this.#look((engine) => engine.scan(pages))
  }

  async count(spans: readonly Span[]): Promise<readonly number[]> {
    return this.#look((engine) => engine.count(spans))
  }

  commit(changes: readonly Change[]): Promise<readonly Result[]> {
    // Not async: every acknowledgement would wait three turns longer.
    return this.#closing === undefined ? this.#group.commit(changes) : Promise.reject(storeClosed())
  }

  watch(lanes: readonly string[], wake: () => void): () => void {
    return this.#watchers.watch(lanes, wake)
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close())
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** What is added while nothing else is to be done is claimed in the same batch by whoever waits for it in this process. */
  #foretell(changes: readonly Change[]): boolean {
    if (this.#engine === undefined || !onlyGrows(changes)) return false
    try {
      return this.#watchers.wake(this.#engine.foresee(changes))
    } catch {
      // Whatever it is, the call itself is told.
      return false
    }
  }

  async #apply(calls: readonly (readonly Change[])[]): Promise<readonly Answer[]> {
    const engine = await this.#open()
    const { answers, woken } = await this.#applyOn(engine, calls)
    if (woken.size > 0) this.#watchers.wake(woken)
    return answers
  }

  async #applyOn(engine: Engine, calls: readonly (readonly Change[])[]): Promise<Applied> {
    try {
      return await engine.apply(calls)
    } catch (error) {
      if (error instanceof WriteFailed) return this.#afterFailedWrite(engine, error)
      throw databaseError(`${this.#where} could not be read`, error)
    }
  }

  /**
   * After one failed append to its log LevelDB goes on accepting and acknowledging batches that are gone at the next
   * open. So nothing is written to it again before it was closed and opened, which also shows what became of the batch.
   */
  async #afterFailedWrite(engine: Engine, { sequence, applied, cause }: WriteFailed): Promise<Applied> {
    this.#engine = undefined
    try {
      const again = await this.#opened(this.#reopen(engine))
      if (await again.wrote(sequence)) return applied
    } catch (error) {
      const { code, message } = databaseError(`${this.#where} could not be written`, cause)
      const why = error instanceof Error ? error.message : String(error)
      throw new HoldfastError(code, `${message}; nor be opened again: ${why}`, { outcome: 'unknown', cause })
    }
    throw databaseError(`${this.#where} could not be written`, cause)
  }

  async #reopen(engine: Engine): Promise<Engine> {
    await engine.idle()
    const db = this.#db!
    if (this.#path === undefined && db.status !== 'open') throw new Error('it was closed from outside')
    this.#mayOpen = true
    return this.#openEngine()
  }

  async #look<Found>(ask: (engine: Engine) => Promise<Found>): Promise<Found> {
    this.#assertUsable()
    const engine = await this.#open()
    try {
      return await ask(engine)
    } catch (error) {
      throw databaseError(`${this.#where} could not be read`, error)
    }
  }

  /** The open database; opened now where it is not, by whoever comes first. */
  async #open(): Promise<Engine> {
    return this.#engine ?? (await (this.#opening ?? this.#opened(this.#openEngine())))
  }

  /** Lets everyone wait for the same opening, and the next one try again should it fail. */
  async #opened(opening: Promise<Engine>): Promise<Engine> {
    this.#opening = opening
    try {
      return (this.#engine = await opening)
    } finally {
      this.#opening = undefined
    }
  }

  async #openEngine(): Promise<Engine> {
    if (this.#refusal !== undefined) throw this.#refusal
    const path = this.#path
    const db = await this.#database()
    // After a failed write; and still so where it could not be closed then.
    if (this.#mayOpen && db.status === 'open') await this.#shut(db)
    try {
      await db.open({ passive: !this.#mayOpen })
    } catch (error) {
      this.#letGo()
      throw path === undefined
        ? databaseError(`${this.#where} cannot be opened`, error)
        : await openError(path, error)
    }
    try {
      const found = await examine(db, {
        where: this.#where,
        writeOptions: this.#writeOptions,
        epoch: this.#epoch,
        // Opened again after a failed write, LevelDB may drop what that left behind: nothing acknowledged.
        dropped: path === undefined || this.#epoch !== undefined ? [] : await droppedAtOpen(path),
        acceptLoss: this.#acceptLoss,
        warn: (text) => this.host.warn(text),
      })
      this.#epoch = found.epoch
      this.#mayOpen = path !== undefined
      if (path !== undefined) await nameHolder(path, this.host.wall())
      return new Engine(db, found, this.#writeOptions, this.#residency)
    } catch (error) {
      // A database handed in stays as it is when it is refused, not when a write failed: see `#afterFailedWrite`.
      this.#mayOpen ||= !(error instanceof HoldfastError)
      if (this.#mayOpen) await this.#shut(db)
      this.#letGo()
      throw databaseError(`${this.#where} cannot be opened`, error)
    }
  }

  /** The one that was handed in, or that of the directory, which nobody else in this process opens until it is let go. */
  async #database(): Promise<LevelDatabase> {
    const path = this.#path
    if (path === undefined) return this.#db!
    try {
      this.#directory ??= await takeDirectory(path)
      if (this.#directory !== undefined) return (this.#db ??= await classicLevel(path))
    } catch (error) {
      this.#letGo()
      throw await openError(path, error)
    }
    throw await lockedError(path)
  }

  /** A directory that is closed is free for others. */
  #letGo(): void {
    if (this.#directory === undefined) return
    giveBack(this.#directory)
    this.#directory = undefined
    this.#db = undefined
  }

  async #close(): Promise<void> {
    await this.#group.idle()
    await this.#opening?.catch(() => {})
    await this.#engine?.idle()
    this.#watchers.clear()
    if (this.#path === undefined || this.#directory === undefined) return
    this.#engine = undefined
    await forgetHolder(this.#path)
    await this.#shut(this.#db!)
    this.#letGo()
  }

  async #shut(db: LevelDatabase): Promise<void> {
    try {
      await db.close()
    } catch (error) {
      throw databaseError(`${this.#where} could not be closed`, error)
    }
  }

  #assertUsable(): void {
    if (this.#closing !== undefined) throw storeClosed()
  }
}

const storeClosed = (): HoldfastError => new HoldfastError('STORE_CLOSED', 'the LevelDB store is closed')
