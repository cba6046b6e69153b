/**
 * The reference evaluator: what a unit does to a state. Pure but for the state it is given; the memory store is
 * this function, LevelDB runs it over what it prefetched, every other store is tested against it. It knows no jobs.
 */
import { HoldfastError } from '../error.ts'
import type { Change, Key, Move, Moved, Place, Result, Span } from '../store.ts'
import { KEY_BYTES } from './bounds.ts'

/** What the evaluator asks of a state, and the only ways in which it alters one. */
export interface State {
  record(id: string): string | undefined
  has(lane: string, key: string): boolean
  /** The lowest keys of a span, at most `limit`. */
  head(span: Span, limit: number): string[]
  /** How many keys a span holds; a state may stop counting above `bound`. */
  size(span: Span, bound: number): number
  /** Sets a record, or deletes it; what it gives lets `restore` take that back. */
  put(id: string, value: string | undefined): unknown
  restore(id: string, before: unknown): void
  insert(lane: string, key: string): void
  erase(lane: string, key: string): void
  /** The number of the last append; assigned when one is made. */
  serial: number
}

/** The text after the last `/`. */
export const nameOf = (key: string): string => key.slice(key.lastIndexOf('/') + 1)

export const appendedKey = (serial: number, key: string): string =>
  `${String(serial).padStart(16, '0')}/${key}`

/** The key under which a place puts a moved key. */
export function placedKey(key: string, { drop = 0, prefix = '', mark }: Place): string {
  const name = key.lastIndexOf('/') + 1
  let start = 0
  for (let dropped = 0; dropped < drop && start < name; dropped++) start = key.indexOf('/', start) + 1
  if (mark === undefined) return prefix + key.slice(start)
  return `${prefix}${key.slice(start, name)}${mark}/${key.slice(name)}`
}

/** Judges and applies the changes of one unit in order. Throws `UNIT_INVALID`, leaving no trace, when a key added is not new. */
export function evaluate(state: State, changes: readonly Change[]): Result[] {
  const applied = new Applied(state)
  const results: Result[] = []
  try {
    for (const change of changes) results.push(step(applied, change, results))
  } catch (error) {
    applied.undo()
    throw error
  }
  return results
}

const NONE: readonly never[] = []

function step(state: Applied, change: Change, results: readonly Result[]): Result {
  const { base } = state
  const { move, remove = NONE, add = NONE, append = NONE, set = NONE } = change
  if (change.after !== undefined && results[change.after] === false) return false
  if (!holds(base, change.expect) || !allPresent(base, remove)) return false
  const taken = move === undefined ? NONE : take(base, move)
  if (move !== undefined && taken.length === 0) return false
  const moved =
    taken.length === 0 || move!.quiet === true
      ? NONE
      : taken.map((key): Moved => ({ key, record: base.record(nameOf(key)) }))

  for (const key of taken) state.erase(move!.from.lane, key)
  for (const key of remove) state.erase(key[0], key[1])
  for (const place of move?.to ?? NONE) {
    for (const key of taken) state.insert(place.lane, placedKey(key, place))
  }
  for (const key of add) state.insert(key[0], key[1])
  for (const key of append) state.insert(key[0], appendedKey(state.number(), key[1]))
  for (const record of set) state.put(record[0], record[1])
  for (const id of change.delete ?? NONE) state.put(id, undefined)
  return moved
}

function holds(state: State, expect: Change['expect']): boolean {
  if (expect === undefined) return true
  for (const id of expect.absent ?? NONE) if (state.record(id) !== undefined) return false
  for (const record of expect.equal ?? NONE) if (state.record(record[0]) !== record[1]) return false
  for (const [span, min, max] of expect.size ?? NONE) {
    const size = state.size(span, max === Infinity ? min : max + 1)
    if (size < min || size > max) return false
  }
  return allPresent(state, expect.present ?? NONE)
}

function allPresent(state: State, keys: readonly Key[]): boolean {
  for (const key of keys) if (!state.has(key[0], key[1])) return false
  return true
}

function take(state: State, { from, room = NONE }: Move): readonly string[] {
  let limit = from.limit
  for (const [span, max] of room) if (max < Infinity) limit = Math.min(limit, max - state.size(span, max))
  return limit > 0 ? state.head(from, limit) : NONE
}

type Step = 'insert' | 'erase' | 'put'

/** What a unit has done so far, so that a unit which turns out to be a bug can be taken back whole. */
class Applied {
  readonly base: State
  readonly #serial: number
  /** Three entries a step: what was done, to which lane or record, and the key, or what restores the record. */
  readonly #steps: unknown[] = []

  constructor(base: State) {
    this.base = base
    this.#serial = base.serial
  }

  insert(lane: string, key: string): void {
    if (key.length > KEY_BYTES) {
      throw new HoldfastError('UNIT_INVALID', `a key placed in lane ${lane} has more than ${KEY_BYTES} bytes`)
    }
    if (this.base.has(lane, key)) {
      throw new HoldfastError(
        'UNIT_INVALID',
        `the key ${key} is added to lane ${lane}, which holds it already`,
      )
    }
    this.base.insert(lane, key)
    this.#note('insert', lane, key)
  }

  erase(lane: string, key: string): void {
    this.base.erase(lane, key)
    this.#note('erase', lane, key)
  }

  put(id: string, value: string | undefined): void {
    this.#note('put', id, this.base.put(id, value))
  }

  number(): number {
    return ++this.base.serial
  }

  undo(): void {
    for (let at = this.#steps.length - 3; at >= 0; at -= 3) {
      const [step, name, was] = this.#steps.slice(at, at + 3) as [Step, string, unknown]
      if (step === 'put') this.base.restore(name, was)
      else if (step === 'insert') this.base.erase(name, was as string)
      else this.base.insert(name, was as string)
    }
    this.base.serial = this.#serial
  }

  #note(step: Step, name: string, was: unknown): void {
    this.#steps.push(step, name, was)
  }
}
