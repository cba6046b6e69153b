/**
 * Finding a job and changing it from outside. An edit sends one candidate per place the job may be in, all in one
 * unit; as a job has exactly one state key, at most one applies. The place is never read first.
 */
import { type Head, RESULT, encodeHead, owns, withoutOwned } from '../core/head.ts'
import { completionEntry, encodeEntry, historyId } from '../core/history.ts'
import {
  STATE_LANES,
  below,
  blockedKey,
  exactly,
  finishedKey,
  groupOf,
  partId,
  readyKeyOfLease,
} from '../core/keys.ts'
import { restampedAs } from '../core/ready-key.ts'
import { type JobState, stateOfLane } from '../core/lifecycle.ts'
import { isDueIn, missedIn, placesInLine, roomInGroup, toWait } from '../core/places.ts'
import { handedBack, ownedKeys, ownedRecords } from '../core/owned.ts'
import { HoldfastError } from '../error.ts'
import type { Change, Key, Page } from '../store.ts'
import { type Note, noting } from './audit.ts'
import { hasArrived, reachable } from './bulk.ts'
import { type Block, commitBlock, following, replan } from './commit.ts'
import { letGroupGo } from './group.ts'
import { type Ledger, describeJob, readHead } from './ledger.ts'
import { TOO_NEW } from './set-aside.ts'

/** Where a job with this head may have its key, besides `lease`, whose keys carry a claim. */
export const placesOf = ({ lanes }: Ledger, name: string, head: Head): Key[] => [
  ...placesInLine(lanes, name, head),
  [lanes.blocked, blockedKey(TOO_NEW, head.key, name)],
  ...(head.blocked === undefined ? [] : [[lanes.blocked, blockedKey(head.blocked, head.key, name)] as const]),
]

/** Where a job has its state key, as one look shows it; a job whose head cannot be read is looked for everywhere. */
export async function placeOf(
  ledger: Ledger,
  name: string,
  head: Head | undefined,
): Promise<Key | undefined> {
  if (head === undefined) return (await keysNaming(ledger, name))[0]
  const { store, lanes } = ledger
  const places = placesOf(ledger, name, head)
  const pages: Page[] = places.map(([lane, key]) => ({ ...exactly(lane, key), limit: 1 }))
  const found = await store.scan([...pages, { ...below(lanes.lease, head.key), limit: 1 }])
  const lease = found.at(-1)?.[0]
  return lease === undefined
    ? places.find((_, index) => (found[index]?.length ?? 0) > 0)
    : [lanes.lease, lease]
}

/** The public state of a job with its key in a lane. */
export function stateIn({ lanes, store }: Ledger, lane: string, key: string): JobState {
  const named = STATE_LANES.find((name) => lanes[name] === lane)!
  return stateOfLane(named, isDueIn(named, key, store.now()))
}

/** The state of a job whose record cannot be read. */
async function walkForState(ledger: Ledger, name: string): Promise<JobState | undefined> {
  const [place] = await keysNaming(ledger, name)
  return place && stateOfLane(STATE_LANES.find((lane) => ledger.lanes[lane] === place[0])!)
}

/** A job's public state; `unknown` for a job that does not exist. */
export async function stateOf(ledger: Ledger, name: string): Promise<JobState | 'unknown'> {
  let previous: string | undefined
  return replan<JobState | 'unknown'>(async () => {
    const [raw] = await ledger.store.read([name])
    if (raw === undefined) return 'unknown'
    const { head } = readHead(raw)
    if (!(await hasArrived(ledger, name, head))) return 'unknown'
    const place = head && (await placeOf(ledger, name, head))
    const state = head === undefined ? await walkForState(ledger, name) : place && stateIn(ledger, ...place)
    // Not found: it moved between the two reads, unless the same head is seen twice and its key is nowhere.
    if (state === undefined && previous === raw) return 'unknown'
    previous = raw
    return state
  })
}

/** Removes a job and all its records; false where there is none. A running one is `JOB_STATE` unless `force`. */
export async function removeJob(ledger: Ledger, name: string, force: boolean, note?: Note): Promise<boolean> {
  return replan(async () => {
    const [raw] = await ledger.store.read([name])
    if (raw === undefined) return false
    const { head } = readHead(raw)
    if (!(await hasArrived(ledger, name, head))) return false
    const found = head === undefined ? await keysNaming(ledger, name) : placesOf(ledger, name, head)
    if (force && head !== undefined) found.push(...(await leaseOf(ledger, head, name)))
    const places = force ? found : found.filter(([lane]) => lane !== ledger.lanes.lease)
    const results = await commitBlock(ledger.store, [
      ...planRemovals(ledger, { name, raw, head }, places),
      ...noting(ledger, places.length, note),
    ])
    const gone = places.find((_, at) => results[at] !== false)
    if (gone !== undefined) {
      if (gone[0] === ledger.lanes.penned && head !== undefined) await letGroupGo(ledger, head.key)
      return true
    }
    const running = head === undefined ? found : await leaseOf(ledger, head, name)
    if (!force && running.some(([lane]) => lane === ledger.lanes.lease)) {
      throw new HoldfastError(
        'JOB_STATE',
        `job ${describeJob(ledger, name)} is being run: wait for it, or remove it with { force: true }`,
      )
    }
    return undefined
  })
}

