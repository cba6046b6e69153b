/** Everything a store holds, read raw from its engine, and what that says of one queue's jobs. */
import { decodeHead, DATA, RESULT, owns, type Head } from '../../src/core/head.ts'
import { readStory } from '../../src/core/dead-letter.ts'
import { decodeConfig } from '../../src/core/config.ts'
import { unseal } from '../../src/core/codec.ts'
import { decodeAudit } from '../../src/core/audit.ts'
import { type GroupState, decodeGroup } from '../../src/core/group.ts'
import { decodeDeduplication } from '../../src/core/deduplication.ts'
import { decodeIdempotency } from '../../src/core/idempotency.ts'
import {
  STATE_LANES,
  type StateLane,
  claimOfLease,
  configId,
  escapePart,
  headId,
  isIdempotency,
  jobIdOf,
  partId,
  scheduleDataId,
  scheduleKeyOf,
  timeOf,
} from '../../src/core/keys.ts'
import { windowLane } from '../../src/core/group-keys.ts'
import { nameOf } from '../../src/core/evaluate.ts'
import { type Schedule, decodeSchedule } from '../../src/core/schedule.ts'
import { keptLogLines } from '../../src/core/job-options.ts'
import { RATE_MS } from './world.ts'

/** Only records and keys; what a store keeps about itself is its own. */
export interface Dump {
  readonly records: ReadonlyMap<string, string>
  readonly lanes: ReadonlyMap<string, readonly string[]>
}

/** What is counted for retention says nothing of jobs that they do not say themselves. */
const isTally = (id: string): boolean => id.startsWith('queue:') && /^queue:[^:]*:tally\./.test(id)

export const textOf = ({ records, lanes }: Dump): string =>
  JSON.stringify([
    [...records].filter(([id]) => !isTally(id)).sort(byFirst),
    [...lanes].filter(([, keys]) => keys.length > 0).sort(byFirst),
  ])

/** Whether two dumps hold the same. */
export const sameDump = (one: Dump, other: Dump): boolean =>
  sameIn(one.records, other.records, isTally, (a, b) => a === b) &&
  sameIn(one.lanes, other.lanes, (_, keys) => keys.length === 0, sameKeys)

function sameIn<Value>(
  one: ReadonlyMap<string, Value>,
  other: ReadonlyMap<string, Value>,
  passOver: (id: string, value: Value) => boolean,
  isSame: (a: Value, b: Value) => boolean,
): boolean {
  let left = 0
  for (const [id, value] of other) if (!passOver(id, value)) left++
  for (const [id, value] of one) {
    if (passOver(id, value)) continue
    const its = other.get(id)
    if (its === undefined || !isSame(value, its)) return false
    left--
  }
  return left === 0
}

const sameKeys = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((key, at) => key === other[at])

const byFirst = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number => (a < b ? -1 : 1)

/** A job as its records and its state key show it. */
export interface ShownJob {
  readonly id: string
  readonly name: string
  readonly lane: StateLane
  readonly stateKey: string
  readonly head: Head
  readonly claim: string | undefined
  readonly data: string
  readonly result: string
  readonly progress: string
  readonly logs: readonly string[]
  /** The log lines of the job that it was in another queue. */
  readonly originLogs: readonly string[]
}

/** What of a dump is one queue's. */
export interface QueueView {
  readonly queue: string
  readonly heads: ReadonlyMap<string, Head>
  readonly jobs: ReadonlyMap<string, ShownJob>
  /** Every state key of the queue. */
  readonly stateKeys: readonly { readonly lane: StateLane; readonly key: string }[]
  readonly claims: readonly {
    readonly lane: 'claims' | 'reap'
    readonly claim: string
    readonly until: number
  }[]
  readonly paused: boolean
  /** It is being removed with everything in it. */
  readonly obliterating: boolean
  readonly concurrency: number | undefined
  readonly rate: number | undefined
  /** When the starts were that its window remembers. */
  readonly starts: readonly number[]
  /** Bulks whose jobs are not in their places: they are being stored, or they are stored and some are on their way. */
  readonly bulks: readonly ShownBulk[]
  /** Records of schedules. */
  readonly schedules: ReadonlyMap<string, ShownSchedule>
  /** Idempotency keys, but for those of bulks that are being stored. */
  readonly keys: ReadonlyMap<string, ShownKey>
  /** When jobs are to be looked at which may have expired by then, as `<time>/<id>`. */
  readonly expiries: ReadonlySet<string>
  /** Lines of the audit about single jobs and pauses, as `<time> <action> <id>`. */
  readonly audit: readonly string[]
  /** Groups of which somebody said something that holds. */
  readonly groups: ReadonlyMap<string, GroupState>
  /** Deduplication ids, the same. */
  readonly ids: ReadonlyMap<string, ShownHold>
  /** Records that are the queue's by their ids. */
  readonly recordIds: readonly string[]
}

