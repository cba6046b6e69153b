/** How a job leaves its place, whatever ended its stay there: one change of its key, its head, and what goes with them. */
import { type Head, encodeHead } from '../core/head.ts'
import { dueKey, finishedKey, waitingKey } from '../core/keys.ts'
import type { Departure } from '../core/lifecycle.ts'
import { ownedKeys, ownedRecords } from '../core/owned.ts'
import type { Change, Key } from '../store.ts'
import type { Ledger } from './ledger.ts'

/** A job as it was read. */
export interface Seen {
  readonly name: string
  readonly raw: string
  readonly head: Head
}

/** The head record that a departure leaves; `undefined` where nothing of the job is kept. */
export const recordAfter = ({ lane, head }: Departure): string | undefined =>
  lane === 'gone' ? undefined : encodeHead(head)

/** From the place it has now. `after` is `recordAfter` of the departure, `parts` are records that come with it, and `hint` says who is to hear of it. */
export function planDeparture(
  ledger: Ledger,
  { name, raw, head }: Seen,
  from: Key,
  departure: Departure,
  after: string | undefined,
  parts: readonly (readonly [id: string, value: string])[] = NO_PARTS,
  hint?: readonly string[],
): Change {
  const expect = { equal: [[name, raw] as const] }
  if (after === undefined) {
    const remove = [from, ...ownedKeys(ledger.lanes, name, head)]
    return { expect, remove, delete: [name, ...ownedRecords(name, head)], hint }
  }
  return {
    expect,
    remove: [from],
    add: [stateKey(ledger, name, departure)],
    set: [[name, after], ...parts],
    hint,
  }
}

const NO_PARTS: readonly [] = []

function stateKey({ lanes }: Ledger, name: string, { head, lane }: Departure): Key {
  switch (lane) {
    case 'ready':
      return [lanes.ready, waitingKey(head.key, name)]
    case 'due':
      return [lanes.due, dueKey(head.runAt!, head.key, name)]
    case 'suspect':
      return [lanes.suspect, dueKey(head.runAt!, head.key, name)]
    case 'done':
      return [lanes.done, finishedKey(head.finishedOn!, name)]
    case 'dead':
      return [lanes.dead, finishedKey(head.finishedOn!, name)]
    default:
      throw new Error(`${name} is gone and has no key`)
  }
}
