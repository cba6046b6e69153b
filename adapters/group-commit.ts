/**
 * Group commit for stores whose write has a price of its own (an fsync, a round trip). It knows what a commit call is and
 * how large one may be; neither how a group is judged nor how it is written.
 */
import { checkUnit } from '../src/core/unit.ts'
import type { Change, Result } from '../src/store.ts'
import { type Foretell, type GroupBounds, JoinedCalls, type ServeGroup } from './joined-calls.ts'

/** What became of one call of a group: its results, or the error it alone rejects with. */
export type Answer = readonly Result[] | Error

/** Judges the calls in order, makes what applied durable, and answers each. A rejection rejects them all. */
export type WriteGroup = ServeGroup<readonly Change[], readonly Result[]>

/**
 * Small enough that a thousand callers make two groups: while one is written, those the other has answered prepare their next
 * calls. Large enough that a group pays for its write.
 */
const DEFAULT_BOUNDS: GroupBounds = { operations: 1_000, bytes: 4 * 1024 * 1024 }

export class GroupCommit {
  readonly #calls: JoinedCalls<readonly Change[], readonly Result[]>

  constructor(write: WriteGroup, bounds = DEFAULT_BOUNDS, foretell?: Foretell<readonly Change[]>) {
    this.#calls = new JoinedCalls(write, bounds, foretell)
  }

  /** The results of one call once its group is written. A malformed call rejects with `UNIT_INVALID` and joins none. */
  commit(changes: readonly Change[]): Promise<readonly Result[]> {
    try {
      return this.#calls.ask(changes, checkUnit(changes))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** Groups that are under way, or about to be. */
  get underWay(): number {
    return this.#calls.underWay
  }

  /** Resolves once every call so far is answered. */
  idle(): Promise<void> {
    return this.#calls.idle()
  }
}
