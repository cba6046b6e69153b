/** Adding jobs that fit one unit: it is atomic, and what exists gives the job that has it. */
import { UNIT_BYTES, UNIT_OPERATIONS } from '../core/bounds.ts'
import { jobIdOf } from '../core/keys.ts'
import { checkUnit } from '../core/unit.ts'
import { HoldfastError } from '../error.ts'
import type { Change, Result } from '../store.ts'
import {
  type AddPlan,
  type AddedJob,
  type NewJob,
  type Over,
  nothingTaken,
  planAdd,
  takeKey,
  visitsOf,
  withTaking,
} from './addition.ts'
import { commitBlock, following, replan, sizeOf } from './commit.ts'
import { joinHolder, saysMore } from './deduplicate.ts'
import { assertRoom, roomsOf } from './group-room.ts'
import { type Ledger, readHead } from './ledger.ts'
import { type Meeting, meet } from './meet.ts'

/** A job of a call, its place there, and what it takes the place of. */
export interface Placed {
  readonly job: NewJob
  readonly index: number
  readonly over?: Over
}

/** Additions that are to be one unit: their plans, and the changes. */
export interface Together {
  readonly plans: readonly AddPlan[]
  readonly unit: readonly Change[]
}

/** Adds one job; where it exists that is answered, `deduplicated`. */
export async function addJob(ledger: Ledger, job: NewJob): Promise<AddedJob> {
  const { change, visits, added } = planAdd(ledger, job, ledger.lanes)
  const unit = visits.length === 0 ? [change] : [change, ...visits.map((visit) => following(visit, 0))]
  const [result] = await commitBlock(ledger.store, unit)
  return result === false ? (await addTogether(ledger, [job]))![0]! : added
}

/**
 * Adds all jobs in one unit, atomically; those that exist are answered `deduplicated`. What changes jobs that exist comes once all
 * that are new are stored. `undefined`, and nothing added, where they turn out not to fit.
 */
export async function addTogether(
  ledger: Ledger,
  jobs: readonly NewJob[],
  planned = planTogether(ledger, placed(jobs)),
): Promise<AddedJob[] | undefined> {
  let missing: readonly Placed[] = placed(jobs)
  let { plans, unit } = planned
  const answers: Answers = { added: [], joining: [] }
  try {
    const fit = await replan(async () => {
      const [free, ...results] = await commitBlock(ledger.store, unit)
      const refused = free === false ? missing : takeAdded(missing, plans, results, answers.added)
      if (refused.length === 0) return true
      missing = await answerMet(ledger, refused, answers)
      if (missing.length === 0) return true
      await assertRoom(
        ledger,
        missing.map(({ job }) => job),
      )
      ;({ plans, unit } = planTogether(ledger, missing))
      return fitsOneUnit(unit) || hasEffect(answers.added) ? undefined : false
    })
    if (!fit) return undefined
    return await joinAll(ledger, answers)
  } catch (error) {
    throw notWithoutEffect(error, answers.added)
  }
}

/** With their places. */
export const placed = (jobs: readonly NewJob[]): Placed[] => jobs.map((job, index) => ({ job, index }))

