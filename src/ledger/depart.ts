/** How a job leaves its place, whatever ended its stay there: one change of its key, its head, and what goes with them. */
import { letterOf } from '../core/dead-letter.ts'
import { type Head, encodeHead, owns } from '../core/head.ts'
import type { HistoryEntry } from '../core/history.ts'
import { partId, waitingKey } from '../core/keys.ts'
import type { Departure } from '../core/lifecycle.ts'
import { handedBack, ownedKeys, ownedRecords } from '../core/owned.ts'
import { placeOfDeparture } from '../core/places.ts'
import type { Change, Key } from '../store.ts'
import { following } from './commit.ts'
import { type Ledger, openLedger, readHead } from './ledger.ts'
import type { Material } from './material.ts'

/** A job as it was read. */
export interface Seen {
  readonly name: string
  readonly raw: string
  readonly head: Head
}

/** In what way leases are ended. */
export interface Manner {
  /** Who is to hear of it. */
  readonly hint?: readonly string[] | undefined
  /** A job that is to be tried again holds its group up. */
  readonly strict?: boolean | undefined
}

/** The head record that a departure leaves; `undefined` where nothing of the job is kept under its id. */
export const recordAfter = ({ lane, head }: Departure): string | undefined =>
  lane === 'gone' || lane === 'moved' ? undefined : encodeHead(head)

/** From the place it has now. `after` is `recordAfter` of the departure, `parts` are records that come with it. */
export function planDeparture(
  ledger: Ledger,
  { name, raw, head }: Seen,
  from: Key,
  departure: Departure,
  after: string | undefined,
  parts: readonly (readonly [id: string, value: string])[] = NO_PARTS,
  { hint, strict = false }: Manner = {},
): Change {
  const expect = { equal: [[name, raw] as const] }
  if (after === undefined) {
    const remove = [from, ...ownedKeys(ledger.lanes, name, head)]
    return { expect, remove, delete: [name, ...ownedRecords(name, head)], hint }
  }
  return {
    expect,
    remove: [from],
    add: [placeOfDeparture(ledger.lanes, name, departure, ledger.store.now(), strict).key],
    set: [[name, after], ...parts],
    hint,
  }
}

const NO_PARTS: readonly [] = []

/** How full the dead letters may get before somebody is to hear of it. */
export interface Depth {
  readonly queue: string
  readonly depth: number
}

/** A move to the dead letters. */
interface Move {
  readonly changes: readonly [Change, ...Change[]]
  /** What the second change, where there is one, stands for: it applies only where this very letter makes them so many. */
  readonly depth?: Depth | undefined
}

/**
 * A job becomes a letter in another queue: one change takes it from here, brings it there, and displaces an older job of that id.
 * `last` is the entry of the lease that ended just now, where one did.
 */
export function planMove(
  ledger: Ledger,
  { name, raw, head }: Seen,
  from: Key,
  ended: Head,
  { records, displaced }: Material,
  last: HistoryEntry | undefined,
  hint: readonly string[] = [],
): Move {
  const { queue, maxDepth } = ended.opts.deadLetter!
  const letter = letterOf(name, ended, records, last)
  const { lanes } = openLedger(ledger.store, queue)
  const older = records.get(letter.name)
  const olderHead = older === undefined ? undefined : readHead(older).head
  const set: (readonly [string, string])[] = [[letter.name, encodeHead(letter.head)], ...letter.parts]
  const written = new Set(set.map(([id]) => id))
  const remove: Key[] = [from, ...ownedKeys(ledger.lanes, name, head)]
  if (displaced !== undefined) remove.push(displaced, ...ownedKeys(lanes, letter.name, olderHead))
  const leftOver = displaced === undefined ? [] : ownedRecords(letter.name, olderHead)
  const counter = partId('logs', name)
  const seen: [string, string][] = [[name, raw]]
  const absent: string[] = []
  // What is told of the job is what there is when it moves.
  for (const id of owns(head, 'logs') ? [counter, letter.name] : [letter.name]) {
    const record = records.get(id)
    if (record === undefined) absent.push(id)
    else seen.push([id, record])
  }
  const move: Change = {
    expect: { equal: seen, absent },
    remove,
    add: [
      [lanes.ready, waitingKey(letter.head.key, letter.name)],
      ...ownedKeys(lanes, letter.name, letter.head),
    ],
    set,
    delete: [name, ...ownedRecords(name, head), ...leftOver.filter((id) => !written.has(id))],
    hint: displaced?.[0] === lanes.lease ? [...hint, lanes.evicted] : hint,
  }
  if (displaced !== undefined) {
    const back = handedBack(lanes, letter.name, olderHead, 'removed')
    return { changes: [move, ...back.map((change) => following(change, 0))] }
  }
  if (maxDepth === undefined) return { changes: [move] }
  const depth = maxDepth + 1
  const passes: Change = { after: 0, expect: { size: [[{ lane: lanes.ready }, depth, depth]] } }
  return { changes: [move, passes], depth: { queue, depth } }
}
