/**
 * Taking the jobs of groups: pointers to groups rotate, and each visit takes a few jobs of one group. A pointer is only a hint of
 * order: what may run is decided by room, in the unit that takes it. With it goes what becomes of the pointer: it stays, waits
 * for the end of a job, or leaves with the last of them.
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
import { below, claimsKey, escapePart, throughTime, timeDigits, timeOf } from '../core/keys.ts'
import { groupOfId, groupWindowLane, turnKey } from '../core/group-keys.ts'
import { NO_LIMITS, type RateLimit, windowsOf } from '../core/limits.ts'
import { HoldfastError } from '../error.ts'
import type { Change, Key, Move, Page, Place, Result, Span } from '../store.ts'
import { type ClaimPlan, type SeenConfig, settingsHold } from './claim.ts'
import { type Block, commitBlock, commitBlocks } from './commit.ts'
import type { Ledger } from './ledger.ts'
import { countedAt, isToCome, lateness, planTrim, restamp, roomOf } from './rates.ts'

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

/** Whether none of a group's jobs may run now, whatever there is room for. */
export const isStill = ({ store }: Ledger, { state }: Visit): boolean =>
  state.paused === true || (state.notBefore ?? 0) > store.now() - store.skewMs

/** The pointer of a group that may not run goes out of the way: for as long as it is paused, or told to wait. */
export function planStill({ lanes, store }: Ledger, { id, pointer, raw, state }: Visit): Block {
  const to: Key =
    state.paused === true ? [lanes.halted, id] : [lanes.turn, turnKey(state.notBefore! + store.skewMs, 0, id)]
  return [{ expect: { equal: [[id, raw]] }, remove: [[lanes.turn, pointer]], add: [to] }]
}

