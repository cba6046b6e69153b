/** What of a dump is one queue's: its jobs, its settings, and everything beside them. */
import { decodeAudit } from '../../src/core/audit.ts'
import { unseal } from '../../src/core/codec.ts'
import { decodeConfig } from '../../src/core/config.ts'
import { nameOf } from '../../src/core/evaluate.ts'
import { type GroupState, decodeGroup } from '../../src/core/group.ts'
import { windowLane } from '../../src/core/group-keys.ts'
import type { Head } from '../../src/core/head.ts'
import {
  STATE_LANES,
  type StateLane,
  configId,
  escapePart,
  jobIdOf,
  scheduleDataId,
  scheduleKeyOf,
  timeOf,
} from '../../src/core/keys.ts'
import { type Schedule, decodeSchedule } from '../../src/core/schedule.ts'
import { type Dump, queuePartOf } from './dump.ts'
import { type ShownBulk, bulksOf } from './shown-bulk.ts'
import { type ShownJob, headOf, shownJob } from './shown-job.ts'
import { type ShownHold, type ShownKey, holdsOf, keysOf } from './shown-names.ts'
import { RATE_MS } from './world.ts'

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
    jobs.set(jobIdOf(name), shownJob(dump, name, head, lane, key))
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
