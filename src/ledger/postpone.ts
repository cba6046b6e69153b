/**
 * Why groups gave less than they were asked for, and what their pointers wait for: until a window opens, until a job is due that holds
 * its group up, or for the next job. Of those that are to be run alone it finds the first that may be.
 */
import { PENNED_JOBS } from '../core/bounds.ts'
import { nameOf } from '../core/evaluate.ts'
import type { GroupState } from '../core/group.ts'
import { dozeKey, readyKeyOfPenned, timeBehind, turnKey } from '../core/group-keys.ts'
import { below, escapePart, exactly } from '../core/keys.ts'
import { isSuspect } from '../core/lifecycle.ts'
import { type RateLimit, windowsOf } from '../core/limits.ts'
import { toWait } from '../core/places.ts'
import { HoldfastError } from '../error.ts'
import type { Page, Span } from '../store.ts'
import { type Block, commitBlocks, following } from './commit.ts'
import { type Ledger, readHead } from './ledger.ts'
import { isToCome, lateness, restamp } from './rates.ts'
import { type Visit, allStartsOf, startsOf } from './turns.ts'

/** How often in a window a group without jobs is looked at whose starts are to be forgotten, at most. */
const LOOKS_A_WINDOW = 8

/** A job of a group that is to be run alone, and may be now. */
export interface Lone {
  readonly visit: Visit
  /** Its key in `penned`. */
  readonly penned: string
}

/** What became of groups that gave less than they were asked for. */
export interface Postponed {
  /** Ids of those that stay as they are. */
  readonly stay: ReadonlySet<string>
  /** One of these has nothing any more, and goes with its next visit. */
  readonly ends: boolean
  /** Somebody else has taken some of them on meanwhile. */
  readonly beaten: boolean
  /** One that holds its group up until it is claimed. */
  readonly alone: Lone | undefined
}

/** What a look at a group found. */
interface Found {
  readonly isEmpty: boolean
  /** Keys of those that it waits for, the first to be due first, at most so many. */
  readonly penned: readonly string[]
  /** When the last of its windows opens that are used up. */
  readonly opensAt: number
  /** When its last start is to be forgotten. */
  readonly forgetsAt: number
  /** Starts of a time to come count from now on. */
  readonly restamped: boolean
}

/**
 * Finds out why groups gave less than they were asked for, and has their pointers wait for it: until a window opens, until a job
 * that holds its group up is due, or until the last start is to be forgotten. `maxStalledCount` says whose job is to be run alone.
 */
export async function postpone(
  ledger: Ledger,
  visits: readonly Visit[],
  maxStalledCount: number,
): Promise<Postponed> {
  const { store } = ledger
  const now = store.now()
  const found = await lookAtGroups(ledger, visits, now)
  const isDue = (key: string): boolean => timeBehind(key) <= now - store.skewMs
  const due = found.flatMap(({ penned }) => penned.filter(isDue))
  const heads = due.length === 0 ? [] : await store.read(due.map(nameOf))
  const suspects = new Set(
    due.filter((_, at) => {
      const { head } = readHead(heads[at])
      return head !== undefined && isSuspect(head, maxStalledCount)
    }),
  )
  const stay = new Set<string>()
  const blocks: Block[] = []
  let alone: Lone | undefined
  let ends = false
  for (const [at, visit] of visits.entries()) {
    const { isEmpty, penned, opensAt, forgetsAt, restamped } = found[at]!
    for (const key of penned) if (isDue(key) && !suspects.has(key)) blocks.push(planRelease(ledger, key))
    const [first] = penned
    const opens = Math.max(
      opensAt,
      first !== undefined && visit.bounds.strict ? timeBehind(first) + store.skewMs : 0,
    )
    const comes = first === undefined ? forgetsAt : timeBehind(first) + store.skewMs
    if (restamped) stay.add(visit.id)
    else if (opens > now) blocks.push(planLater(ledger, visit, opens))
    else if (isEmpty && comes > now) blocks.push(planDoze(ledger, visit, comes, first))
    else {
      stay.add(visit.id)
      if (first === undefined && isEmpty) ends = true
      if (first !== undefined && suspects.has(first)) alone ??= { visit, penned: first }
    }
  }
  const answers = blocks.length === 0 ? [] : await commitBlocks(store, blocks)
  const beaten = answers.some((answer) => !(answer instanceof HoldfastError) && answer[0] === false)
  return { stay, ends, beaten, alone }
}

