/** Adding jobs: one unit per call, however many there are; an id that exists gives the job that has it. */
import { BULK_JOBS, TIME_MOST, UNIT_BYTES, UNIT_OPERATIONS } from '../core/bounds.ts'
import { refuseOption } from '../core/check.ts'
import { seal } from '../core/codec.ts'
import { DATA, type Head, encodeHead, fitsInline } from '../core/head.ts'
import { type CheckedJobOptions, keptOptions } from '../core/job-options.ts'
import { dueKey, escapePart, partId, readyKey, waitingKey } from '../core/keys.ts'
import type { PayloadText } from '../core/payload.ts'
import { checkUnit } from '../core/unit.ts'
import { HoldfastError } from '../error.ts'
import type { Change } from '../store.ts'
import { commitBlock, replan, sizeOf } from './commit.ts'
import { type Ledger, recordOf } from './ledger.ts'

/** A job that is to be added, checked. */
export interface NewJob {
  readonly name: string
  readonly data: PayloadText
  readonly options: CheckedJobOptions
  readonly id: string
  readonly ulid: string
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

interface Plan {
  readonly change: Change
  readonly added: AddedJob
}

/** Adds one job; one whose id exists is left as it is and answered `deduplicated`. */
export async function addJob(ledger: Ledger, job: NewJob): Promise<AddedJob> {
  const { change, added } = plan(ledger, job, ledger.store.now())
  const [result] = await commitBlock(ledger.store, [change])
  return result === false ? (await addJobs(ledger, [job]))[0]! : added
}

/** Adds all jobs in one unit, atomically; those whose id exists are left as they are and answered `deduplicated`. */
export async function addJobs(ledger: Ledger, jobs: readonly NewJob[]): Promise<AddedJob[]> {
  if (jobs.length === 0) return []
  let missing = jobs.map((job, index) => ({ job, index }))
  const added: AddedJob[] = []
  const finished = replan(async () => {
    const plans = missing.map(({ job }) => plan(ledger, job, ledger.store.now()))
    const block = plans.map(({ change }) => change)
    if (jobs.length > 1) assertOneUnit(block)
    const results = await commitBlock(ledger.store, block)
    const refused = missing.filter((_, at) => results[at] === false)
    missing.forEach(({ index }, at) => {
      if (results[at] !== false) added[index] = plans[at]!.added
    })
    if (refused.length > 0) missing = await readExisting(ledger, refused, added)
    else missing = []
    return missing.length === 0 ? added : undefined
  })
  return finished.catch((error: unknown) => {
    throw asBulkError(error, added)
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

/** Those of the refused jobs that are gone again and must be added after all. */
async function readExisting<T extends { job: NewJob; index: number }>(
  ledger: Ledger,
  refused: T[],
  added: AddedJob[],
): Promise<T[]> {
  const records = await ledger.store.read(refused.map(({ job }) => recordOf(ledger, job.id)))
  return refused.filter(({ job, index }, at) => {
    const raw = records[at]
    if (raw !== undefined)
      added[index] = { id: job.id, raw, head: undefined, delayed: false, deduplicated: true }
    return raw === undefined
  })
}

function plan({ lanes, prefix }: Ledger, { name, data, options, id, ulid }: NewJob, now: number): Plan {
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
    owns: inline ? undefined : ['payload'],
    [DATA]: inline ? data : undefined,
  }
  const raw = encodeHead(head)
  const set: (readonly [string, string])[] = [[record, raw]]
  if (!inline) set.push([partId('payload', record), seal(data)])
  const change: Change = {
    // A ULID is new; asking the store about it would cost a read for each job.
    expect: options.jobId === undefined ? undefined : { absent: [record] },
    add: [delayed ? [lanes.due, dueKey(dueAt, key, record)] : [lanes.ready, waitingKey(key, record)]],
    set,
  }
  return { change, added: { id, raw, head, delayed, deduplicated: false } }
}

function assertOneUnit(block: readonly Change[]): void {
  const { operations, bytes } = sizeOf(block)
  if (operations <= UNIT_OPERATIONS && bytes <= UNIT_BYTES) return
  try {
    checkUnit(block)
  } catch (cause) {
    throw new HoldfastError(
      'NOT_SUPPORTED',
      `a bulk must fit one unit: at most ${BULK_JOBS} jobs (266 where data is above 1 KiB) and 512 KiB together; add it in parts`,
      { cause },
    )
  }
}
