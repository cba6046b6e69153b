/**
 * The reference evaluator: what a unit does to a state. Pure but for the state it is given; the memory store is
 * this function, LevelDB runs it over what it prefetched, every other store is tested against it. It knows no jobs.
 */
import { HoldfastError } from '../error.ts'
import type { Change, Move, Moved, Place, Result, Span } from '../store.ts'
import { KEY_BYTES } from './bounds.ts'

/** What the evaluator asks of a state, and the only four ways in which it alters one. */
export interface State {
  record(id: string): string | undefined
  has(lane: string, key: string): boolean
  /** The lowest keys of a span, at most `limit`. */
  head(span: Span, limit: number): string[]
  /** How many keys a span holds; a state may stop counting above `bound`. */
  size(span: Span, bound: number): number
  put(id: string, value: string | undefined): void
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

function step(state: Applied, change: Change, results: readonly Result[]): Result {
  const { base } = state
  if (change.after !== undefined && results[change.after] === false) return false
  if (!holds(base, change)) return false
  const taken = change.move === undefined ? [] : take(base, change.move)
  if (change.move !== undefined && taken.length === 0) return false
  const moved = taken.map((key): Moved => ({ key, record: base.record(nameOf(key)) }))

  for (const key of taken) state.erase(change.move!.from.lane, key)
  for (const [lane, key] of change.remove ?? []) state.erase(lane, key)
  for (const place of change.move?.to ?? []) {
    for (const key of taken) state.insert(place.lane, placedKey(key, place))
  }
  for (const [lane, key] of change.add ?? []) state.insert(lane, key)
  for (const [lane, key] of change.append ?? []) state.insert(lane, appendedKey(state.number(), key))
  for (const [id, value] of change.set ?? []) state.put(id, value)
  for (const id of change.delete ?? []) state.put(id, undefined)
  return moved
}

function holds(state: State, { expect, remove }: Change): boolean {
  return (
    (remove ?? []).every(([lane, key]) => state.has(lane, key)) &&
    (expect?.present ?? []).every(([lane, key]) => state.has(lane, key)) &&
    (expect?.absent ?? []).every((id) => state.record(id) === undefined) &&
    (expect?.equal ?? []).every(([id, value]) => state.record(id) === value) &&
    (expect?.size ?? []).every(([span, min, max]) => {
      const size = state.size(span, max === Infinity ? min : max + 1)
      return size >= min && size <= max
    })
  )
}

function take(state: State, { from, room = [] }: Move): string[] {
  let limit = from.limit
  for (const [span, max] of room) limit = Math.min(limit, max - state.size(span, max))
  return limit > 0 ? state.head(from, limit) : []
}

/** What a unit has done so far, so that a unit which turns out to be a bug can be taken back whole. */
class Applied {
  readonly base: State
  readonly #serial: number
  readonly #steps: (readonly [kind: 'insert' | 'erase' | 'put', at: string, was: string | undefined])[] = []

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
    this.#steps.push(['insert', lane, key])
  }

  erase(lane: string, key: string): void {
    this.base.erase(lane, key)
    this.#steps.push(['erase', lane, key])
  }

  put(id: string, value: string | undefined): void {
    this.#steps.push(['put', id, this.base.record(id)])
    this.base.put(id, value)
  }

  number(): number {
    return ++this.base.serial
  }

  undo(): void {
    for (const [kind, at, was] of this.#steps.toReversed()) {
      if (kind === 'put') this.base.put(at, was)
      else if (kind === 'insert') this.base.erase(at, was!)
      else this.base.insert(at, was!)
    }
    this.base.serial = this.#serial
  }
}
