/** A job that is to be added, and the change that adds it: with its records and keys, and what it takes in common with others. */
import { TIME_MOST } from '../core/bounds.ts'
import { refuseOption } from '../core/check.ts'
import { seal } from '../core/codec.ts'
import {
  type DeduplicationRecord,
  decodeDeduplication,
  encodeDeduplication,
  followReason,
  heldId,
  windowOf,
} from '../core/deduplication.ts'
import { DATA, type Head, encodeHead, fitsInline } from '../core/head.ts'
import {
  type IdempotencyRecord,
  decodeIdempotency,
  encodeIdempotency,
  idempotencyLapse,
  newIdempotency,
} from '../core/idempotency.ts'
import { type CheckedJobOptions, keptOptions } from '../core/job-options.ts'
import {
  type Lanes,
  blockedKey,
  escapePart,
  groupOf,
  idempotencyId,
  lapseKey,
  partId,
  timeDigits,
} from '../core/keys.ts'
import { readyKey } from '../core/ready-key.ts'
import { ownedKeys, ttlKeys } from '../core/owned.ts'
import { type Placement, laterPlace, toWait } from '../core/places.ts'
import type { PayloadText } from '../core/payload.ts'
import type { Change, Key } from '../store.ts'
import { expectedOf } from './group-room.ts'
import type { Ledger } from './ledger.ts'

/** A job that is to be added, checked. */
export interface NewJob {
  readonly name: string
  readonly data: PayloadText
  readonly options: CheckedJobOptions
  readonly id: string
  readonly ulid: string
  /** The schedule that makes it, by id. */
  readonly schedule?: string
}

/** A job that was added, or was there before. */
export interface AddedJob {
  readonly id: string
  readonly raw: string
  /** `undefined` for a job that was there before. */
  readonly head: Head | undefined
  readonly delayed: boolean
  readonly deduplicated: boolean
  /** Whether the addition changed a job that was there before, or what that has. */
  readonly changed?: boolean
  /** The deduplication id by which it was found. */
  readonly met?: string
}

/** An addition, planned. */
export interface AddPlan {
  readonly change: Change
  /** The same, behind a look that all it expects holds: a job whose lapsed key it takes may be added anew in the same unit. */
  readonly behind?: Change
  /** What brings workers to it, after it. */
  readonly visits: readonly Change[]
  readonly added: AddedJob
}

/** Where jobs go, the lanes of their queue or others in their place, and what they say of it. */
export interface Destination extends Lanes {
  /** The bulk they belong to. */
  readonly bulk?: string
  /** The job whose end they wait for, and the lease it is on. */
  readonly after?: { readonly name: string; readonly leaseKey: string }
}

/** Records, as they were read, whose place an addition takes: their time is over, or nobody has what they say. */
export interface Over {
  readonly idempotency?: string
  /** The job that the idempotency key was for, and its head as that was found not to live. */
  readonly was?: readonly [name: string, raw: string | undefined]
  readonly deduplication?: string
}

/** What an addition takes in common with others: parts of its change. */
export interface Taking {
  readonly present: Key[]
  readonly absent: string[]
  readonly equal: [id: string, value: string][]
  /** A head that is still as it was read. */
  was?: Over['was']
  readonly remove: Key[]
  readonly add: Key[]
  readonly set: [id: string, value: string][]
}

export const nothingTaken = (): Taking => ({
  present: [],
  absent: [],
  equal: [],
  remove: [],
  add: [],
  set: [],
})

/** When a job is due as it is added, and its place then. */
export function timesOf({ store }: Ledger, { options, ulid }: NewJob) {
  const now = store.now()
  const asked = options.runAt ?? now + (options.delay ?? 0)
  if (asked > TIME_MOST) refuseOption('delay', options.delay, 'a time before the year 2286')
  const dueAt = Math.max(now, asked)
  const { group } = options
  const priority = group?.priority ?? options.priority ?? 0
  const part = group && escapePart(group.id)
  const key = readyKey(priority, options.lifo ?? false, dueAt, ulid, part, options.aging)
  return { now, dueAt, key }
}

