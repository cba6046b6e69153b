/**
 * Windows that count starts: a claim puts one key per job beside its lease, forgets what has left the window, and takes no more
 * than there is room for, all in the unit of the claim.
 */
import { PAGE_KEYS, RELEASE_JOBS, TRIM_KEYS, UNIT_OPERATIONS } from '../core/bounds.ts'
import type { QueueConfig } from '../core/config.ts'
import { throughTime, timeDigits, timeOf } from '../core/keys.ts'
import { windowLane } from '../core/group-keys.ts'
import { type Limits, type RateWindow, lateOf } from '../core/limits.ts'
import type { Change, Move, Place, Span } from '../store.ts'
import type { ClaimPlan } from './claim.ts'
import { type Block, commitBlock } from './commit.ts'
import type { Ledger } from './ledger.ts'

/** By how much longer than its window a start is remembered; where one process owns the store, claims come in the order of their times. */
export const lateness = ({ store }: Ledger, ms: number): number =>
  store.epoch === undefined ? lateOf(ms) : 0

/** Whether the jobs of a claim that is answered now may not be started any more, for the sake of its rates. */
export function isTooLate({ store }: Ledger, { claim, limits, visit }: ClaimPlan): boolean {
  if (store.epoch !== undefined) return false
  const windows = [...(limits?.windows ?? []), ...(visit?.bounds.windows ?? [])]
  const age = store.now() - timeOf(claim)
  return windows.some(({ ms }) => age > lateOf(ms))
}

/** Where the windows count what a claim takes: by the moment it was made and its name, so that no two keys are the same. */
export const countedAt = ({ queue }: Ledger, { windows }: Limits, claim: string, drop: number): Place[] =>
  windows.map(({ ms }) => ({
    lane: windowLane(queue, ms),
    drop,
    prefix: `${timeDigits(timeOf(claim))}/`,
    mark: claim,
  }))

/** The starts that a window holds for a claim made `at`: by the clock of whoever was furthest ahead. */
function spanOf(ledger: Ledger, ms: number, at: number): Span {
  const lane = windowLane(ledger.queue, ms)
  // Where nothing older is remembered, the whole lane: its size is known without a look.
  if (lateness(ledger, ms) === 0) return { lane }
  return { lane, from: throughTime(at - ledger.store.skewMs - ms) }
}

/** What a claim may not exceed. */
export function roomOf(ledger: Ledger, { concurrency, windows }: Limits, at: number): Move['room'] {
  if (concurrency === undefined && windows.length === 0) return undefined
  const rates = windows.map(({ ms, max }) => [spanOf(ledger, ms, at), max] as const)
  return concurrency === undefined ? rates : [[{ lane: ledger.lanes.lease }, concurrency], ...rates]
}

/** Forgets starts that have left a window for everyone. */
export function planTrim(ledger: Ledger, { ms }: RateWindow, at: number, limit: number): Change {
  const until = throughTime(at - ledger.store.skewMs - ms - lateness(ledger, ms))
  const from = { lane: windowLane(ledger.queue, ms), until, limit }
  return { after: 0, move: { from, to: [], quiet: true } }
}

/** Starts that a claim forgets: as many as it adds, as far as what it brings back into line leaves room in the unit. */
export function trimMost({ limit, gathering }: ClaimPlan, { windows }: Limits): number {
  const others = 1 + limit * (2 + windows.length + (gathering?.back === true ? 2 : 0))
  return Math.min(Math.max(limit, TRIM_KEYS), Math.floor((UNIT_OPERATIONS - others) / windows.length))
}

/** Jobs into line, no more than could start now: what cannot is left where it is. Its last result is what was moved. */
export function planWithin(ledger: Ledger, limits: Limits, move: Move): Block {
  const at = ledger.store.now()
  const room = roomOf(ledger, limits, at)
  if (room === undefined) return [{ move }]
  const trims = limits.windows.map((window) => planTrim(ledger, window, at, TRIM_KEYS))
  return [{ expect: {} }, ...trims, { move: { ...move, room } }]
}

/** What a look at a queue with limits finds. */
export interface LimitsSeen {
  /** There are jobs that could run. */
  readonly waiting: boolean
  /** When a window that is full opens for the next start, ms since the epoch. */
  readonly opensAt: number | undefined
  /** When the last start is to be forgotten. */
  readonly emptyAt: number | undefined
}

export async function lookAtLimits(ledger: Ledger, limits: Limits): Promise<LimitsSeen> {
  const { store, lanes } = ledger
  const { windows } = limits
  const spans = windows.map(({ ms }) => spanOf(ledger, ms, store.now()))
  const [[ready = [], grouped = [], ...keys], sizes] = await Promise.all([
    store.scan([
      { lane: lanes.ready, limit: 1 },
      { lane: lanes.grouped, limit: 1 },
      ...spans.flatMap((span): [Span & { limit: 1 }, Span & { limit: 1; descending: true }] => [
        { ...span, limit: 1 },
        { lane: span.lane, limit: 1, descending: true },
      ]),
    ]),
    spans.length === 0 ? [] : store.count(spans),
  ])
  let [opensAt, emptyAt]: (number | undefined)[] = []
  for (const [at, { ms, max }] of windows.entries()) {
    const [oldest, newest] = [keys[at * 2]?.[0], keys[at * 2 + 1]?.[0]]
    if (newest !== undefined && isToCome(ledger, timeOf(newest))) {
      await restamp(ledger, { lane: windowLane(ledger.queue, ms) })
      return lookAtLimits(ledger, limits)
    }
    if (oldest !== undefined && sizes[at]! >= max)
      opensAt = Math.max(opensAt ?? 0, timeOf(oldest) + ms + store.skewMs)
    if (newest !== undefined)
      emptyAt = Math.max(emptyAt ?? 0, timeOf(newest) + ms + store.skewMs + lateness(ledger, ms))
  }
  return { waiting: ready.length + grouped.length > 0, opensAt, emptyAt }
}

/** Whether a start was counted before the clock was set back: where one process owns the store, none is of a time to come. */
export const isToCome = ({ store }: Ledger, at: number): boolean =>
  store.epoch !== undefined && at > store.now()

/** Starts of a time to come count from now on, so that nobody waits until the clock is there again. `group`: those of one group. */
export async function restamp({ store }: Ledger, { lane, until }: Span, group = ''): Promise<void> {
  const now = store.now()
  const from = { lane, from: group + throughTime(now), until, limit: RELEASE_JOBS }
  const place: Place = { lane, drop: group === '' ? 1 : 2, prefix: `${group}${timeDigits(now)}/` }
  await commitBlock(store, [{ move: { from, to: [place], quiet: true } }])
}

/** How long until the next start, in ms, where the windows of these lengths hold `max` starts or more; 0 where they do not. */
export async function waitOf(ledger: Ledger, windows: readonly RateWindow[]): Promise<number> {
  const { opensAt = 0 } = await lookAtLimits(ledger, { concurrency: undefined, windows })
  return Math.max(0, opensAt - ledger.store.now())
}

/** Forgets all starts, and wakes who waits for room. */
export async function emptyWindows(
  { store, queue, lanes }: Ledger,
  { windows = [] }: QueueConfig,
): Promise<void> {
  for (const ms of windows) {
    const from = { lane: windowLane(queue, ms), limit: PAGE_KEYS }
    const trim: Change = { move: { from, to: [], quiet: true } }
    while ((await commitBlock(store, [trim]))[0] !== false);
  }
  await commitBlock(store, [{ hint: [lanes.ready] }])
}
