/** Removing finished jobs beyond what is kept: about every thousand of them, and when the worker has nothing else to do. */
import { asHoldfastError } from '../ledger/commit.ts'
import { pruneStep } from '../ledger/retain.ts'
import type { Ledger } from '../ledger/ledger.ts'

type Finished = 'done' | 'dead'

/** Jobs beyond what is kept that may gather before they are removed: as many as are kept, within these bounds. */
const SLACK_LEAST = 10
const SLACK_MOST = 1000
/** Milliseconds after which pruning that failed is tried again. */
const RETRY_MS = 1000

export class Retain {
  readonly #ledger: Ledger
  readonly #error: (error: unknown) => void
  readonly #noted: Record<Finished, { finished: number; keep: number }> = {
    done: { finished: 0, keep: Infinity },
    dead: { finished: 0, keep: Infinity },
  }
  #pruning: Promise<void> | undefined
  /** Asked for while it was under way: there may be a new rule. */
  #again = false
  #cancelRetry: (() => void) | undefined
  #stopped = false

  constructor(ledger: Ledger, error: (error: unknown) => void) {
    this.#ledger = ledger
    this.#error = error
  }

  /** A job finished and is kept; the rule it brings holds for its lane from now on. */
  note(lane: Finished, keep: number): void {
    const noted = this.#noted[lane]
    noted.keep = keep
    noted.finished++
    if (noted.finished > Math.min(Math.max(SLACK_LEAST, keep), SLACK_MOST)) this.#start()
  }

  /** Nothing else to do: what has gathered can go now. */
  idle(): void {
    if (this.#noted.done.finished > 0 || this.#noted.dead.finished > 0) this.#start()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#cancelRetry?.()
    await this.#pruning
  }

  #start(): void {
    this.#again = true
    if (this.#stopped || this.#pruning !== undefined || this.#cancelRetry !== undefined) return
    this.#again = false
    this.#pruning = this.#prune().finally(() => {
      this.#pruning = undefined
      if (this.#again) this.#start()
    })
  }

  async #prune(): Promise<void> {
    try {
      for (const lane of ['done', 'dead'] as const) {
        const { finished, keep } = this.#noted[lane]
        if (finished === 0) continue
        for (let more = keep < Infinity; more && !this.#stopped; ) {
          more = (await pruneStep(this.#ledger, lane, keep)) > 0
        }
        this.#noted[lane].finished -= finished
      }
    } catch (error) {
      if (this.#stopped) return
      this.#error(error)
      if (asHoldfastError(error).code !== 'STORE_CLOSED') this.#retry()
    }
  }

  /** Nothing else may finish that would have it tried again. */
  #retry(): void {
    this.#cancelRetry = this.#ledger.store.host.timer(RETRY_MS, () => {
      this.#cancelRetry = undefined
      this.#start()
    })
  }
}
