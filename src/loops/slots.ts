/** The slots of a worker: who has one, and what waits for one. Each is taken by a job, or by the jobs of a batch together. */
import pLimit, { type LimitFunction } from 'p-limit'
import type { Grant } from '../ledger/claim.ts'

/** The same as a claim sees it: counted in jobs. */
export interface Room {
  /** Jobs that may run. */
  readonly all: number
  /** Jobs that do; a batch counts as a full one. */
  readonly busy: number
  /** Jobs of one slot. */
  readonly grain: number
}

export class Slots {
  readonly #limit: LimitFunction
  readonly #grain: number
  /** In jobs, from the grant on. */
  #busy = 0
  /** Where jobs share a slot, how many of its jobs still have it. */
  readonly #sharers = new Map<Grant, { left: number }>()

  constructor(concurrency: number, grain: number) {
    this.#limit = pLimit(concurrency)
    this.#grain = grain
  }

  get concurrency(): number {
    return this.#limit.concurrency
  }

  set concurrency(concurrency: number) {
    this.#limit.concurrency = concurrency
  }

  get room(): Room {
    return { all: this.#limit.concurrency * this.#grain, busy: this.#busy, grain: this.#grain }
  }

  /** Whether nothing has a slot. */
  get isIdle(): boolean {
    return this.#busy === 0
  }

  take(grants: readonly Grant[]): void {
    if (this.#grain === 1) {
      this.#busy += grants.length
      return
    }
    let share = { left: 0 }
    for (const [at, grant] of grants.entries()) {
      if (at % this.#grain === 0) {
        share = { left: 0 }
        this.#busy += this.#grain
      }
      share.left++
      this.#sharers.set(grant, share)
    }
  }

  free(grant: Grant): void {
    const share = this.#grain === 1 ? undefined : this.#sharers.get(grant)
    if (share === undefined) {
      this.#busy--
      return
    }
    this.#sharers.delete(grant)
    if (--share.left === 0) this.#busy -= this.#grain
  }

  /** Runs handlers one for each slot; what is too much waits. */
  run(work: () => Promise<void>): void {
    void this.#limit(work)
  }
}
