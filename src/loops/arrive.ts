/** Brings jobs into their groups when they are due, step by step. */
import { WALK_BEGINS, type Walk, bringToGroups } from '../ledger/arrive.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { DueLane } from './due.ts'

/** Milliseconds after which a step that failed is tried again. */
const RETRY_MS = 1000

export class Arrive {
  readonly #ledger: Ledger
  readonly #due: DueLane
  readonly #error: (error: unknown) => void
  #underWay: Promise<void> | undefined
  #open = false
  #cancel: (() => void) | undefined

  constructor(ledger: Ledger, error: (error: unknown) => void) {
    this.#ledger = ledger
    this.#error = error
    this.#due = new DueLane(ledger, 'arrive', { due: () => this.#step(), error })
  }

  start(): void {
    this.#open = true
    this.#due.start()
  }

  /** Resolves once nothing is under way any more. */
  async stop(): Promise<void> {
    this.#open = false
    this.#due.stop()
    this.#cancel?.()
    await this.#underWay
  }

  #step(): void {
    this.#underWay ??= this.#run().finally(() => {
      this.#underWay = undefined
    })
  }

  async #run(): Promise<void> {
    try {
      let walk: Walk | undefined = WALK_BEGINS
      while (this.#open && walk !== undefined) walk = await bringToGroups(this.#ledger, walk)
      if (this.#open) this.#due.served()
    } catch (error) {
      if (!this.#open) return
      this.#error(error)
      this.#cancel = this.#ledger.store.host.timer(RETRY_MS, () => this.#step())
    }
  }
}
