/** Adding jobs that fit one unit: it is atomic, and an id that exists gives the job that has it. */
import { TIME_MOST, UNIT_BYTES, UNIT_OPERATIONS } from '../core/bounds.ts'
import { refuseOption } from '../core/check.ts'
import { seal } from '../core/codec.ts'
import { DATA, type Head, encodeHead, fitsInline } from '../core/head.ts'
import { type CheckedJobOptions, keptOptions } from '../core/job-options.ts'
import { dueKey, escapePart, partId, readyKey, waitingKey } from '../core/keys.ts'
import type { PayloadText } from '../core/payload.ts'
import { checkUnit } from '../core/unit.ts'
import { HoldfastError } from '../error.ts'
import { ownedKeys } from '../core/owned.ts'
import type { Change, Key, Result } from '../store.ts'
import { hasArrived } from './bulk.ts'
import { commitBlock, following, replan, sizeOf } from './commit.ts'
import { type Ledger, describeJob, readHead, recordOf } from './ledger.ts'

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

/** A job that was added, or was there before under its id. */
export interface AddedJob {
  readonly id: string
  readonly raw: string
  /** `undefined` for a job that was there before. */
  readonly head: Head | undefined
  readonly delayed: boolean
  readonly deduplicated: boolean
}

/** An addition, planned. */
export interface AddPlan {
  readonly change: Change
  readonly added: AddedJob
}

/** A job of a call, and its place there. */
export interface Placed {
  readonly job: NewJob
  readonly index: number
}

/** Where jobs go, and the bulk they say they belong to. */
export interface Destination {
  readonly ready: string
  readonly due: string
  readonly bulk?: string
}

/** Additions that are to be one unit: their plans, and the changes. */
export interface Together {
  readonly plans: readonly AddPlan[]
  readonly unit: readonly Change[]
}

/** Adds one job; one whose id exists is left as it is and answered `deduplicated`. */
export async function addJob(ledger: Ledger, job: NewJob): Promise<AddedJob> {
  const { change, added } = planAdd(ledger, job, ledger.lanes)
  const [result] = await commitBlock(ledger.store, [change])
  return result === false ? (await addTogether(ledger, [job]))[0]! : added
}

/** Adds all jobs in one unit, atomically; those whose id exists are left as they are and answered `deduplicated`. */
export async function addTogether(
  ledger: Ledger,
  jobs: readonly NewJob[],
  planned = planTogether(ledger, jobs),
): Promise<AddedJob[]> {
  let missing: readonly Placed[] = jobs.map((job, index) => ({ job, index }))
  let { plans, unit } = planned
  const added: AddedJob[] = []
  const finished = replan(async () => {
    const [free, ...results] = await commitBlock(ledger.store, unit)
    const refused = free === false ? missing : takeAdded(missing, plans, results, added)
    if (refused.length === 0) return added
    missing = await readExisting(ledger, refused, added)
    if (missing.length === 0) return added
    const again = missing.map(({ job }) => job)
    ;({ plans, unit } = planTogether(ledger, again))
    return undefined
  })
  return finished.catch((error: unknown) => {
    throw asBulkError(error, added)
  })
}

/** None applies unless all chosen ids are free: an id that has no answer yet must not end the unit half done. */
export function planTogether(ledger: Ledger, jobs: readonly NewJob[]): Together {
  const plans = jobs.map((job) => planAdd(ledger, job, ledger.lanes))
  const free: Change = { expect: { absent: plans.flatMap(({ change }) => change.expect?.absent ?? []) } }
  return { plans, unit: [free, ...plans.map(({ change }) => following(change, 0))] }
}

/** Whether it is within the bounds of a unit. */
export function fitsOneUnit(unit: readonly Change[]): boolean {
  const { operations, bytes } = sizeOf(unit)
  if (operations > UNIT_OPERATIONS) return false
  if (bytes <= UNIT_BYTES) return true
  try {
    checkUnit(unit)
    return true
  } catch {
    return false
  }
}

/** Puts what was added in its place; gives the jobs whose ids exist. */
export function takeAdded(
  placed: readonly Placed[],
  plans: readonly AddPlan[],
  results: readonly Result[],
  added: AddedJob[],
): readonly Placed[] {
  return placed.filter(({ index }, at) => {
    if (results[at] !== false) added[index] = plans[at]!.added
    return results[at] === false
  })
}

/** Once a job of a bulk is stored, what fails after it is no longer without effect. */
export function asBulkError(error: unknown, added: readonly AddedJob[]): unknown {
  if (!(error instanceof HoldfastError) || !added.some((job) => !job.deduplicated)) return error
  return new HoldfastError(error.code, `${error.message} (jobs of the bulk that were new are added)`, {
    outcome: 'unknown',
    cause: error,
  })
}

/**
 * Those of the refused jobs that are gone again and must be added after all. One whose id is taken by a bulk that is being
 * stored has no answer yet; `own` is the bulk that asks.
 */
export async function readExisting(
  ledger: Ledger,
  refused: readonly Placed[],
  added: AddedJob[],
  own?: string,
): Promise<readonly Placed[]> {
  const names = refused.map(({ job }) => recordOf(ledger, job.id))
  const records = await ledger.store.read(names)
  const missing: Placed[] = []
  for (const [at, { job, index }] of refused.entries()) {
    const raw = records[at]
    if (raw === undefined) missing.push(refused[at]!)
    else {
      await assertArrived(ledger, names[at]!, raw, own)
      added[index] = { id: job.id, raw, head: undefined, delayed: false, deduplicated: true }
    }
  }
  return missing
}

async function assertArrived(
  ledger: Ledger,
  name: string,
  raw: string,
  own: string | undefined,
): Promise<void> {
  const head = readHead(raw).head
  if (head?.bulk === own || (await hasArrived(ledger, name, head))) return
  throw new HoldfastError(
    'STORE_CONTENDED',
    `the id of job ${describeJob(ledger, name)} belongs to a bulk that is being stored: try again`,
  )
}

export function planAdd({ prefix, store, lanes }: Ledger, job: NewJob, to: Destination): AddPlan {
  const { name, data, options, id, ulid, schedule } = job
  const now = store.now()
  const asked = options.runAt ?? now + (options.delay ?? 0)
  if (asked > TIME_MOST) refuseOption('delay', options.delay, 'a time before the year 2286')
  const dueAt = Math.max(now, asked)
  const delayed = dueAt > now
  const key = readyKey(options.priority ?? 0, options.lifo ?? false, dueAt, ulid)
  const record = prefix + escapePart(id)
  const inline = fitsInline(data)
  const head: Head = {
    name,
    key,
    timestamp: now,
    fence: now,
    opts: keptOptions(options),
    runAt: delayed ? dueAt : undefined,
    bulk: to.bulk,
    schedule,
    owns: inline ? undefined : ['payload'],
    [DATA]: inline ? data : undefined,
  }
  const raw = encodeHead(head)
  const set: (readonly [string, string])[] = [[record, raw]]
  if (!inline) set.push([partId('payload', record), seal(data)])
  const place: Key = delayed ? [to.due, dueKey(dueAt, key, record)] : [to.ready, waitingKey(key, record)]
  const change: Change = {
    // A ULID is new; asking the store about it would cost a read for each job.
    expect: options.jobId === undefined ? undefined : { absent: [record] },
    add: [place, ...ownedKeys(lanes, record, head)],
    set,
  }
  return { change, added: { id, raw, head, delayed, deduplicated: false } }
}