/** The removal of a job from wherever of these places it is: a change for each of them first, then what goes with the job. */
export function planRemovals(
  ledger: Ledger,
  { name, raw, head }: { readonly name: string; readonly raw: string; readonly head: Head | undefined },
  places: readonly Key[],
): Change[] {
  const candidates = places.map(
    (key): Change => ({
      expect: { equal: [[name, raw]] },
      remove: [key],
      delete: [name],
      // Whoever runs the job is to hear of it.
      hint:
        key[0] === ledger.lanes.lease
          ? [ledger.lanes.evicted, ledger.lanes.ready]
          : missedIn(ledger.lanes, key),
    }),
  )
  // Named once for all candidates: with each of them they would not fit into one call.
  const parts: Change = {
    expect: { absent: [name] },
    remove: ownedKeys(ledger.lanes, name, head),
    delete: ownedRecords(name, head),
  }
  const lease = places.find(([lane]) => lane === ledger.lanes.lease)
  const room =
    lease === undefined ? [] : roomInGroup(ledger.lanes, readyKeyOfLease(lease[1]), name, ledger.store.now())
  const rest = [...handedBack(ledger.lanes, name, head, 'removed'), ...room].map((change) =>
    following(change, candidates.length),
  )
  return [...candidates, parts, ...rest]
}

/** Puts a finished job back in line, behind those that wait now, as a new generation. */
export async function retryJob(
  ledger: Ledger,
  name: string,
  ulid: string,
  { resetAttempts, note }: { resetAttempts: boolean; note?: Note },
): Promise<{ raw: string; head: Head }> {
  const { store } = ledger
  return replan(async () => {
    const { raw, head } = await reachable(ledger, name, (await store.read([name]))[0])
    if (head.finishedOn === undefined) {
      throw new HoldfastError(
        'JOB_STATE',
        `job ${describeJob(ledger, name)} is not finished, so there is nothing to retry`,
      )
    }
    const { block, again, encoded } = planRetry(ledger, { name, raw, head }, ulid, resetAttempts)
    const [applied] = await commitBlock(store, [...block, ...noting(ledger, 1, note)])
    return applied === false ? undefined : { raw: encoded, head: again }
  })
}

/** A finished job's way back into line. */
export function planRetry(
  { store, lanes }: Ledger,
  { name, raw, head }: { name: string; raw: string; head: Head },
  ulid: string,
  resetAttempts: boolean,
): { block: Block; again: Head; encoded: string } {
  const again = nextGeneration(head, store.now(), ulid, resetAttempts)
  const encoded = encodeHead(again)
  const completion = completionEntry(head)
  const set: [string, string][] = [[name, encoded]]
  if (completion !== undefined) set.push([historyId(name, completion.attempt), encodeEntry(completion)])
  const place = toWait(lanes, again.key, name, store.now())
  const change: Change = {
    expect: { equal: [[name, raw]] },
    remove: [[head.failedCode === undefined ? lanes.done : lanes.dead, finishedKey(head.finishedOn!, name)]],
    add: [place.key],
    set,
    delete: owns(head, 'result') ? [partId('result', name)] : [],
  }
  return { block: [change, ...place.visits.map((visit) => following(visit, 0))], again, encoded }
}

function nextGeneration(head: Head, now: number, ulid: string, resetAttempts: boolean): Head {
  return {
    ...withoutOwned(head, 'result'),
    key: restampedAs(head.key, now, ulid, groupOf(head.key)),
    generation: (head.generation ?? 0) + 1,
    attemptsMade: resetAttempts ? undefined : head.attemptsMade,
    stalledCounter: undefined,
    runAt: undefined,
    expiresAt: undefined,
    [RESULT]: undefined,
    finishedOn: undefined,
    failedCode: undefined,
    failedReason: undefined,
  }
}

/** The key of its lease, where it is being run. */
export async function leaseOf({ store, lanes }: Ledger, head: Head, name: string): Promise<Key[]> {
  const [keys = []] = await store.scan([{ ...below(lanes.lease, head.key), limit: 2 }])
  return keys.filter((key) => key.endsWith(`/${name}`)).map((key) => [lanes.lease, key] as const)
}

/** State keys that name a record which cannot be read, found by looking through all of them. */
async function keysNaming({ store, lanes }: Ledger, name: string): Promise<Key[]> {
  const found: Key[] = []
  for (const lane of STATE_LANES.map((name) => lanes[name])) {
    for (let from: string | undefined; ; ) {
      const [page = []] = await store.scan([{ lane, from, limit: 1000 }])
      if (page.length === 0) break
      from = `${page.at(-1)}!`
      for (const key of page) if (key.endsWith(`/${name}`)) found.push([lane, key])
    }
  }
  return found
}
