/**
 * Taking the jobs of groups: pointers to groups rotate, and each visit takes a few jobs of one group. A pointer is only a hint of
 * order: what may run is decided by room, in the unit that takes it. With it goes what becomes of the pointer: it stays, waits
 * for the end of a job, or leaves with the last of them. A group whose job is to be run alone gives no other once that one is due.
 */
import { RELEASE_JOBS, TRIM_KEYS } from '../core/bounds.ts'
import { nameOf, placedKey } from '../core/evaluate.ts'
import {
  type GroupBounds,
  type GroupLimits,
  type GroupState,
  boundsOf,
  decodeGroup,
  isRemembered,
} from '../core/group.ts'
import { below, claimsKey, exactly, throughTime, timeDigits, timeOf } from '../core/keys.ts'
import { dozing, groupOfId, groupWindowLane, turnKey } from '../core/group-keys.ts'
import { NO_LIMITS } from '../core/limits.ts'
import type { Change, Key, Move, Place, Result, Span } from '../store.ts'
import { type ClaimPlan, type SeenConfig, settingsHold } from './claim.ts'
import { type Block, commitBlock } from './commit.ts'
import type { Ledger } from './ledger.ts'
import { countedAt, lateness, planTrim, roomOf } from './rates.ts'

/** A group whose turn it is. */
export interface Visit {
  /** Its record's id. */
  readonly id: string
  /** As keys have it. */
  readonly group: string
  /** Where its pointer stands now. */
  readonly pointer: string
  readonly raw: string
  readonly state: GroupState
  readonly bounds: GroupBounds
}

/** Takes the pointers whose turn it is to the end of the line. `n` rises from one rotation to the next. */
export function planRotation(
  { lanes, store }: Ledger,
  n: number,
  limit: number,
): { block: Block; place: Place } {
  const now = store.now()
  const prefix = turnKey(now, n, '')
  const place: Place = { lane: lanes.turn, drop: 1, prefix }
  return {
    block: [{ move: { from: { lane: lanes.turn, until: throughTime(now), limit }, to: [place] } }],
    place,
  }
}

/**
 * Brings the turns that are to come forward to now: of an earlier opening, whose clock may have been ahead. Groups that have to wait
 * are found to when they are visited.
 */
export async function recallTurns({ lanes, store }: Ledger): Promise<void> {
  const now = store.now()
  const from = { lane: lanes.turn, from: throughTime(now), limit: RELEASE_JOBS }
  const [[first] = []] = await store.scan([{ ...from, limit: 1 }])
  if (first === undefined) return
  const to: Place[] = [{ lane: lanes.turn, drop: 1, prefix: turnKey(now, 0, '') }]
  for (let isMore = true; isMore; ) {
    const [moved] = await commitBlock(store, [{ move: { from, to } }])
    isMore = moved !== undefined && moved !== false && moved.length === RELEASE_JOBS
  }
}

/** The groups whose pointers were moved; one whose record is gone has none any more. */
export const visitsOf = (moved: Result, place: Place, limits: GroupLimits): Visit[] =>
  moved === false
    ? []
    : moved.flatMap(({ key, record }) => {
        if (record === undefined) return []
        const id = nameOf(key)
        const state = decodeGroup(record)
        const bounds = boundsOf(state, limits)
        return [{ id, group: groupOfId(id), pointer: placedKey(key, place), raw: record, state, bounds }]
      })

/** Groups that were out of line until now come back into it. */
export const planAwake = ({ lanes, store }: Ledger, moved: Result, place: Place): Block[] =>
  moved === false
    ? []
    : moved.flatMap(({ key }) => {
        const id = dozing(nameOf(key))
        if (id === undefined) return []
        const back: Change = { remove: [[lanes.idle, id]], add: [[lanes.turn, turnKey(store.now(), 0, id)]] }
        return [[{ remove: [[lanes.turn, placedKey(key, place)]] }, { ...back, after: 0 }]]
      })

/** Whether none of a group's jobs may run now, whatever there is room for. */
export const isStill = ({ store }: Ledger, { state }: Visit): boolean =>
  state.paused === true || (state.notBefore ?? 0) > store.now() - store.skewMs

/** The pointer of a group that may not run goes out of the way: for as long as it is paused, or told to wait. */
export function planStill({ lanes, store }: Ledger, { id, pointer, raw, state }: Visit): Block {
  const to: Key =
    state.paused === true ? [lanes.halted, id] : [lanes.turn, turnKey(state.notBefore! + store.skewMs, 0, id)]
  return [{ expect: { equal: [[id, raw]] }, remove: [[lanes.turn, pointer]], add: [to] }]
}

