/**
 * Jobs whose next stall would end them, as they may take their neighbours along: each is run when nothing else runs here. Those of no
 * group have a lane of their own and are claimed once every slot is empty; those of groups come by a visit, and one is kept on lease
 * until then. A second one goes back: what is on lease here when the first ends the process is taken along.
 */
import { isSuspect } from '../core/lifecycle.ts'
import type { Grant } from '../ledger/claim.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { DueLane, type DueReport } from './due.ts'

export class Suspects {
  readonly #lane: DueLane
  readonly #maxStalledCount: number
  /** On lease, and not started. */
  #kept: Grant | undefined
  #running: Grant | undefined
  /** One that is due was refused for want of room in the queue. */
  isRefused = false

  constructor(ledger: Ledger, maxStalledCount: number, report: DueReport) {
    this.#lane = new DueLane(ledger, 'suspect', report)
    this.#maxStalledCount = maxStalledCount
  }

  start(): void {
    this.#lane.start()
  }

  /** The one that is kept, where there is one: it is to be given back. */
  stop(): readonly Grant[] {
    this.#lane.stop()
    const kept = this.#kept === undefined ? [] : [this.#kept]
    this.#kept = undefined
    return kept
  }

  /** Whether one is to be claimed, as soon as nothing runs. */
  get isDue(): boolean {
    return this.#lane.isDue
  }

  /** Whether one runs. */
  get isRunning(): boolean {
    return this.#running !== undefined
  }

  /** Whether one waits for the others to end. */
  get isAnyKept(): boolean {
    return this.#kept !== undefined
  }

  /** A claim asked for one. */
  served(): void {
    this.#lane.served()
  }

  claimed(grant: Grant): void {
    this.#running = grant
  }

  /** A slot is free again. */
  freed(grant: Grant): void {
    if (this.#running === grant) this.#running = undefined
  }

  /** Keeps one of a group's jobs that are to run alone: `others` may start, `back` are to be given back. */
  keep(grants: readonly Grant[]): { readonly others: readonly Grant[]; readonly back: readonly Grant[] } {
    const alone = grants.filter(({ head }) => head !== undefined && isSuspect(head, this.#maxStalledCount))
    if (alone.length === 0) return { others: grants, back: alone }
    const others = grants.filter((grant) => !alone.includes(grant))
    if (this.#running === undefined) this.#kept ??= alone.shift()
    return { others, back: alone }
  }

  /** The one that is kept, as nothing else runs. */
  takeKept(): Grant | undefined {
    this.#running = this.#kept
    this.#kept = undefined
    return this.#running
  }
}
