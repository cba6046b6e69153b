/**
 * Where a job has its key, by its head: the one place that knows that a job of a group waits elsewhere than others do. What
 * brings a job into its group also sees to it that the group is visited.
 */
import type { Change, Key } from '../store.ts'
import { NEW_GROUP } from './group.ts'
import type { Head } from './head.ts'
import {
  type Lanes,
  dueKey,
  finishedKey,
  gatheredKey,
  isGathered,
  groupOf,
  parkedKey,
  type StateLane,
  timeOf,
  waitingKey,
} from './keys.ts'
import { pennedKey, recordOfGroup, turnKey } from './group-keys.ts'
import type { Departure } from './lifecycle.ts'

/** A place, and what has to be done when a job comes to it. */
export interface Placement {
  readonly key: Key
  /** Each a change of its own, after the one that puts the job there. */
  readonly visits: readonly Change[]
}

const NOTHING: readonly never[] = []

/** Where a job waits that can run now. */
const waitingPlace = (lanes: Lanes, ready: string, name: string): Key => [
  groupOf(ready) === undefined ? lanes.ready : lanes.grouped,
  waitingKey(ready, name),
]

/** Where a job waits for its time. */
export const laterPlace = (lanes: Lanes, runAt: number, ready: string, name: string): Key => [
  groupOf(ready) === undefined ? lanes.due : lanes.arrive,
  dueKey(runAt, ready, name),
]

/** Into line now. */
export const toWait = (lanes: Lanes, ready: string, name: string, now: number): Placement => ({
  key: waitingPlace(lanes, ready, name),
  visits: visitGroup(lanes, ready, name, now),
})

/** Into line later, to be run alone. */
export const toWaitAlone = (
  lanes: Lanes,
  runAt: number,
  ready: string,
  name: string,
  now: number,
): Placement => ({
  key:
    groupOf(ready) === undefined
      ? [lanes.suspect, dueKey(runAt, ready, name)]
      : [lanes.penned, pennedKey(runAt, ready, name)],
  visits: visitGroup(lanes, ready, name, now),
})

/** Where the end of a lease brings a job. `strict`: its group waits for it, as any group does for one that is to be run alone. */
export function placeOfDeparture(
  lanes: Lanes,
  name: string,
  { head, lane }: Departure,
  now: number,
  strict: boolean,
): Placement {
  const ready = head.key
  switch (lane) {
    case 'ready':
      return toWait(lanes, ready, name, now)
    case 'due':
      return strict && groupOf(ready) !== undefined
        ? toWaitAlone(lanes, head.runAt!, ready, name, now)
        : { key: laterPlace(lanes, head.runAt!, ready, name), visits: NOTHING }
    case 'suspect':
      return toWaitAlone(lanes, head.runAt!, ready, name, now)
    case 'done':
    case 'dead':
      return { key: [lanes[lane], finishedKey(head.finishedOn!, name)], visits: NOTHING }
    default:
      throw new Error(`${name} is gone and has no key`)
  }
}

/** Where a job with this head may have its key, besides `lease` and `blocked`, whose keys say more. */
export function placesInLine(lanes: Lanes, name: string, head: Head): Key[] {
  const { key: ready, finishedOn, failedCode } = head
  const places: Key[] = [waitingPlace(lanes, ready, name)]
  if (groupOf(ready) === undefined) {
    places.push([lanes.parked, parkedKey(head.name, ready, name)])
    places.push([lanes.parked, gatheredKey(ready, name)])
  } else {
    places.push([lanes.arrive, dueKey(0, ready, name)])
  }
  places.push(...placesDelayed(lanes, name, head))
  if (finishedOn !== undefined)
    places.push([failedCode === undefined ? lanes.done : lanes.dead, finishedKey(finishedOn, name)])
  return places
}

/**
 * Who is to hear that a job goes from this place before it ran: where jobs gather, those who wait for more of them; where one may
 * wait to be run alone, those who claim nothing else until somebody has it.
 */
export function missedIn(lanes: Lanes, [lane, key]: Key): readonly string[] {
  if (lane === lanes.suspect || lane === lanes.penned) return [lanes.suspect]
  return lane === lanes.parked && isGathered(key) ? [lanes.ready] : NOTHING
}

/** The places of `placesInLine` from which a job is yet to run, in the same order for the same job whatever its key is. */
export const placesToRun = (lanes: Lanes, name: string, head: Head): Key[] =>
  placesInLine(lanes, name, { ...head, finishedOn: undefined })

/** Those of them that have a time. */
export function placesDelayed(lanes: Lanes, name: string, head: Head): Key[] {
  const { key: ready, runAt } = head
  if (runAt === undefined) return []
  const other: Key =
    groupOf(ready) === undefined
      ? [lanes.suspect, dueKey(runAt, ready, name)]
      : [lanes.penned, pennedKey(runAt, ready, name)]
  return [laterPlace(lanes, runAt, ready, name), other]
}

/** Whether the time of a job has come whose lane says when that is. */
export const isDueIn = (lane: StateLane, key: string, now: number): boolean =>
  (lane === 'arrive' || lane === 'suspect') && timeOf(key) <= now

/** Sees to it that the group of a job that came into line is visited, unless it waits for something else. */
function visitGroup(lanes: Lanes, ready: string, name: string, now: number): readonly Change[] {
  const group = groupOf(ready)
  if (group === undefined) return NOTHING
  const id = recordOfGroup(group, name)
  const turn: Key = [lanes.turn, turnKey(now, 0, id)]
  return [
    { expect: { absent: [id] }, set: [[id, NEW_GROUP]], add: [turn] },
    { remove: [[lanes.idle, id]], add: [turn] },
  ]
}

/** With the end of a lease its group has room again. */
export function roomInGroup(lanes: Lanes, ready: string, name: string, now: number): readonly Change[] {
  const group = groupOf(ready)
  if (group === undefined) return NOTHING
  const id = recordOfGroup(group, name)
  return [{ remove: [[lanes.full, id]], add: [[lanes.turn, turnKey(now, 0, id)]] }]
}