export interface ShownSchedule {
  readonly schedule: Schedule
  readonly data: string
}

const isSchedule = (id: string): boolean => id.startsWith('sched:') && id.split(':').length === 3

function scheduleOf({ records }: Dump, id: string): ShownSchedule {
  const schedule = decodeSchedule(records.get(id)!)
  return { schedule, data: schedule.data ?? unseal(records.get(scheduleDataId(id))!) }
}

/** A bulk that is being stored, where it has an entry, else one that is stored. */
export interface ShownBulk {
  readonly bulk: string
  readonly entry?: { readonly epoch: string; readonly until: number }
  readonly keys: readonly { readonly lane: 'ready' | 'due' | 'arrive'; readonly key: string }[]
  /** The idempotency keys and deduplication ids that its jobs have, where it is being stored. */
  readonly idempotencyKeys: readonly string[]
  readonly deduplicationIds: readonly { readonly id: string; readonly until: number | undefined }[]
}

/** What the record of a deduplication id says. */
export interface ShownHold {
  readonly job: string
  readonly until: number | undefined
}

/** What the record of an idempotency key says. */
export interface ShownKey {
  readonly id: string
  readonly born: number
  readonly until: number
  readonly lapsesAt: number
}

/** Heads by their records: most are looked at again and again. */
const known = new Map<string, Head>()
const KNOWN_MOST = 1000

function headOf(record: string): Head {
  let head = known.get(record)
  if (head === undefined) {
    if (known.size === KNOWN_MOST) known.clear()
    head = decodeHead(record)
    known.set(record, head)
  }
  return head
}

export function viewOf(dump: Dump, queue: string): QueueView {
  const part = escapePart(queue)
  const recordIds = [...dump.records.keys()].filter((id) => queuePartOf(id) === part)
  const allKeys = keysOf(dump, recordIds)
  const allIds = holdsOf(dump, recordIds)
  const bulks = bulksOf(dump, part, allKeys, allIds)
  const hidden = new Set(
    bulks.flatMap(({ entry, keys }) => (entry === undefined ? [] : keys.map(({ key }) => nameOf(key)))),
  )
  const heads = new Map<string, Head>()
  for (const id of recordIds) {
    if (id.split(':').length === 2 && !hidden.has(id)) heads.set(id, headOf(dump.records.get(id)!))
  }
  const stateKeys = [
    ...STATE_LANES.flatMap((lane) => (dump.lanes.get(`${lane}:${part}`) ?? []).map((key) => ({ lane, key }))),
    // What is stored counts as in its place.
    ...bulks.flatMap(({ entry, keys }) => (entry === undefined ? keys : [])),
  ]
  const jobs = new Map<string, ShownJob>()
  for (const { lane, key } of stateKeys) {
    const name = nameOf(key)
    const head = heads.get(name)
    if (head === undefined) throw new Error(`the key ${key} in ${lane} has no record`)
    jobs.set(jobIdOf(name), {
      id: jobIdOf(name),
      name,
      lane,
      stateKey: key,
      head,
      ...partsOf(dump, name, head, lane, key),
    })
  }
  const claims = (['claims', 'reap'] as const).flatMap((lane) =>
    (dump.lanes.get(`${lane}:${part}`) ?? []).map((key) => ({
      lane,
      claim: nameOf(key),
      until: timeOf(key),
    })),
  )
  const schedules = new Map(recordIds.filter(isSchedule).map((id) => [id, scheduleOf(dump, id)]))
  const staged = new Set(bulks.flatMap(({ idempotencyKeys }) => idempotencyKeys))
  const stagedIds = new Set(bulks.flatMap(({ deduplicationIds }) => deduplicationIds.map(({ id }) => id)))
  const config = decodeConfig(dump.records.get(configId(queue)))
  const { paused = false, obliterating = false, concurrency } = config
  const starts = (dump.lanes.get(windowLane(queue, RATE_MS)) ?? []).map(timeOf)
  const rate = config.rateLimit?.max
  return {
    queue,
    heads,
    jobs,
    stateKeys,
    claims,
    paused,
    obliterating,
    concurrency,
    rate,
    starts,
    bulks,
    schedules,
    keys: new Map([...allKeys].filter(([key]) => !staged.has(key))),
    expiries: new Set(
      (dump.lanes.get(`ttl:${part}`) ?? []).map((key) => `${timeOf(key)}/${jobIdOf(nameOf(key))}`),
    ),
    audit: auditOf(dump.lanes.get(`audit:${part}`) ?? []),
    groups: groupsOf(dump, recordIds),
    ids: new Map([...allIds].filter(([id]) => !stagedIds.has(id))),
    recordIds,
  }
}

