/** Looking at jobs without changing them: counts, lists, and one job with all its parts. */
import { HISTORY_ENTRIES, PAGE_KEYS } from '../core/bounds.ts'
import { type UnreadableRecord, unseal } from '../core/codec.ts'
import { nameOf } from '../core/evaluate.ts'
import { type LetterStory, readStory } from '../core/dead-letter.ts'
import { DATA, type Head, RESULT, owns } from '../core/head.ts'
import { type HistoryEntry, completionEntry, historyIds, readEntry } from '../core/history.ts'
import { readyKeyBehind } from '../core/group-keys.ts'
import {
  type Lanes,
  STATE_LANES,
  type StateLane,
  below,
  claimOfLease,
  jobIdOf,
  partId,
  throughTime,
  timeOf,
  workerOfClaim,
} from '../core/keys.ts'
import { PRIORITIZED, isPrioritized } from '../core/ready-key.ts'
import type { JobFilter, JobState } from '../core/lifecycle.ts'
import type { PayloadText } from '../core/payload.ts'
import type { Key, Span } from '../store.ts'
import { hasArrived, lookSettled } from './bulk.ts'
import { type Ledger, readHead } from './ledger.ts'

/** A job as records show it. */
export interface JobRecord {
  readonly id: string
  readonly raw: string
  /** `undefined` where it cannot be read; `problem` says why. */
  readonly head: Head | undefined
  readonly problem?: UnreadableRecord
  readonly data: PayloadText
  readonly result: PayloadText
  readonly progress: PayloadText
  readonly history: readonly HistoryEntry[]
  /** Of a dead letter that was read on its own. */
  readonly story?: LetterStory | undefined
  /** Where it is being run, by whom and since when. */
  readonly lease?: { readonly startedAt: number; readonly worker: string }
}

/** How many jobs each state holds. */
export type JobCounts = Record<JobState, number>

/** Whole lanes count in O(1) on every store; only the few suspects are told apart by time. */
export const countJobs = (ledger: Ledger): Promise<JobCounts> => lookSettled(ledger, () => countLanes(ledger))

/** Walks them, as they are a part of a lane. */
export const countPrioritized = async (ledger: Ledger): Promise<number> =>
  lookSettled(ledger, async () => {
    const counts = await ledger.store.count(await spansOf(ledger, 'prioritized'))
    return { count: counts.reduce((sum, count) => sum + count, 0) }
  }).then(({ count }) => count)

async function countLanes({ store, lanes }: Ledger): Promise<JobCounts> {
  const until = throughTime(store.now())
  const counts = await store.count([
    ...STATE_LANES.map((name) => ({ lane: lanes[name] })),
    { lane: lanes.suspect, until },
    { lane: lanes.arrive, until },
  ])
  const inLane = Object.fromEntries(STATE_LANES.map((name, at) => [name, counts[at] ?? 0])) as Record<
    StateLane,
    number
  >
  const due = counts.slice(STATE_LANES.length).reduce((sum, count) => sum + count, 0)
  const { ready, grouped, parked, arrive, penned, suspect, lease, blocked, done, dead } = inLane
  return {
    waiting: ready + grouped + parked + due,
    delayed: inLane.due + suspect + arrive + penned - due,
    active: lease,
    'waiting-children': blocked,
    completed: done,
    failed: dead,
  }
}

/** Jobs that wait; of those whose group waits for one of its own only the lane says so, not the time. */
export const spansWaiting = (lanes: Lanes, now: number): Span[] => [
  { lane: lanes.suspect, until: throughTime(now) },
  { lane: lanes.parked },
  { lane: lanes.ready },
  { lane: lanes.arrive, until: throughTime(now) },
  { lane: lanes.grouped },
]

/** Jobs that are delayed. */
export const spansDelayed = (lanes: Lanes, now: number): Span[] => [
  { lane: lanes.due },
  { lane: lanes.suspect, from: throughTime(now) },
  { lane: lanes.arrive, from: throughTime(now) },
  { lane: lanes.penned },
]

