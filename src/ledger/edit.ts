/**
 * Changing a job that waits: when it is due, and its place in the queue. One candidate per lane it may wait in, as in
 * `locate.ts`; data is changed wherever the job is.
 */
import { refuseAging } from '../core/aging.ts'
import { seal } from '../core/codec.ts'
import {
  DATA,
  type Head,
  type HeadDraft,
  draftOf,
  encodeHead,
  fitsInline,
  owns,
  withOwned,
  withoutOwned,
} from '../core/head.ts'
import { groupOf, partId } from '../core/keys.ts'
import { ttlKeys } from '../core/owned.ts'
import { readReadyKey, restampedAs, withPriority } from '../core/ready-key.ts'
import { laterPlace, placesDelayed, placesToRun, toWait, toWaitAlone } from '../core/places.ts'
import type { PayloadText } from '../core/payload.ts'
import { HoldfastError } from '../error.ts'
import type { Change, Key } from '../store.ts'
import { reachable } from './bulk.ts'
import { type Grant, adoptHead } from './claim.ts'
import { commitBlock, following, replan } from './commit.ts'
import { letGroupGo } from './group.ts'
import { type Ledger, describeJob } from './ledger.ts'
import { stateOf } from './locate.ts'

/** A job's head record as an edit left it. */
export interface Edited {
  readonly raw: string
  readonly head: Head
}

/** From one lane to another (or to another place of the same), with the head it has there. */
interface Candidate {
  readonly from: Key
  readonly to: Key
  /** Keys besides that one. */
  readonly also?: readonly Key[]
  readonly head: Head
  /** What brings workers to it. */
  readonly visits?: readonly Change[]
}

/**
 * Makes a delayed job due at another time; at once where that is now. It takes the place of a job that was added when it falls
 * due.
 *
 * @throws HoldfastError `JOB_NOT_FOUND`; `JOB_STATE` for a job that is not delayed.
 */
export const changeDueTime = (ledger: Ledger, name: string, ulid: string, delay: number): Promise<Edited> =>
  edit(ledger, name, 'delayed', (head) => planDueTime(ledger, { name, head }, ulid, delay))

/** The ways a delayed job may go when its delay is changed. */
export function planDueTime(
  { lanes, store }: Ledger,
  { name, head }: { name: string; head: Head },
  ulid: string,
  delay: number,
): Candidate[] {
  if (head.runAt === undefined) return []
  const dueAt = store.now() + delay
  const moved = draftOf(head)
  moved.key = restampedAs(head.key, dueAt, ulid, groupOf(head.key))
  moved.opts = { ...head.opts, delay: delay === 0 ? undefined : delay }
  // One that has begun does not expire.
  const expires = head.expiresAt !== undefined && (head.attemptsStarted ?? 0) === 0
  if (expires) moved.expiresAt = dueAt + head.opts.ttl!
  const also = expires ? ttlKeys(lanes, name, moved) : []
  const timed: HeadDraft = { ...draftOf(moved), runAt: dueAt }
  const ready: HeadDraft = { ...draftOf(moved), runAt: undefined }
  const now = toWait(lanes, moved.key, name, store.now())
  const later = laterPlace(lanes, dueAt, moved.key, name)
  // A suspect that is due waits: it is no longer delayed. And it stays one, whenever it is due; in `penned` there are others too.
  const isDue = head.runAt <= store.now()
  const isAlone = ([lane]: Key): boolean =>
    lane === lanes.suspect || (lane === lanes.penned && (head.stalledCounter ?? 0) > 0)
  const places = placesDelayed(lanes, name, head).filter((from) => !isAlone(from) || !isDue)
  return places.map((from): Candidate => {
    if (isAlone(from)) {
      const { key: to, visits } = toWaitAlone(lanes, dueAt, moved.key, name, store.now())
      return { from, to, head: timed, visits }
    }
    return delay === 0
      ? { from, to: now.key, also, head: ready, visits: now.visits }
      : { from, to: later, also, head: timed }
  })
}