/** None applies unless all that was chosen is free: an id that has no answer yet must not end the unit half done. */
export function planTogether(
  ledger: Ledger,
  jobs: readonly Placed[],
  plans = jobs.map(({ job, over }) => planAdd(ledger, job, ledger.lanes, over)),
): Together {
  const free: Change = {
    expect: {
      absent: plans.flatMap(({ change }) => change.expect?.absent ?? []),
      equal: plans.flatMap(({ change }) => change.expect?.equal ?? []),
      size: roomsOf(
        ledger,
        jobs.map(({ job }) => job),
      ).map(({ size }) => size),
    },
  }
  const changes = [...plans.map(({ change, behind = change }) => behind), ...visitsOf(plans)]
  return { plans, unit: [free, ...changes.map((change) => following(change, 0))] }
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

/** Puts what was added in its place; gives the jobs that were refused. */
export function takeAdded(
  jobs: readonly Placed[],
  plans: readonly AddPlan[],
  results: readonly Result[],
  added: AddedJob[],
): readonly Placed[] {
  return jobs.filter(({ index }, at) => {
    if (results[at] !== false) added[index] = plans[at]!.added
    return results[at] === false
  })
}

/** Whether a job was stored, or changed; those that have no answer yet are not looked at. */
const hasEffect = (added: readonly AddedJob[]): boolean =>
  added.some(({ deduplicated, changed }) => !deduplicated || changed === true)

/** Once a job of a call is stored, or changed, what fails after it is no longer without effect. */
export function notWithoutEffect(error: unknown, added: readonly AddedJob[]): unknown {
  if (!(error instanceof HoldfastError) || !hasEffect(added)) return error
  return new HoldfastError(error.code, `${error.message} (what was added before that is stored)`, {
    outcome: 'unknown',
    cause: error,
  })
}

/** What became of the jobs of a call, by their places. */
export interface Answers {
  readonly added: AddedJob[]
  /** Those that have something to say to the job that has their deduplication id. */
  readonly joining: Placed[]
}

/** Answers those of the refused jobs that exist; gives the others, which must be added after all. `own` is the bulk that asks. */
export async function answerMet(
  ledger: Ledger,
  refused: readonly Placed[],
  { added, joining }: Answers,
  own?: string,
): Promise<readonly Placed[]> {
  const met = await Promise.all(refused.map(({ job }) => meet(ledger, job, own)))
  const missing: Placed[] = []
  for (const [at, { job, index }] of refused.entries()) {
    const meeting = met[at]!
    if (meeting.kind === 'nothing') missing.push({ job, index, over: meeting.over })
    else if (meeting.kind === 'holder' ? saysMore(job) : meeting.over !== undefined)
      joining.push({ job, index })
    else added[index] = existing(job, meeting)
  }
  return missing
}

function existing(job: NewJob, meeting: Exclude<Meeting, { kind: 'nothing' }>): AddedJob {
  const { name, raw = '' } = meeting.kind === 'holder' ? meeting.holder : meeting
  const met = meeting.kind === 'holder' ? job.options.deduplication?.id : undefined
  return { id: jobIdOf(name), raw, head: undefined, delayed: false, deduplicated: true, met }
}

/** Says it to those jobs one after the other, in the order of the call; the answer to all of it. */
export async function joinAll(ledger: Ledger, { added, joining }: Answers): Promise<AddedJob[]> {
  for (const { job, index } of joining.sort((a, b) => a.index - b.index))
    added[index] = await joinOne(ledger, job)
  return added
}

const joinOne = (ledger: Ledger, job: NewJob): Promise<AddedJob> =>
  replan(async () => {
    const meeting = await meet(ledger, job)
    if (meeting.kind === 'job') {
      const { name, raw, over } = meeting
      if (over === undefined) return existing(job, meeting)
      const given = await giveKey(ledger, job, { name, raw }, over)
      return given ? { ...existing(job, meeting), changed: true } : undefined
    }
    if (meeting.kind === 'holder') return joinHolder(ledger, job, meeting)
    const { change, visits, added } = planAdd(ledger, job, ledger.lanes, meeting.over)
    const [result] = await commitBlock(ledger.store, [change, ...visits.map((visit) => following(visit, 0))])
    return result === false ? undefined : added
  })

/** A job that was met by its id gets the idempotency key of the addition: whoever comes with that key gets this job. False where it changed meanwhile. */
async function giveKey(
  ledger: Ledger,
  job: NewJob,
  { name, raw = '' }: { readonly name: string; readonly raw: string | undefined },
  over: Over,
): Promise<boolean> {
  const taking = nothingTaken()
  taking.equal.push([name, raw])
  takeKey(ledger, job, { job: name, born: readHead(raw).head?.timestamp ?? 0 }, over, taking)
  const [given] = await commitBlock(ledger.store, [withTaking({}, taking)])
  return given !== false
}