/** The lanes, or parts of them, whose keys are the jobs of a state, in the order they are listed. */
export async function spansOf(ledger: Ledger, state: JobFilter): Promise<Span[]> {
  const { store, lanes } = ledger
  const now = throughTime(store.now())
  switch (state) {
    case 'waiting':
      return spansWaiting(lanes, store.now())
    case 'prioritized':
      return [
        ...(await prioritizedByTime(ledger, lanes.suspect, now)),
        ...(await prioritizedByTime(ledger, lanes.arrive, now)),
        ...(await prioritizedBelow(ledger, lanes.parked)),
        ...(await prioritizedBelow(ledger, lanes.grouped)),
        { lane: lanes.ready, from: PRIORITIZED },
      ]
    case 'delayed':
      return spansDelayed(lanes, store.now())
    case 'active':
      return [{ lane: lanes.lease }]
    case 'waiting-children':
      return [{ lane: lanes.blocked }]
    case 'completed':
      return [{ lane: lanes.done }]
    default:
      return [{ lane: lanes.dead }]
  }
}

/** The lane is in the order of names, or groups, so there is a span for each of them, found by one look. */
async function prioritizedBelow({ store }: Ledger, lane: string): Promise<Span[]> {
  const spans: Span[] = []
  for (let from: string | undefined; ; ) {
    const [[first] = []] = await store.scan([{ lane, from, limit: 1 }])
    if (first === undefined) return spans
    const name = first.slice(0, first.indexOf('/'))
    const { until } = below(lane, name)
    spans.push({ lane, from: `${name}/${PRIORITIZED}`, until })
    from = until
  }
}

/** The lane is in the order of time, so there is a span for each run of them: of jobs of one time and one group that is one. */
async function prioritizedByTime({ store }: Ledger, lane: string, until: string): Promise<Span[]> {
  const spans: Span[] = []
  let first: string | undefined
  for (let from: string | undefined; ; ) {
    const [keys = []] = await store.scan([{ lane, from, until, limit: PAGE_KEYS }])
    for (const key of keys) {
      const isMeant = isPrioritized(readyKeyBehind(key))
      if (isMeant) first ??= key
      else if (first !== undefined) {
        spans.push({ lane, from: first, until: key })
        first = undefined
      }
    }
    if (keys.length === 0) return first === undefined ? spans : [...spans, { lane, from: first, until }]
    from = `${keys.at(-1)}!`
  }
}

/** Keys number `start` to `end` (inclusive) of the states' lanes, one lane after the other. */
export const listKeys = (
  ledger: Ledger,
  states: readonly JobFilter[],
  range: { start: number; end: number; ascending: boolean },
): Promise<Key[]> => lookSettled(ledger, () => keysOf(ledger, states, range))

async function keysOf(
  ledger: Ledger,
  states: readonly JobFilter[],
  { start, end, ascending }: { start: number; end: number; ascending: boolean },
): Promise<Key[]> {
  const spans = (await Promise.all(states.map((state) => spansOf(ledger, state)))).flat()
  const found: Key[] = []
  let skip = start
  for (const span of spans) {
    let bounds: Span = span
    while (found.length <= end - start) {
      const limit = Math.min(PAGE_KEYS * 5, skip + end - start + 1 - found.length)
      const [keys = []] = await ledger.store.scan([{ ...bounds, limit, descending: !ascending }])
      if (keys.length === 0) break
      for (const key of keys.slice(skip)) found.push([span.lane, key])
      skip = Math.max(0, skip - keys.length)
      bounds = ascending ? { ...bounds, from: `${keys.at(-1)}!` } : { ...bounds, until: keys.at(-1)! }
    }
  }
  return found
}