/**
 * Changes the priority of a job that waits, and whether it is last in, first out there.
 *
 * @throws HoldfastError `JOB_NOT_FOUND`; `JOB_STATE` for a job that does not wait.
 */
export const changePriority = (
  ledger: Ledger,
  name: string,
  wanted: { readonly priority?: number; readonly lifo?: boolean },
): Promise<Edited> =>
  edit(ledger, name, 'waiting or delayed', (head) => {
    const { lanes } = ledger
    const was = readReadyKey(head.key)
    const changed = draftOf(head)
    const { priority = was.priority, lifo = was.lifo } = wanted
    refuseAging({ aging: was.aging, priority, lifo })
    changed.key = withPriority(head.key, priority, lifo)
    const to = placesToRun(lanes, name, changed)
    return placesToRun(lanes, name, head).map((from, at): Candidate => ({ from, to: to[at]!, head: changed }))
  })

async function edit(
  ledger: Ledger,
  name: string,
  wanted: string,
  candidatesOf: (head: Head) => readonly Candidate[],
): Promise<Edited> {
  const { store } = ledger
  return replan(async () => {
    const { raw, head } = await reachable(ledger, name, (await store.read([name]))[0])
    const candidates = candidatesOf(head)
    const encoded = candidates.map((candidate) => encodeHead(candidate.head))
    const visits = candidates.flatMap(({ visits = [] }, at) => visits.map((visit) => following(visit, at)))
    const results = await commitBlock(store, [
      ...candidates.map((candidate, at) => changeOf(name, raw, candidate, encoded[at]!)),
      ...visits,
    ])
    const at = results.slice(0, candidates.length).findIndex((result) => result !== false)
    if (at >= 0) {
      if (candidates[at]!.from[0] === ledger.lanes.penned) await letGroupGo(ledger, head.key)
      return { raw: encoded[at]!, head: candidates[at]!.head }
    }
    const [now] = await store.read([name])
    if (now !== raw) return undefined
    throw new HoldfastError(
      'JOB_STATE',
      `job ${describeJob(ledger, name)} is ${await stateOf(ledger, name)}, and not ${wanted}`,
    )
  })
}

export const changeOf = (
  name: string,
  raw: string,
  { from, to, also = [] }: Candidate,
  encoded: string,
): Change =>
  to[0] === from[0] && to[1] === from[1]
    ? { expect: { present: [from], equal: [[name, raw]] }, set: [[name, encoded]] }
    : { expect: { equal: [[name, raw]] }, remove: [from], add: [to, ...also], set: [[name, encoded]] }

/** Replaces a job's data, in whatever state it is. A handler's own is refused once its lease is lost. */
export async function changeData(
  ledger: Ledger,
  { name, grant }: { readonly name: string; readonly grant?: Grant },
  data: PayloadText,
): Promise<Edited> {
  const { store, lanes } = ledger
  const payload = partId('payload', name)
  return replan(async () => {
    const { raw, head } = await reachable(ledger, name, (await store.read([name]))[0])
    const inline = fitsInline(data)
    const changed = draftOf(inline ? withoutOwned(head, 'payload') : withOwned(head, 'payload'))
    changed[DATA] = inline ? data : undefined
    const encoded = encodeHead(changed)
    const own: [string, string] = [name, encoded]
    const [applied] = await commitBlock(store, [
      {
        expect: {
          equal: [[name, raw]],
          present: grant === undefined ? [] : [[lanes.lease, grant.leaseKey]],
        },
        set: inline ? [own] : [own, [payload, seal(data)]],
        delete: inline && owns(head, 'payload') ? [payload] : [],
      },
    ])
    if (applied !== false) {
      if (grant !== undefined) adoptHead(grant, encoded)
      return { raw: encoded, head: changed }
    }
    const [now] = await store.read([name])
    if (now === raw)
      throw new HoldfastError('LOCK_LOST', `the lease on job ${describeJob(ledger, name)} is lost`)
    return undefined
  })
}