async function lookAtGroups(ledger: Ledger, visits: readonly Visit[], now: number): Promise<Found[]> {
  const { store, lanes } = ledger
  const looks = visits.map(({ group, bounds }) => {
    const windows = bounds.windows.map(({ ms, max }) => ({ ms, max, span: startsOf(ledger, group, ms, now) }))
    const pages: Page[] = [
      { ...below(lanes.grouped, group), limit: 1 },
      { ...below(lanes.penned, group), limit: PENNED_JOBS },
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
  const all: Found[] = []
  for (const [at, { group }] of visits.entries()) {
    const { windows, pages } = looks[at]!
    const [waiting = [], penned = [], ...starts] = found.slice(page, (page += pages.length))
    let [opensAt, forgetsAt, restamped] = [0, 0, false]
    for (const [index, { ms, max }] of windows.entries()) {
      const [oldest, newest] = [starts[index * 2]?.[0], starts[index * 2 + 1]?.[0]]
      if (newest !== undefined && isToCome(ledger, timeBehind(newest))) {
        await restamp(ledger, allStartsOf(ledger, group, ms), `${group}/`)
        restamped = true
      }
      if (sizes[size++]! >= max && oldest !== undefined)
        opensAt = Math.max(opensAt, timeBehind(oldest) + ms + store.skewMs)
      if (newest !== undefined)
        forgetsAt = Math.max(
          forgetsAt,
          lookAfter(timeBehind(newest) + ms + store.skewMs + lateness(ledger, ms), ms),
        )
    }
    all.push({ isEmpty: waiting.length === 0, penned, opensAt, forgetsAt, restamped })
  }
  return all
}

/** When starts are to be forgotten that have left a window of so many ms: a little later, so that those of many jobs are at once. */
function lookAfter(at: number, ms: number): number {
  const step = Math.ceil(ms / LOOKS_A_WINDOW)
  return Math.ceil(at / step) * step
}

const planLater = ({ lanes }: Ledger, { id, raw, pointer }: Visit, later: number): Block => [
  {
    expect: { equal: [[id, raw]] },
    remove: [[lanes.turn, pointer]],
    add: [[lanes.turn, turnKey(later, 0, id)]],
  },
]

/** A group that has nothing to run before a moment, when `first` is due, leaves the line until then, or until another job comes. */
function planDoze(
  { lanes }: Ledger,
  { id, raw, pointer, group }: Visit,
  until: number,
  first: string | undefined,
): Block {
  const again = dozeKey(until, id)
  const penned = below(lanes.penned, group)
  const sooner: Span = { ...penned, until: first ?? penned.until }
  return [
    {
      expect: {
        equal: [[id, raw]],
        size: [
          [below(lanes.grouped, group), 0, 0],
          [sooner, 0, 0],
        ],
      },
      remove: [[lanes.turn, pointer]],
      add: [[lanes.idle, id]],
    },
    { after: 0, expect: { size: [[exactly(lanes.turn, again), 0, 0]] }, add: [[lanes.turn, again]] },
  ]
}

/** A job that held its group up goes back to the place it has there, once it is due. */
function planRelease({ lanes, store }: Ledger, key: string): Block {
  const place = toWait(lanes, readyKeyOfPenned(key), nameOf(key), store.now())
  // Others may wait to run it alone.
  return [
    { remove: [[lanes.penned, key]], add: [place.key], hint: [lanes.suspect] },
    ...place.visits.map((visit) => following(visit, 0)),
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
