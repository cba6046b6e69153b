/** Removing idempotency keys and deduplication ids whose time is over: one look at the start, then one alarm for the first of them. */
import { lapseStep } from '../ledger/lapse.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { nextTurn } from '../host.ts'
import { DueLane } from './due.ts'
import { Patrol } from './patrol.ts'

export class Lapse {
  readonly #ledger: Ledger
  readonly #due: DueLane
  readonly #patrol: Patrol

  constructor(ledger: Ledger, error: (error: unknown) => void) {
    this.#ledger = ledger
    this.#patrol = new Patrol(ledger.store, () => this.#remove(), error)
    this.#due = new DueLane(ledger, 'lapse', { due: () => this.#patrol.look(), error })
  }

  start(): void {
    this.#patrol.start()
    this.#due.start()
  }

  stop(): Promise<void> {
    this.#due.stop()
    return this.#patrol.stop()
  }

  async #remove(): Promise<void> {
    while (this.#patrol.isOpen && (await lapseStep(this.#ledger))) await nextTurn()
    if (this.#patrol.isOpen) this.#due.served()
  }
}
