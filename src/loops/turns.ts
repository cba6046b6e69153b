/** Whose turn it is: when groups are to be visited, and how many jobs each visit may take. */
import { VISITS_MOST, VISIT_JOBS } from '../core/bounds.ts'
import type { GroupLimits } from '../core/group.ts'
import type { Block } from '../ledger/commit.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { type Visit, planRotation, visitsOf } from '../ledger/turns.ts'
import type { Place, Result } from '../store.ts'
import { DueLane, type DueReport } from './due.ts'

/** Milliseconds for which one who came too late leaves the groups to others, at most. */
const REST_MS = 50

/** Pointers that are being taken to the end of the line. */
export interface Rotation {
  readonly block: Block
  readonly place: Place
  readonly limit: number
}

/** How many jobs a visit may take. */
export interface Share {
  readonly visit: Visit
  readonly limit: number
}

export class Turns {
  readonly #ledger: Ledger
  readonly #limits: GroupLimits
  readonly #due: DueLane
  readonly #wake: () => void
  #rotations = 0
  /** The limits of the queue let none of them start. */
  #waits = false
  /** Ends the time for which others are left alone with the groups. */
  #endRest: (() => void) | undefined

  constructor(ledger: Ledger, limits: GroupLimits, report: DueReport) {
    this.#ledger = ledger
    this.#limits = limits
    this.#due = new DueLane(ledger, 'turn', report)
    this.#wake = report.due
  }

  start(): void {
    this.#due.start()
  }

  stop(): void {
    this.#due.stop()
    this.#endRest?.()
    this.#endRest = undefined
  }

  /** Whether a group is to be visited. */
  get isDue(): boolean {
    return this.#due.isDue && !this.#waits && this.#endRest === undefined
  }

  /** Whether no group has a turn, now or later. */
  get isOver(): boolean {
    return this.#due.isEmpty && !this.#due.isDue
  }

  /** A visit may get what the last ones did not. */
  hint(): void {
    this.#waits = false
  }

  rotate(slots: number): Rotation {
    const limit = Math.min(slots, VISITS_MOST)
    return { ...planRotation(this.#ledger, ++this.#rotations, limit), limit }
  }

  visits({ place }: Rotation, moved: Result): Visit[] {
    return visitsOf(moved, place, this.#limits)
  }

  /**
   * Each group as many as it weighs; where all whose turn it is are here, they share all slots. `all`: the pointers that were
   * moved.
   */
  share(visits: readonly Visit[], { limit }: Rotation, all: number, slots: number): Share[] {
    const weight = visits.reduce((sum, { bounds }) => sum + bounds.weight, 0)
    const rounds = all < limit ? Math.max(1, Math.floor(slots / Math.max(1, weight))) : 1
    let left = slots
    let spare = all < limit ? Math.max(0, slots - rounds * weight) : 0
    const shares: Share[] = []
    for (const visit of visits) {
      const wanted = Math.min(visit.bounds.weight * rounds + spare, VISIT_JOBS, left)
      spare = 0
      if (wanted > 0) shares.push({ visit, limit: wanted })
      left -= wanted
    }
    return shares
  }

  /** `left`: some that were visited have their turn again. `isAll`: no others had theirs. `waits`: the queue's limits let none start. */
  visited({ left, isAll, waits }: { left: boolean; isAll: boolean; waits: boolean }): void {
    this.#waits = waits
    if (!left && isAll) this.#due.served()
  }

  /** Groups that had nothing for this worker are visited by others too, who want to have them wait: whoever came too late keeps out of their way for a moment. */
  rest(): void {
    const { host } = this.#ledger.store
    this.#endRest ??= host.timer(host.random() * REST_MS, () => {
      this.#endRest = undefined
      this.#wake()
    })
  }
}
