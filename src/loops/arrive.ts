/** Brings jobs into their groups when they are due, step by step. */
import { WALK_BEGINS, type Walk, bringToGroups } from '../ledger/arrive.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { DueLane } from './due.ts'
import { Patrol } from './patrol.ts'

export class Arrive {
  readonly #ledger: Ledger
  readonly #due: DueLane
  readonly #patrol: Patrol

  constructor(ledger: Ledger, error: (error: unknown) => void) {
    this.#ledger = ledger
    this.#patrol = new Patrol(ledger.store, () => this.#bring(), error)
    this.#due = new DueLane(ledger, 'arrive', { due: () => this.#patrol.look(), error })
  }

  start(): void {
    this.#patrol.start()
    this.#due.start()
  }

  stop(): Promise<void> {
    this.#due.stop()
    return this.#patrol.stop()
  }

  async #bring(): Promise<void> {
    let walk: Walk | undefined = WALK_BEGINS
    while (this.#patrol.isOpen && walk !== undefined) walk = await bringToGroups(this.#ledger, walk)
    if (this.#patrol.isOpen) this.#due.served()
  }
}
