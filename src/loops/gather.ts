/**
 * Waiting for enough jobs to make a batch. Jobs that are too few gather out of line, in a part of `parked`: so the line is empty, and
 * the next job that comes is heard of. They are in nobody's hands: workers that do not wait for so many take them back, and a worker
 * that ends leaves nothing behind.
 */
import { batchWait, type BatchOptions } from '../core/batch-options.ts'
import { BATCH_JOBS_MOST } from '../core/bounds.ts'
import { type Limits, isLimited } from '../core/limits.ts'
import { countGathering, gather, planUngather } from '../ledger/gather.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { Alarm } from './alarm.ts'
import type { Arrival } from './arrivals.ts'

export class Gather {
  readonly #ledger: Ledger
  readonly #least: number
  readonly #timeout: number | undefined
  readonly #alarm: Alarm
  /** When fewer are taken all the same. */
  #until: number | undefined
  /** The last look found some, but too few. */
  isWaiting = false
  /** There were enough, and the queue had no room for any. */
  isHeld = false
  /** Jobs that are to come back into line with the next claim, at most. */
  #back = 0
  #open = false

  /** `late`: they have waited long enough. */
  constructor(ledger: Ledger, batch: BatchOptions, late: () => void) {
    this.#ledger = ledger
    this.#least = batchWait(batch)
    this.#timeout = batch.timeout
    this.#alarm = new Alarm(ledger.store, late)
  }

  /** Jobs that have to be in line for a claim. */
  get least(): number {
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
      if (!this.#open) return false
      if (all === 0) {
        this.#over()
        return false
      }
      if (all >= this.least) {
        // Of those in line others may gather some before the claim comes.
        this.#back = gathered === 0 ? 0 : Math.min(all, BATCH_JOBS_MOST)
        return true
      }
      this.#wait()
      const moved = ready === 0 ? 0 : await gather(this.#ledger)
      if (gathered + moved < this.least) return false
    }
  }

  /** Brings jobs back into line with the claim that is to take them: in a call of its own others would gather them again before it. */
  recall(limits: Limits): Arrival[] {
    const count = this.#back
    this.#back = 0
    this.isHeld = false
    if (count === 0) return []
    return [
      {
        block: planUngather(this.#ledger, count, limits),
        answered: (moved) => {
          this.isHeld = moved === false && isLimited(limits)
          return moved !== false
        },
      },
    ]
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
    this.isWaiting = false
    this.#until = undefined
    this.#alarm.clear()
  }
}
