/**
 * Group commit for stores whose write has a price of its own (an fsync, a round trip): calls that arrive while
 * a group is being written ride in the next one. It owns the order and the size of groups; it knows neither how
 * a group is judged nor how it is written, and never splits a call.
 */
import { checkUnit, type UnitSize } from '../src/core/unit.ts'
import type { Change, Result } from '../src/store.ts'

/** What became of one call of a group: its results, or the error it alone rejects with. */
export type Answer = readonly Result[] | Error

/** Judges the calls in order, makes what applied durable, and answers each. A rejection rejects them all. */
export type WriteGroup = (calls: readonly (readonly Change[])[]) => Promise<readonly Answer[]>

/** A call that would take a group above either bound waits for the next one; a group has at least one call. */
export interface GroupBounds {
  readonly operations: number
  readonly bytes: number
}

/**
 * Small enough that a thousand callers make two groups: while one is written, those the other has answered prepare their next
 * calls. Large enough that a group pays for its write.
 */
const DEFAULT_BOUNDS: GroupBounds = { operations: 1_000, bytes: 4 * 1024 * 1024 }

/**
 * Turns of the microtask queue before a group closes. One lets all calls of a tick join; the rest lets callers
 * whose last call was just answered, and who go through a few awaits before the next, not miss this group.
 */
const JOINING_TURNS = 8

interface Call {
  readonly changes: readonly Change[]
  readonly size: UnitSize
  readonly resolve: (results: readonly Result[]) => void
  readonly reject: (error: unknown) => void
}

export class GroupCommit {
  readonly #write: WriteGroup
  readonly #bounds: GroupBounds
  #waiting: Call[] = []
  #writing: Promise<void> | undefined

  constructor(write: WriteGroup, bounds = DEFAULT_BOUNDS) {
    this.#write = write
    this.#bounds = bounds
  }

  /** The results of one call once its group is written. A malformed call rejects with `UNIT_INVALID` and joins none. */
  commit(changes: readonly Change[]): Promise<readonly Result[]> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ changes, size: checkUnit(changes), resolve, reject })
      this.#writing ??= this.#writeAll()
    })
  }

  /** Resolves once every call so far is answered. */
  async idle(): Promise<void> {
    await this.#writing
  }

  async #writeAll(): Promise<void> {
    await this.#letJoin()
    while (this.#waiting.length > 0) {
      await this.#writeOne(this.#takeGroup())
      await this.#letJoin()
    }
    this.#writing = undefined
  }

  async #letJoin(): Promise<void> {
    for (let turn = 0; turn < JOINING_TURNS; turn++) await Promise.resolve()
  }

  async #writeOne(group: readonly Call[]): Promise<void> {
    try {
      const answers = await this.#write(group.map(({ changes }) => changes))
      group.forEach(({ resolve, reject }, index) => {
        const answer = answers[index]!
        if (answer instanceof Error) reject(answer)
        else resolve(answer)
      })
    } catch (error) {
      for (const { reject } of group) reject(error)
    }
  }

  #takeGroup(): readonly Call[] {
    let operations = 0
    let bytes = 0
    let calls = 0
    for (const { size } of this.#waiting) {
      operations += size.operations
      bytes += size.bytes
      if (calls > 0 && (operations > this.#bounds.operations || bytes > this.#bounds.bytes)) break
      calls++
    }
    if (calls < this.#waiting.length) return this.#waiting.splice(0, calls)
    const group = this.#waiting
    this.#waiting = []
    return group
  }
}
