/**
 * How many dead letters wait, and who is to hear that they are too many: the worker whose letter made them so, once, if it was told
 * that it is stored; and again after they were fewer.
 */
import { escapePart } from '../../src/core/keys.ts'
import type { Change, Moved, Result } from '../../src/store.ts'
import { must } from '../model/invariants.ts'
import { LETTERS, isLetter } from './letters.ts'

const WAITING = `ready:${escapePart(LETTERS)}`

/** A letter that made them too many. */
interface Passing {
  readonly by: string
  /** The process knows that it is stored. */
  isTold: boolean
}

export class DepthBook {
  readonly #most: number | undefined
  readonly #count: (what: string) => void
  /** By the change that brought the letter; those that were heard of are gone. */
  readonly #passings = new Map<Change, Passing>()
  #waiting = 0
  #passed = false

  /** `most`: how many may wait. */
  constructor(most: number | undefined, count: (what: string) => void) {
    this.#most = most
    this.#count = count
  }

  /** A change was applied. */
  note(by: string, change: Change, moved: readonly Moved[]): void {
    const { add = [], remove = [], move } = change
    const come = add.filter(([lane]) => lane === WAITING).length
    const gone = remove.filter(([lane]) => lane === WAITING).length
    const taken = move?.from.lane === WAITING ? moved.length : 0
    const before = this.#waiting
    this.#waiting += come - gone - taken
    if (this.#most === undefined || before !== this.#most || this.#waiting <= before) return
    must(
      (change.set ?? []).some(([id]) => isLetter(id)),
      `${by} lets more wait in ${WAITING}, and writes no letter`,
    )
    this.#passings.set(change, { by, isTold: false })
    this.#count(this.#passed ? 'letters too many again' : 'letters too many')
    this.#passed = true
  }

  /** A process was told what became of its changes. */
  told(changes: readonly Change[], results: readonly Result[]): void {
    changes.forEach((change, at) => {
      const passing = this.#passings.get(change)
      if (passing !== undefined && results[at] !== false) passing.isTold = true
    })
  }

  /** A worker says that they are too many. */
  heard(by: string, queue: string, depth: number): void {
    must(
      queue === LETTERS && depth === (this.#most ?? Infinity) + 1,
      `${by} says that ${depth} wait in ${queue}`,
    )
    const found = [...this.#passings].find(([, passing]) => passing.by === by && passing.isTold)
    must(found !== undefined, `${by} says that ${depth} letters wait, and made them no more`)
    this.#passings.delete(found[0])
  }

  /** A process has ended; `inOrder`: it had time to say all that it knew. */
  ended(by: string, inOrder: boolean): void {
    for (const [change, passing] of this.#passings) {
      if (passing.by !== by) continue
      must(!inOrder || !passing.isTold, `${by} made letters too many, knew it, and did not say so`)
      this.#passings.delete(change)
    }
  }
}
