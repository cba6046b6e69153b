/** Jobs of groups whose next stall would end them: on lease already, and started one by one when nothing else runs here. */
import { isSuspect } from '../core/lifecycle.ts'
import type { Grant } from '../ledger/claim.ts'

export class Alone {
  #waiting: Grant[] = []

  get isWaiting(): boolean {
    return this.#waiting.length > 0
  }

  /** Keeps those that are to run alone; gives the others. */
  keep(grants: readonly Grant[], maxStalledCount: number): readonly Grant[] {
    const alone = grants.filter(({ head }) => head !== undefined && isSuspect(head, maxStalledCount))
    if (alone.length === 0) return grants
    this.#waiting.push(...alone)
    return grants.filter((grant) => !alone.includes(grant))
  }

  take(): Grant | undefined {
    return this.#waiting.shift()
  }

  takeAll(): readonly Grant[] {
    return this.#waiting.splice(0)
  }
}