export function planAdd(ledger: Ledger, job: NewJob, to: Destination, over: Over = {}): AddPlan {
  const { name, data, options, id } = job
  const { now, dueAt, key } = timesOf(ledger, job)
  const delayed = dueAt > now || to.after !== undefined
  const record = ledger.prefix + escapePart(id)
  const inline = fitsInline(data)
  const blocked = to.after && `${followReason(to.after.name)}/${timeDigits(dueAt)}`
  const head: Head = {
    name,
    key,
    timestamp: now,
    fence: now,
    opts: keptOptions(options),
    runAt: delayed ? dueAt : undefined,
    expiresAt: options.ttl === undefined ? undefined : dueAt + options.ttl,
    bulk: to.bulk,
    schedule: job.schedule,
    heldUntil: options.deduplication && windowOf(options.deduplication, now),
    blocked,
    owns: inline ? undefined : ['payload'],
    [DATA]: inline ? data : undefined,
  }
  const raw = encodeHead(head)
  const set: (readonly [string, string])[] = [[record, raw]]
  if (!inline) set.push([partId('payload', record), seal(data)])
  const { key: place, visits } =
    blocked === undefined
      ? placeOf(to, key, record, { now, dueAt, staged: to.bulk !== undefined })
      : { key: [ledger.lanes.blocked, blockedKey(blocked, key, record)] as const, visits: [] }
  const own: Change = {
    expect: expectedOf(ledger.lanes, options, record),
    add: [place, ...ownedKeys(ledger.lanes, record, head), ...ttlKeys(ledger.lanes, record, head)],
    set,
  }
  const added: AddedJob = { id, raw, head, delayed, deduplicated: false }
  if (options.idempotencyKey === undefined && options.deduplication === undefined)
    return { change: own, visits, added }
  const taking = nothingTaken()
  takeKey(ledger, job, { job: record, born: now }, over, taking)
  takeId(ledger, record, head, over, taking)
  if (to.after !== undefined) taking.present.push([ledger.lanes.lease, to.after.leaseKey])
  const change = withTaking(own, taking)
  return taking.was === undefined
    ? { change, visits, added }
    : { change, behind: withTaking(own, { ...taking, was: undefined }), visits, added }
}

/** Where a new job goes. What is staged gets into its group with the bulk. */
function placeOf(
  lanes: Lanes,
  ready: string,
  record: string,
  { now, dueAt, staged }: { readonly now: number; readonly dueAt: number; readonly staged: boolean },
): Placement {
  if (dueAt > now) return { key: laterPlace(lanes, dueAt, ready, record), visits: [] }
  if (staged && groupOf(ready) !== undefined) return { key: laterPlace(lanes, 0, ready, record), visits: [] }
  return toWait(lanes, ready, record, now)
}

/** The idempotency key of an addition, for the job that it came to. */
export function takeKey(
  ledger: Ledger,
  job: NewJob,
  by: Pick<IdempotencyRecord, 'job' | 'born'>,
  over: Over,
  taking: Taking,
): void {
  const { idempotencyKey } = job.options
  if (idempotencyKey === undefined) return
  const { store, queue, lanes } = ledger
  const id = idempotencyId(queue, idempotencyKey)
  if (over.idempotency === undefined) taking.absent.push(id)
  else {
    const before = decodeIdempotency(over.idempotency)
    taking.equal.push([id, over.idempotency])
    taking.remove.push([lanes.lapse, idempotencyLapse(id, before)])
    taking.was = over.was
  }
  const taken = newIdempotency(by, job, store.now())
  taking.add.push([lanes.lapse, idempotencyLapse(id, taken)])
  taking.set.push([id, encodeIdempotency(taken)])
}

/** The deduplication id, for the job of this head record. */
function takeId({ lanes }: Ledger, record: string, head: Head, over: Over, taking: Taking): void {
  const { deduplication } = head.opts
  if (deduplication === undefined) return
  const id = heldId(record, deduplication)
  if (over.deduplication === undefined) taking.absent.push(id)
  else {
    taking.equal.push([id, over.deduplication])
    const until = readDeduplication(over.deduplication)?.until
    if (until !== undefined) taking.remove.push([lanes.lapse, lapseKey(until, id)])
  }
  if (head.heldUntil !== undefined) taking.add.push([lanes.lapse, lapseKey(head.heldUntil, id)])
  taking.set.push([id, encodeDeduplication({ job: record, until: head.heldUntil })])
}

/** A change that takes this too. */
export function withTaking(
  change: Change,
  { present, absent, equal, was, remove, add, set }: Taking,
): Change {
  const [name, raw] = was ?? []
  const before = change.expect
  return {
    ...change,
    expect: {
      ...before,
      present: [...(before?.present ?? []), ...present],
      absent: [
        ...(before?.absent ?? []),
        ...absent,
        ...(name !== undefined && raw === undefined ? [name] : []),
      ],
      equal: [
        ...(before?.equal ?? []),
        ...equal,
        ...(name !== undefined && raw !== undefined ? [[name, raw] as const] : []),
      ],
    },
    remove: [...(change.remove ?? []), ...remove],
    add: [...(change.add ?? []), ...add],
    set: [...(change.set ?? []), ...set],
  }
}

/** Who has an id; `undefined` where the record cannot be read, so that nobody has it. */
export function readDeduplication(record: string): DeduplicationRecord | undefined {
  try {
    return decodeDeduplication(record)
  } catch {
    return undefined
  }
}

/** One visit brings workers to all jobs of a group. */
export function visitsOf(plans: readonly AddPlan[]): readonly Change[] {
  const byGroup = new Map<string, readonly Change[]>()
  for (const { visits, added } of plans) if (visits.length > 0) byGroup.set(groupOf(added.head!.key)!, visits)
  return [...byGroup.values()].flat()
}