/** Jobs named by keys, without their history; one that is gone since is left out. */
export async function readListed(ledger: Ledger, keys: readonly Key[]): Promise<JobRecord[]> {
  const { store, lanes } = ledger
  const jobs: JobRecord[] = []
  for (let at = 0; at < keys.length; at += PAGE_KEYS) {
    const page = keys.slice(at, at + PAGE_KEYS)
    const records = await store.read(page.map(([, key]) => nameOf(key)))
    const heads = page.map(([lane, key], index) => ({
      lane,
      key,
      name: nameOf(key),
      raw: records[index],
      ...readHead(records[index]),
    }))
    const parts = heads.flatMap(({ name, head }) => (head === undefined ? [] : partIds(name, head)))
    const read = parts.length === 0 ? [] : await store.read(parts)
    const byId = new Map(parts.map((id, index) => [id, read[index]]))
    for (const { lane, key, name, raw, head, problem } of heads) {
      if (raw === undefined) continue
      const lease = lane === lanes.lease ? leaseFacts(key) : undefined
      jobs.push({ id: jobIdOf(name), raw, head, problem, history: [], lease, ...partsOf(name, head, byId) })
    }
  }
  return jobs
}

/** One job with all its parts; `undefined` where there is none. */
export async function readJob(ledger: Ledger, name: string): Promise<JobRecord | undefined> {
  const { store, lanes } = ledger
  const [raw] = await store.read([name])
  if (raw === undefined) return undefined
  const { head, problem } = readHead(raw)
  if (!(await hasArrived(ledger, name, head))) return undefined
  if (head === undefined) {
    return { id: jobIdOf(name), raw, head, problem, data: '', result: '', progress: '', history: [] }
  }
  const entries = historyIds(name, head.attemptsStarted ?? 0)
  const parts = partIds(name, head)
  if (owns(head, 'origin')) parts.push(partId('origin', name))
  const ids = [...parts, ...entries, ...(parts.length > 0 ? [name] : [])]
  const [read, [leases = []]] = await Promise.all([
    ids.length === 0 ? [] : store.read(ids),
    store.scan([{ lane: lanes.lease, from: `${head.key}/`, until: `${head.key}0`, limit: 1 }]),
  ])
  const byId = new Map(ids.map((id, index) => [id, read[index]]))
  // Its parts went with it: it was removed, or began anew, between the two reads.
  if (byId.get(name) !== raw && parts.some((id) => byId.get(id) === undefined)) return readJob(ledger, name)
  // A completion writes no entry, so its slot may still hold the one it displaced.
  const oldest = (head.attemptsStarted ?? 0) - HISTORY_ENTRIES
  const history = entries.flatMap((id) => readEntry(byId.get(id))).filter(({ attempt }) => attempt > oldest)
  const completion = completionEntry(head)
  return {
    id: jobIdOf(name),
    raw,
    head,
    ...partsOf(name, head, byId),
    story: storyIn(byId.get(partId('origin', name))),
    history: completion === undefined ? history : [...history, completion],
    lease: leases[0] === undefined ? undefined : leaseFacts(leases[0]),
  }
}

function storyIn(record: string | undefined): LetterStory | undefined {
  try {
    return record === undefined ? undefined : readStory(record)
  } catch {
    return undefined
  }
}

const PARTS = ['payload', 'result', 'progress'] as const

const partIds = (name: string, head: Head): string[] =>
  PARTS.filter((part) => owns(head, part)).map((part) => partId(part, name))

function partsOf(
  name: string,
  head: Head | undefined,
  byId: ReadonlyMap<string, string | undefined>,
): Pick<JobRecord, 'data' | 'result' | 'progress'> {
  const part = (kind: (typeof PARTS)[number]): PayloadText => {
    try {
      const record = byId.get(partId(kind, name))
      return record === undefined ? '' : unseal(record)
    } catch {
      return ''
    }
  }
  return {
    data: head?.[DATA] ?? part('payload'),
    result: head?.[RESULT] ?? part('result'),
    progress: part('progress'),
  }
}

function leaseFacts(key: string): { startedAt: number; worker: string } {
  const claim = claimOfLease(key)
  return { startedAt: timeOf(claim), worker: workerOfClaim(claim) }
}