function keysOf({ records }: Dump, recordIds: readonly string[]): Map<string, ShownKey> {
  const ids = recordIds.filter(isIdempotency)
  return new Map(
    ids.map((id) => {
      const { job, born, until, lapsesAt } = decodeIdempotency(records.get(id)!)
      return [idempotencyKeyOf(id), { id: jobIdOf(job), born, until, lapsesAt }]
    }),
  )
}

const idempotencyKeyOf = scheduleKeyOf

/** A mass change leaves its line behind itself, or none where it was cut off. */
const SINGLE: ReadonlySet<string> = new Set(['remove', 'retry', 'cancel', 'pause', 'resume'])

const auditOf = (keys: readonly string[]): string[] =>
  keys
    .map((key) => decodeAudit(key.slice(key.indexOf('/') + 1)))
    .filter(({ action }) => SINGLE.has(action))
    .map(({ at, action, id = '' }) => `${at} ${action} ${id}`)

function groupsOf({ records }: Dump, recordIds: readonly string[]): Map<string, GroupState> {
  const all = recordIds
    .filter((id) => id.startsWith('group:'))
    .map((id) => [scheduleKeyOf(id), decodeGroup(records.get(id)!)] as const)
  return new Map(all.filter(([, state]) => Object.keys(state).length > 0))
}

function holdsOf({ records }: Dump, recordIds: readonly string[]): Map<string, ShownHold> {
  const ids = recordIds.filter((id) => id.startsWith('dedup:'))
  return new Map(
    ids.map((id) => {
      const { job, until } = decodeDeduplication(records.get(id)!)
      return [scheduleKeyOf(id), { job: jobIdOf(job), until }]
    }),
  )
}

function bulksOf(
  { lanes, records }: Dump,
  part: string,
  known: ReadonlyMap<string, ShownKey>,
  holds: ReadonlyMap<string, ShownHold>,
): ShownBulk[] {
  const placesOf = (bulk: string): ShownBulk['keys'] =>
    (['ready', 'due', 'arrive'] as const).flatMap((lane) =>
      (lanes.get(`bulk-${lane}.${bulk}:${part}`) ?? []).map((key) => ({ lane, key })),
    )
  const staged = (lanes.get(`staged:${part}`) ?? []).map((key): ShownBulk => {
    const [epoch = '', bulk = ''] = nameOf(key).split('.')
    const keys = placesOf(bulk)
    const heads = keys
      .map((place) => nameOf(place.key))
      .map((name) => [jobIdOf(name), decodeHead(records.get(name))] as const)
    const idempotencyKeys = heads.flatMap(([id, { opts }]) => {
      const own = opts.idempotencyKey
      return own !== undefined && known.get(own)?.id === id ? [own] : []
    })
    const deduplicationIds = heads.flatMap(([id, { opts, heldUntil }]) => {
      const own = opts.deduplication?.id
      const hold = own === undefined ? undefined : holds.get(own)
      return own !== undefined && hold?.job === id && hold.until === heldUntil
        ? [{ id: own, until: heldUntil }]
        : []
    })
    return { bulk, entry: { epoch, until: timeOf(key) }, keys, idempotencyKeys, deduplicationIds }
  })
  const stored = (lanes.get(`release:${part}`) ?? []).map((bulk) => ({
    bulk,
    keys: placesOf(bulk),
    idempotencyKeys: [],
    deduplicationIds: [],
  }))
  return [...staged, ...stored]
}

/** `<queue>:<id>` has one colon; every other record a kind before it. */
export const queuePartOf = (recordId: string): string | undefined => {
  const parts = recordId.split(':')
  return parts.length === 2 ? parts[0] : parts[1]
}

function partsOf({ records }: Dump, name: string, head: Head, lane: StateLane, key: string) {
  const part = (kind: 'payload' | 'result' | 'progress'): string => {
    if (!owns(head, kind)) return ''
    const record = records.get(partId(kind, name))
    if (record === undefined) throw new Error(`${name} owns a ${kind} that is missing`)
    return unseal(record)
  }
  return {
    claim: lane === 'lease' ? claimOfLease(key) : undefined,
    data: head[DATA] ?? part('payload'),
    result: head[RESULT] ?? part('result'),
    progress: part('progress'),
    logs: logsOf(records, name, head),
    originLogs: owns(head, 'origin') ? readStory(records.get(partId('origin', name))!).logs : [],
  }
}

function logsOf(records: ReadonlyMap<string, string>, name: string, head: Head): string[] {
  const counter = records.get(partId('logs', name))
  if (counter === undefined) return []
  const [written = 0, first = 0] = unseal(counter).split(' ').map(Number)
  const most = keptLogLines(head.opts)
  const lines: string[] = []
  for (let line = Math.max(first, written - most); line < written; line++)
    lines.push(unseal(records.get(partId('log', name, line % most))!))
  return lines
}

export const headNameOf = (queue: string) => (id: string) => headId(queue, id)
