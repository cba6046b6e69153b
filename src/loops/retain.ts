/** Removing finished jobs beyond what is kept: about every thousand of them, and when the worker has nothing else to do. */
import { pruneStep } from '../ledger/retain.ts'
import type { Ledger } from '../ledger/ledger.ts'

type Finished = 'done' | 'dead'

/** Jobs beyond what is kept that may gather before they are removed: as many as are kept, within these bounds. */
const SLACK_LEAST = 10
const SLACK_MOST = 1000

export class Retain {
  readonly #ledger: Ledger
  readonly #error: (error: unknown) => void
  readonly #noted: Record<Finished, { finished: number; keep: number }> = {
    done: { finished: 0, keep: Infinity },
    dead: { finished: 0, keep: Infinity },
  }
  #pruning: Promise<void> | undefined
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
    await this.#pruning
  }

  #start(): void {
    if (this.#stopped) return
    this.#pruning ??= this.#prune().finally(() => (this.#pruning = undefined))
  }

  async #prune(): Promise<void> {
    try {
      for (const lane of ['done', 'dead'] as const) {
        const { finished, keep } = this.#noted[lane]
        if (finished === 0) continue
        this.#noted[lane].finished = 0
        for (let more = keep < Infinity; more && !this.#stopped; ) {
          more = (await pruneStep(this.#ledger, lane, keep)) > 0
        }
      }
    } catch (error) {
      this.#error(error)
    }
  }
}