/** Up to `plan.limit` jobs of a group, or the one that is to be run alone, and its pointer's way where it has no more, or all it may have. */
export function planVisit(ledger: Ledger, seen: SeenConfig, plan: ClaimPlan, visit: Visit): Block {
  const { lanes, store } = ledger
  const { claim, limit, until, limits = NO_LIMITS, penned: alone } = plan
  const { id, group, pointer, raw, state, bounds } = visit
  const at = timeOf(claim)
  const [waiting, penned, running] = [
    below(lanes.grouped, group),
    below(lanes.penned, group),
    below(lanes.lease, group),
  ]
  const held = bounds.strict ? penned : { ...penned, until: `${group}/${throughTime(at - store.skewMs)}` }
  const segments = alone === undefined ? 3 : 4
  const room: NonNullable<Move['room']> = [
    ...(roomOf(ledger, limits, at) ?? []),
    ...(bounds.concurrency === undefined ? [] : [[running, bounds.concurrency] as const]),
    ...bounds.windows.map(({ ms, max }) => [startsOf(ledger, group, ms, at), max] as const),
  ]
  const gone = [waiting, penned, ...bounds.windows.map(({ ms }) => allStartsOf(ledger, group, ms))]
  const same: Change['expect'] = { equal: [[id, raw]] }
  return [
    { expect: settingsHold(ledger, seen) },
    { after: 0, expect: { ...same, size: alone === undefined ? [[held, 0, 0]] : [] } },
    ...limits.windows.map((window) => planTrim(ledger, window, at, Math.max(limit, TRIM_KEYS))),
    ...bounds.windows.map(({ ms }) => planGroupTrim(ledger, group, ms, at, Math.max(limit, TRIM_KEYS))),
    {
      after: 1,
      move: {
        from: { ...(alone === undefined ? waiting : exactly(lanes.penned, alone)), limit },
        to: [
          alone === undefined
            ? { lane: lanes.lease, mark: claim }
            : { lane: lanes.lease, drop: 2, prefix: `${group}/`, mark: claim },
          ...countedAt(ledger, limits, claim, segments),
          ...bounds.windows.map(({ ms }) => groupPlace(ledger, group, ms, claim, segments)),
        ],
        room,
      },
      add: [[lanes.claims, claimsKey(until, claim)]],
      ...(alone === undefined ? {} : { hint: [lanes.suspect] }),
    },
    // Without jobs and starts to remember a group is no more; one with limits of its own is kept for its next job.
    {
      expect: { ...same, size: gone.map((span) => [span, 0, 0] as const) },
      remove: [[lanes.turn, pointer]],
      ...(isRemembered(state) ? { add: [[lanes.idle, id] as const] } : { delete: [id] }),
    },
    ...(bounds.concurrency === undefined ? [] : [planFull(ledger, visit, bounds.concurrency)]),
  ]
}

/** With the end of one of its jobs it comes back. */
const planFull = ({ lanes }: Ledger, { id, group, raw, pointer }: Visit, concurrency: number): Change => ({
  expect: { equal: [[id, raw]], size: [[below(lanes.lease, group), concurrency, Infinity]] },
  remove: [[lanes.turn, pointer]],
  add: [[lanes.full, id]],
})

/** What a visit came to. */
export interface Visited {
  /** The claim's own result. */
  readonly claimed: Result
  /** The pointer left `turn`. */
  readonly left: boolean
  /** The group itself let none start: its record changed, or it waits for one of its jobs. */
  readonly held: boolean
}

export function readVisit(answer: readonly Result[], { bounds }: Visit): Visited {
  const leaving = bounds.concurrency === undefined ? 1 : 2
  const left = answer.slice(-leaving).some((result) => result !== false)
  return { claimed: answer.at(-1 - leaving)!, left, held: answer[1] === false }
}

/** The starts of a group. */
export const allStartsOf = ({ queue }: Ledger, group: string, ms: number): Span =>
  below(groupWindowLane(queue, ms), group)

/** Those that its window holds for a claim made `at`. */
export function startsOf(ledger: Ledger, group: string, ms: number, at: number): Span {
  const all = below(groupWindowLane(ledger.queue, ms), group)
  if (lateness(ledger, ms) === 0) return all
  return { ...all, from: `${group}/${throughTime(at - ledger.store.skewMs - ms)}` }
}

const groupPlace = ({ queue }: Ledger, group: string, ms: number, claim: string, drop: number): Place => ({
  lane: groupWindowLane(queue, ms),
  drop,
  prefix: `${group}/${timeDigits(timeOf(claim))}/`,
  mark: claim,
})

function planGroupTrim(ledger: Ledger, group: string, ms: number, at: number, limit: number): Change {
  const lane = groupWindowLane(ledger.queue, ms)
  const until = `${group}/${throughTime(at - ledger.store.skewMs - ms - lateness(ledger, ms))}`
  return { after: 0, move: { from: { lane, from: `${group}/`, until, limit }, to: [], quiet: true } }
}
