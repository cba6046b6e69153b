/**
 * Jobs whose next stall would end them, as they may take their neighbours along. They wait where no other claim takes them: in a lane
 * of their own or, in a group, where its visits find them and leave them. Each is claimed by itself, once nothing runs here and the
 * end of everything is stored; so that it comes to that, nothing else is claimed from when one is due until somebody has it.
 */
import { exactly } from '../core/keys.ts'
import type { Grant } from '../ledger/claim.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Lone } from '../ledger/postpone.ts'
import { DueLane, type DueReport } from './due.ts'
import { Patrol } from './patrol.ts'

export class Suspects {
  /** One that is due was refused for want of room in the queue. */
  isRefused = false
  /** A claim of one is under way; by the look of its lane there may be none any more. */
  isClaimed = false
  readonly #ledger: Ledger
  readonly #lane: DueLane
  /** Finds out whether somebody else has the one of a group. */
  readonly #patrol: Patrol
  readonly #due: () => void
  #inGroup: Lone | undefined
  /** The one that has been claimed, until its end is stored. */
  #running: Grant | undefined
  #isFreed = false

  constructor(ledger: Ledger, { due, error }: DueReport) {
    this.#ledger = ledger
    this.#due = due
    this.#lane = new DueLane(ledger, 'suspect', { due, over: () => this.#over(), error })
    this.#patrol = new Patrol(ledger.store, () => this.#look(), error)
  }

  start(): void {
    this.#lane.start()
    // Whoever claims one names this lane, whether it was of a group or not.
    this.#patrol.start([this.#ledger.lanes.suspect])
  }

  stop(): void {
    this.#lane.stop()
    void this.#patrol.stop()
    this.#inGroup = undefined
  }

  /** Whether one is to be claimed, as soon as nothing runs. */
  get isDue(): boolean {
    return this.#lane.isDue || this.#inGroup !== undefined
  }

  /** Whether one runs, or comes to, or its end is not stored yet: a neighbour that ends the process would have it stall. */
  get isRunning(): boolean {
    return this.isClaimed || this.#running !== undefined
  }

  /** The one of a group that is due, where there is one. */
  get inGroup(): Lone | undefined {
    return this.#inGroup
  }

  /** A visit found one. Somebody else may have it by now, and have said so before this worker waited for it. */
  found(lone: Lone | undefined): void {
    if (lone === undefined || this.#inGroup !== undefined || !this.#patrol.isOpen) return
    this.#inGroup = lone
    this.#patrol.look()
  }

  /** A claim asked for one. `refused`: the queue may have had no room for it; then the next hint is waited for. */
  served(refused: boolean): void {
    this.isRefused = refused
    if (refused) {
      this.#lane.look()
      this.#patrol.look()
    } else if (this.#inGroup === undefined) this.#lane.served()
    // Where it is due all the same, the next visit finds it.
    else this.#inGroup = undefined
  }

  claimed(grant: Grant): void {
    this.#running = grant
    this.#isFreed = false
  }

  /** A slot is free again. */
  freed(grant: Grant): void {
    if (this.#running === grant) this.#isFreed = true
  }

  /** The end of everything is stored. */
  settled(): void {
    if (this.#isFreed) this.#running = undefined
  }

  async #look(): Promise<void> {
    const lone = this.#inGroup
    if (lone === undefined) return
    const { store, lanes } = this.#ledger
    const [keys = []] = await store.scan([{ ...exactly(lanes.penned, lone.penned), limit: 1 }])
    if (keys.length > 0 || this.#inGroup !== lone) return
    this.#inGroup = undefined
    this.#over()
  }

  /** Somebody else has it: others may be claimed again. */
  #over(): void {
    this.isRefused = false
    this.#due()
  }
}
