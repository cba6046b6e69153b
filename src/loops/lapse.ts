/** Removing idempotency keys and deduplication ids whose time is over: one look at the start, then one alarm for the first of them. */
import { lapseStep } from '../ledger/lapse.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { nextTurn } from '../host.ts'
import { DueLane } from './due.ts'

/** Milliseconds after which a removal that failed is tried again. */
const RETRY_MS = 1000

export class Lapse {
  readonly #ledger: Ledger
  readonly #error: (error: unknown) => void
  readonly #lane: DueLane
  #removing: Promise<void> | undefined
  #cancelRetry: (() => void) | undefined
  #stopped = false

  constructor(ledger: Ledger, error: (error: unknown) => void) {
    this.#ledger = ledger
    this.#error = error
    this.#lane = new DueLane(ledger, 'lapse', { due: () => this.#start(), error })
  }

  start(): void {
    this.#lane.start()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#lane.stop()
    this.#cancelRetry?.()
    await this.#removing
  }

  #start(): void {
    this.#removing ??= this.#remove().finally(() => (this.#removing = undefined))
  }

  async #remove(): Promise<void> {
    try {
      while (!this.#stopped && (await lapseStep(this.#ledger))) await nextTurn()
      if (!this.#stopped) this.#lane.served()
    } catch (error) {
      if (this.#stopped) return
      this.#error(error)
      this.#cancelRetry = this.#ledger.store.host.timer(RETRY_MS, () => this.#start())
    }
  }
}
