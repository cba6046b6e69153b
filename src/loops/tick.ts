/**
 * Making the jobs of schedules when their times come. Every worker of a queue does it, and whoever comes first has done it for
 * all. It sleeps until the next slot of any schedule; where there are none it does nothing at all.
 */
import { nameOf } from '../core/evaluate.ts'
import { HoldfastError } from '../error.ts'
import { nextTurn } from '../host.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Almanac } from '../ledger/schedule.ts'
import { lookOut, tick } from '../ledger/tick.ts'
import { Patrol } from './patrol.ts'

/** Milliseconds by which one who came too late comes later the next time, at most: so that not all ask for the same. */
const YIELD_MS = 100

export class Tick {
  readonly #ledger: Ledger
  readonly #almanac: Almanac
  readonly #error: (error: unknown) => void
  readonly #patrol: Patrol
  /** Others are faster at present. */
  #yields = false
  /** Schedules whose trouble was told, by their records: each is told of once. */
  readonly #told = new Set<string>()

  constructor(ledger: Ledger, almanac: Almanac, error: (error: unknown) => void) {
    this.#ledger = ledger
    this.#almanac = almanac
    this.#error = error
    this.#patrol = new Patrol(ledger.store, () => this.#look(), error)
  }

  start(): void {
    this.#patrol.start([this.#ledger.lanes.schedules])
    this.#patrol.look()
  }

  stop(): Promise<void> {
    return this.#patrol.stop()
  }

  async #look(): Promise<void> {
    const { store } = this.#ledger
    const now = store.now() - store.skewMs
    for (let from: string | undefined; ; ) {
      const { due, next } = await lookOut(this.#ledger, now, from)
      for (const key of due) if (this.#patrol.isOpen) await this.#tick(nameOf(key))
      if (!this.#patrol.isOpen) return
      if (due.length === 0) return next === undefined ? undefined : this.#sleep(next)
      from = `${due.at(-1)!}!`
      await nextTurn()
    }
  }

  /** Until nothing of it is due: a catch-up may take several. */
  async #tick(name: string): Promise<void> {
    try {
      for (let more = true; more && this.#patrol.isOpen; ) {
        const { jobs, lost } = await tick(this.#ledger, name, this.#almanac)
        more = jobs.length > 0
        if (more || lost) this.#yields = lost
        // It may have been changed and be due all the same.
        if (lost) this.#patrol.look()
        if (more) await nextTurn()
      }
    } catch (error) {
      if (!isUnreadable(error)) throw error
      if (!this.#told.has(name)) this.#error(error)
      this.#told.add(name)
    }
  }

  #sleep(next: number): void {
    const { store } = this.#ledger
    const later = this.#yields ? Math.ceil(store.host.random() * YIELD_MS) : 0
    this.#patrol.lookAt(next + store.skewMs + later)
  }
}

/** What no other try would change. */
const isUnreadable = (error: unknown): boolean =>
  error instanceof HoldfastError && (error.code === 'STORE_CORRUPT' || error.code === 'STORE_TOO_NEW')
