/**
 * Jobs whose next stall would end them, as they may take their neighbours along: each is run when nothing else runs here. Those of no
 * group have a lane of their own and are claimed once every slot is empty; those of groups are on lease already, and kept until then.
 */
import { isSuspect } from '../core/lifecycle.ts'
import type { Grant } from '../ledger/claim.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { DueLane, type DueReport } from './due.ts'

export class Suspects {
  readonly #lane: DueLane
  readonly #maxStalledCount: number
  /** On lease, and not started. */
  #kept: Grant[] = []
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

  /** Those that are kept: they are to be given back. */
  stop(): readonly Grant[] {
    this.#lane.stop()
    return this.#kept.splice(0)
  }

  /** Whether one is to be claimed, as soon as nothing runs. */
  get isDue(): boolean {
    return this.#lane.isDue
  }

  /** Whether one runs. */
  get isRunning(): boolean {
    return this.#running !== undefined
  }

  /** Whether some wait for the others to end. */
  get isAnyKept(): boolean {
    return this.#kept.length > 0
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

  /** Keeps those of a group's jobs that are to run alone; gives the others. */
  keep(grants: readonly Grant[]): readonly Grant[] {
    const kept = grants.filter(({ head }) => head !== undefined && isSuspect(head, this.#maxStalledCount))
    if (kept.length === 0) return grants
    this.#kept.push(...kept)
    return grants.filter((grant) => !kept.includes(grant))
  }

  /** The next of those that are kept, as nothing else runs. */
  takeKept(): Grant | undefined {
    this.#running ??= this.#kept.shift()
    return this.#running
  }
}
