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
  readonly args: string[]
}

/** Where the serial stands among the arguments; it is filled in when the call is sent. */
export const SERIAL_ARGUMENT = 1
const EXPECTED_ARGUMENT = 3

/** A size nothing reaches. */
const NO_BOUND = '9007199254740992'

interface Caller {
  readonly names: Names
  readonly namespaceId: string
  readonly slot: string
  readonly receiptMs: number
}

export function encodeCalls({ names, namespaceId, slot, receiptMs }: Caller, calls: Calls): Program {
  const lanes = new LaneKeys(names, [names.meta, names.records, names.receipt(slot), names.number])
  const args = [namespaceId, '', String(receiptMs), '']
  const expected = placesOf(calls)
  for (const id of expected.keys()) args.push(id)
  args[EXPECTED_ARGUMENT] = String(expected.size)
  for (const changes of calls) {
    const start = args.push(String(changes.length), '')
    for (const change of changes) encodeChange(args, lanes, expected, change)
    args[start - 1] = String(args.length + 1)
  }
  return { keys: lanes.keys, args }
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

function encodeChange(args: string[], lanes: LaneKeys, expected: Places, change: Change): void {
  const { after, expect, move, set } = change
  const start = args.push(after === undefined ? '' : String(after + 1), '')
  if (expect !== undefined) encodeExpect(args, lanes, expected, expect)
  if (move !== undefined) encodeMove(args, lanes, move)
  encodeKeys(args, lanes, 'r', change.remove)
  encodeKeys(args, lanes, 'i', change.add)
  encodeKeys(args, lanes, 'n', change.append)
  if (set !== undefined) for (const [id, value] of set) args.push('w', id, value)
  if (change.delete !== undefined) for (const id of change.delete) args.push('d', id)
  if (change.hint !== undefined) for (const lane of change.hint) args.push('h', lanes.place(lane))
  args[start - 1] = String(args.length + 1)
}

function encodeExpect(
  args: string[],
  lanes: LaneKeys,
  expected: Places,
  expect: NonNullable<Change['expect']>,
): void {
  const { absent, equal, size } = expect
  encodeKeys(args, lanes, 'p', expect.present)
  if (absent !== undefined) for (const id of absent) args.push('a', String(expected.get(id)))
  if (equal !== undefined) for (const [id, value] of equal) args.push('e', String(expected.get(id)), value)
  if (size === undefined) return
  for (const [span, min, max] of size) {
    args.push('s')
    encodeSpan(args, lanes, span)
    args.push(count(min), count(max))
  }
}

function encodeMove(args: string[], lanes: LaneKeys, { from, to, room = [] }: Move): void {
  const rooms = room.filter(([, max]) => max < Infinity)
  args.push('m', lanes.place(from.lane), lowest(from.from), ending(from.until), String(from.limit))
  args.push(String(rooms.length))
  for (const [span, max] of rooms) {
    encodeSpan(args, lanes, span)
    args.push(count(max))
  }
  args.push(String(to.length))
  for (const { lane, drop = 0, prefix = '', mark } of to) {
    args.push(lanes.place(lane), String(drop), prefix, mark === undefined ? '' : `${mark}/`)
  }
}

function encodeKeys(args: string[], lanes: LaneKeys, step: string, keys: readonly Key[] | undefined): void {
  if (keys !== undefined) for (const [lane, key] of keys) args.push(step, lanes.place(lane), key)
}

/** A whole lane is told by empty bounds: its size is known without a walk. */
function encodeSpan(args: string[], lanes: LaneKeys, { lane, from, until }: Span): void {
  if (from === undefined && until === undefined) args.push(lanes.place(lane), '', '')
  else args.push(lanes.place(lane), lowest(from), ending(until))
}

const count = (keys: number): string => (keys === Infinity ? NO_BOUND : String(Math.max(keys, -1)))

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