/** Up to `plan.limit` jobs of a group, and its pointer's way where it has no more, or all it may have. */
export function planVisit(ledger: Ledger, seen: SeenConfig, plan: ClaimPlan, visit: Visit): Block {
  const { lanes } = ledger
  const { claim, limit, until, limits = NO_LIMITS } = plan
  const { id, group, pointer, raw, state, bounds } = visit
  const at = timeOf(claim)
  const [waiting, penned, running] = [
    below(lanes.grouped, group),
    below(lanes.penned, group),
    below(lanes.lease, group),
  ]
  const room: NonNullable<Move['room']> = [
    ...(roomOf(ledger, limits, at) ?? []),
    ...(bounds.concurrency === undefined ? [] : [[running, bounds.concurrency] as const]),
    ...bounds.windows.map(({ ms, max }) => [startsOf(ledger, group, ms, at), max] as const),
  ]
  const gone = [waiting, penned, ...bounds.windows.map(({ ms }) => allStartsOf(ledger, group, ms))]
  const same: Change['expect'] = { equal: [[id, raw]] }
  return [
    { expect: settingsHold(ledger, seen) },
    { after: 0, expect: { ...same, size: bounds.strict ? [[penned, 0, 0]] : [] } },
    ...limits.windows.map((window) => planTrim(ledger, window, at, Math.max(limit, TRIM_KEYS))),
    ...bounds.windows.map(({ ms }) => planGroupTrim(ledger, group, ms, at, Math.max(limit, TRIM_KEYS))),
    {
      after: 1,
      move: {
        from: { ...waiting, limit },
        to: [
          { lane: lanes.lease, mark: claim },
          ...countedAt(ledger, limits, claim, 3),
          ...bounds.windows.map(({ ms }) => groupPlace(ledger, group, ms, claim)),
        ],
        room,
      },
      add: [[lanes.claims, claimsKey(until, claim)]],
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
const allStartsOf = ({ queue }: Ledger, group: string, ms: number): Span =>
  below(groupWindowLane(queue, ms), group)

/** Those that its window holds for a claim made `at`. */
function startsOf(ledger: Ledger, group: string, ms: number, at: number): Span {
  const all = below(groupWindowLane(ledger.queue, ms), group)
  if (lateness(ledger, ms) === 0) return all
  return { ...all, from: `${group}/${throughTime(at - ledger.store.skewMs - ms)}` }
}

const groupPlace = ({ queue }: Ledger, group: string, ms: number, claim: string): Place => ({
  lane: groupWindowLane(queue, ms),
  drop: 3,
  prefix: `${group}/${timeDigits(timeOf(claim))}/`,
  mark: claim,
})

function planGroupTrim(ledger: Ledger, group: string, ms: number, at: number, limit: number): Change {
  const lane = groupWindowLane(ledger.queue, ms)
  const until = `${group}/${throughTime(at - ledger.store.skewMs - ms - lateness(ledger, ms))}`
  return { after: 0, move: { from: { lane, from: `${group}/`, until, limit }, to: [] } }
}

/** The time in a key behind its group. */
const timeBehind = (key: string): number => timeOf(key.slice(key.indexOf('/') + 1))

/** What became of groups that gave less than they were asked for. */
export interface Postponed {
  /** Ids of those that stay as they are. */
  readonly stay: ReadonlySet<string>
  /** Somebody else has taken some of them on meanwhile. */
  readonly beaten: boolean
}

/**
 * Finds out why groups gave less than they were asked for, and has their pointers wait for it: until a window opens, until a job
 * that holds its group up is due, or until the last start is to be forgotten.
 */
export async function postpone(ledger: Ledger, visits: readonly Visit[]): Promise<Postponed> {
  const { store, lanes } = ledger
  const now = store.now()
  const looks = visits.map(({ group, bounds }) => {
    const windows = bounds.windows.map(({ ms, max }) => ({ ms, max, span: startsOf(ledger, group, ms, now) }))
    const pages: Page[] = [
      { ...below(lanes.grouped, group), limit: 1 },
      { ...below(lanes.penned, group), limit: 1 },
      ...windows.flatMap(({ ms, span }): Page[] => [
        { ...span, limit: 1 },
        { ...allStartsOf(ledger, group, ms), limit: 1, descending: true },
      ]),
    ]
    return { windows, pages }
  })
  const spans = looks.flatMap(({ windows }) => windows.map(({ span }) => span))
  const [found, sizes] = await Promise.all([
    store.scan(looks.flatMap(({ pages }) => pages)),
    spans.length === 0 ? [] : store.count(spans),
  ])
  let [page, size] = [0, 0]
  const stay = new Set<string>()
  const blocks: Block[] = []
  for (const [at, visit] of visits.entries()) {
    const { windows, pages } = looks[at]!
    const [waiting = [], penned = [], ...starts] = found.slice(page, (page += pages.length))
    let later = 0
    let restamped = false
    for (const [index, { ms, max }] of windows.entries()) {
      const [oldest, newest] = [starts[index * 2]?.[0], starts[index * 2 + 1]?.[0]]
      if (newest !== undefined && isToCome(ledger, timeBehind(newest))) {
        await restamp(ledger, allStartsOf(ledger, visit.group, ms), `${visit.group}/`)
        restamped = true
      }
      if (sizes[size++]! >= max && oldest !== undefined)
        later = Math.max(later, timeBehind(oldest) + ms + store.skewMs)
      else if (waiting.length === 0 && penned.length === 0 && newest !== undefined)
        later = Math.max(later, timeBehind(newest) + ms + store.skewMs + lateness(ledger, ms))
    }
    const held = penned[0]
    if (held !== undefined && timeBehind(held) <= now - store.skewMs) blocks.push(planRelease(ledger, visit))
    else if (held !== undefined && visit.bounds.strict)
      later = Math.max(later, timeBehind(held) + store.skewMs)
    else if (held !== undefined && waiting.length === 0)
      later = Math.max(later, timeBehind(held) + store.skewMs)
    if (restamped || later <= now) stay.add(visit.id)
    else blocks.push(planLater(ledger, visit, later))
  }
  const answers = blocks.length === 0 ? [] : await commitBlocks(store, blocks)
  return { stay, beaten: answers.some((answer) => !(answer instanceof HoldfastError) && answer[0] === false) }
}

const planLater = ({ lanes }: Ledger, { id, raw, pointer }: Visit, later: number): Block => [
  {
    expect: { equal: [[id, raw]] },
    remove: [[lanes.turn, pointer]],
    add: [[lanes.turn, turnKey(later, 0, id)]],
  },
]

/** Jobs that held their group up go back to the head of it, once they are due. */
function planRelease({ lanes, store }: Ledger, { group }: Visit): Block {
  const span = below(lanes.penned, group)
  const until = `${group}/${throughTime(store.now() - store.skewMs)}`
  return [
    {
      move: {
        from: { ...span, until, limit: TRIM_KEYS },
        to: [{ lane: lanes.grouped, drop: 2, prefix: `${group}/` }],
      },
    },
  ]
}

/** How long until the next job of a group can start, as far as rates are concerned, in ms. */
export async function waitOfGroup(
  ledger: Ledger,
  group: string,
  state: GroupState,
  limit: RateLimit | undefined,
): Promise<number> {
  const { store } = ledger
  const now = store.now()
  const windows = windowsOf([state.rateLimit ?? limit])
  let later = state.notBefore ?? 0
  for (const { ms, max } of windows) {
    const span = startsOf(ledger, escapePart(group), ms, now)
    const [[[oldest] = []], [size = 0]] = await Promise.all([
      store.scan([{ ...span, limit: 1 }]),
      store.count([span]),
    ])
    if (size >= max && oldest !== undefined) later = Math.max(later, timeBehind(oldest) + ms + store.skewMs)
  }
  return Math.max(0, later - now)
}
