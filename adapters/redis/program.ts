/**
 * Commit calls as keys and arguments of the commit script, and its reply as their results. What each step means stands at
 * the head of the script.
 */
import { HoldfastError } from '../../src/error.ts'
import type { Change, Key, Move, Moved, Result, Span } from '../../src/store.ts'
import type { Answer } from '../group-commit.ts'
import { ending, LaneKeys, lowest, type Names } from './names.ts'

/** The calls of a group: each is one unit. */
export type Calls = readonly (readonly Change[])[]

export interface Program {
  readonly keys: readonly string[]
  /** The program's words in JSON, which cost client and server a fraction of what an argument each does; then the values. */
  readonly args: readonly string[]
}

/** What is written down as steps are encoded. */
interface Draft {
  /** The script's program; places in lists begin with 1. */
  readonly words: (string | number)[]
  /** Records' values, which are opaque: arguments of their own, which steps name by their place. */
  readonly values: string[]
  readonly lanes: LaneKeys
  readonly expected: Places
}

/** A size nothing reaches. */
const NO_BOUND = 2 ** 53

/** `slot`: whose receipt it is. */
export function encodeCalls(names: Names, slot: string, calls: Calls): Program {
  const lanes = new LaneKeys(names, [names.meta, names.records, names.receipt(slot), names.number])
  const expected = placesOf(calls)
  const draft: Draft = { words: [expected.size, ...expected.keys()], values: [], lanes, expected }
  const { words, values } = draft
  for (const changes of calls) {
    const start = words.push(changes.length, 0)
    for (const change of changes) encodeChange(draft, change)
    words[start - 1] = words.length + 1
  }
  return { keys: lanes.keys, args: [JSON.stringify(words), ...values] }
}

/** Ids of records that are expected to be something, each once, and their places, which begin with 1. */
type Places = ReadonlyMap<string, number>

function placesOf(calls: Calls): Places {
  const places = new Map<string, number>()
  const note = (id: string): void => {
    if (!places.has(id)) places.set(id, places.size + 1)
  }
  for (const changes of calls) {
    for (const { expect } of changes) {
      if (expect?.absent !== undefined) for (const id of expect.absent) note(id)
      if (expect?.equal !== undefined) for (const [id] of expect.equal) note(id)
    }
  }
  return places
}

function encodeChange(draft: Draft, change: Change): void {
  const { words, values, lanes } = draft
  const { after, expect, move, set } = change
  const start = words.push(after === undefined ? 0 : after + 1, 0)
  if (expect !== undefined) encodeExpect(draft, expect)
  if (move !== undefined) encodeMove(draft, move)
  encodeKeys(draft, 'r', change.remove)
  encodeKeys(draft, 'i', change.add)
  encodeKeys(draft, 'n', change.append)
  if (set !== undefined) for (const [id, value] of set) words.push('w', id, values.push(value))
  if (change.delete !== undefined) for (const id of change.delete) words.push('d', id)
  if (change.hint !== undefined) for (const lane of change.hint) words.push('h', lanes.place(lane))
  words[start - 1] = words.length + 1
}

function encodeExpect(draft: Draft, expect: NonNullable<Change['expect']>): void {
  const { words, values, expected } = draft
  const { absent, equal, size } = expect
  const record = (id: string): number => expected.get(id)!
  encodeKeys(draft, 'p', expect.present)
  if (absent !== undefined) for (const id of absent) words.push('a', record(id))
  if (equal !== undefined) for (const [id, value] of equal) words.push('e', record(id), values.push(value))
  if (size === undefined) return
  for (const [span, min, max] of size) {
    words.push('s')
    encodeSpan(draft, span)
    words.push(count(min), count(max))
  }
}

function encodeMove(draft: Draft, { from, to, room = [], quiet = false }: Move): void {
  const { words, lanes } = draft
  const rooms = room.filter(([, max]) => max < Infinity)
  words.push('m', lanes.place(from.lane), lowest(from.from), ending(from.until))
  words.push(from.limit, quiet ? 1 : 0, rooms.length)
  for (const [span, max] of rooms) {
    encodeSpan(draft, span)
    words.push(count(max))
  }
  words.push(to.length)
  for (const { lane, drop = 0, prefix = '', mark } of to) {
    const marked = mark === undefined ? '' : `${mark}/`
    words.push(lanes.place(lane), drop, prefix, marked)
  }
}

function encodeKeys({ words, lanes }: Draft, step: string, keys: readonly Key[] | undefined): void {
  if (keys !== undefined) for (const [lane, key] of keys) words.push(step, lanes.place(lane), key)
}

/** A whole lane is told by empty bounds: its size is known without a walk. */
function encodeSpan({ words, lanes }: Draft, { lane, from, until }: Span): void {
  const isWhole = from === undefined && until === undefined
  words.push(lanes.place(lane))
  words.push(isWhole ? '' : lowest(from), isWhole ? '' : ending(until))
}

const count = (keys: number): number => (keys === Infinity ? NO_BOUND : Math.max(keys, -1))

/** What the script replied, call by call. */
export function decodeReply(reply: readonly unknown[], calls: Calls): Answer[] {
  let at = 0
  return calls.map((changes): Answer => {
    if (changes.length > 0 && isRefusal(reply[at])) {
      return new HoldfastError('UNIT_INVALID', String(reply[at++]))
    }
    return changes.map((): Result => {
      const moved = Number(reply[at++])
      if (moved < 0) return false
      if (moved === 0) return NOTHING
      return Array.from({ length: moved }, (): Moved => {
        const key = reply[at++] as string
        return { key, record: (reply[at++] as string | null) ?? undefined }
      })
    })
  })
}

const NOTHING: readonly Moved[] = []

/** Numbers may come as texts where a client is told to give them so. */
const isRefusal = (first: unknown): boolean => typeof first === 'string' && !/^-?\d+$/.test(first)
