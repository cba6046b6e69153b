/**
 * Waiting for enough jobs to make a batch. Jobs that are too few gather out of line, in a part of `parked`: so the line is empty, and
 * the next job that comes is heard of. They are in nobody's hands: workers that do not wait for so many take them back, and a worker
 * that ends leaves nothing behind.
 */
import { batchWait, type BatchOptions } from '../core/batch-options.ts'
import { type Gathering, countGathering, gather } from '../ledger/gather.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { Alarm } from './alarm.ts'

export class Gather {
  readonly #ledger: Ledger
  readonly #least: number
  readonly #timeout: number | undefined
  readonly #alarm: Alarm
  /** When fewer are taken all the same. */
  #until: number | undefined
  /** The last look found some, but too few. */
  isWaiting = false
  /** The last look found some out of line. */
  #back = false
  #open = false

  /** `late`: they have waited long enough. */
  constructor(ledger: Ledger, batch: BatchOptions, late: () => void) {
    this.#ledger = ledger
    this.#least = batchWait(batch)
    this.#timeout = batch.timeout
    this.#alarm = new Alarm(ledger.store, late)
  }

  /** For a claim: those out of line come back with it. In a call of its own others would gather them again before it. */
  get gathering(): Gathering {
    return { least: this.#leastNow, back: this.#back }
  }

  get #leastNow(): number {
    return this.#until !== undefined && this.#ledger.store.now() >= this.#until ? 1 : this.#least
  }

  start(): void {
    this.#open = true
  }

  /** Whether a claim is worth it. Where there are too few jobs, the next one that comes into line is heard of. */
  async look(): Promise<boolean> {
    for (;;) {
      const { ready, gathered } = await countGathering(this.#ledger)
      const all = ready + gathered
      this.#back = gathered > 0
      if (!this.#open) return false
      if (all === 0) {
        this.#over()
        return false
      }
      if (all >= this.#leastNow) return true
      this.#wait()
      const moved = ready === 0 ? 0 : await gather(this.#ledger)
      if (gathered + moved < this.#leastNow) return false
    }
  }

  /** A batch was taken: the next one is waited for anew. */
  served(): void {
    this.#over()
  }

  stop(): void {
    this.#open = false
    this.#over()
  }

  #wait(): void {
    this.isWaiting = true
    if (this.#timeout === undefined || this.#until !== undefined) return
    this.#until = this.#ledger.store.now() + this.#timeout
    this.#alarm.set(this.#until)
  }

  #over(): void {
    this.#back = false
    this.isWaiting = false
    this.#until = undefined
    this.#alarm.clear()
  }
}
