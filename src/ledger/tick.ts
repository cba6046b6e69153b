/**
 * Ticks: a schedule's due slots become jobs. The jobs and the next slot are written in one unit that expects the schedule as it
 * was read, so each slot is decided once, whoever else ticks and whatever crashes.
 */
import { PAGE_KEYS, TICK_RUNS, TIME_MOST, UNIT_BYTES } from '../core/bounds.ts'
import { refuseSchedule } from '../core/cron.ts'
import { nextSlotKey, scheduleDataId, scheduleKeyOf, throughTime, timeOf } from '../core/keys.ts'
import { type Schedule, encodeSchedule, slotJobId, slotsOf, tickSchedule } from '../core/schedule.ts'
import { HoldfastError } from '../error.ts'
import { type AddPlan, type AddedJob, planAdd, visitsOf } from './addition.ts'
import { cancelJob } from './cancel.ts'
import { commitBlock, following, replan } from './commit.ts'
import { type Ledger, readHead, recordOf } from './ledger.ts'
import { type Almanac, type KeptSchedule, cronOf, keep, readSchedule } from './schedule.ts'

/** What a look at the times of all schedules saw. */
export interface Outlook {
  /** Keys of those whose time has come, a page of them. */
  readonly due: readonly string[]
  /** When the next of the others is due; `undefined` where none is to come. */
  readonly next: number | undefined
}

/** Which schedules are due at a moment, from a key on. */
export async function lookOut({ store, lanes }: Ledger, at: number, from?: string): Promise<Outlook> {
  const lane = lanes.schedules
  const now = throughTime(at)
  const [due = [], [first] = []] = await store.scan([
    { lane, from, until: now, limit: PAGE_KEYS },
    { lane, from: now, limit: 1 },
  ])
  return { due, next: first === undefined || timeOf(first) >= TIME_MOST ? undefined : timeOf(first) }
}

/** What a tick came to. */
export interface Ticked {
  /** The jobs it made. */
  readonly jobs: readonly AddedJob[]
  /** Somebody else was faster. */
  readonly lost: boolean
}

const NOTHING: Ticked = { jobs: [], lost: false }

/** Decides the slots of a schedule that are due, by its rules, at most as many as fit one unit: ticked again, it decides the next. */
export async function tick(ledger: Ledger, name: string, almanac: Almanac): Promise<Ticked> {
  const { store, lanes } = ledger
  const [raw, data] = await store.read([name, scheduleDataId(name)])
  if (raw === undefined) return NOTHING
  const kept = keep(name, raw, data)
  const { schedule } = kept
  const slots = slotsOf(schedule, await cronOf(schedule, almanac))
  const before = await lastRun(ledger, schedule)
  const most = Math.max(1, Math.min(TICK_RUNS, Math.floor(UNIT_BYTES / 2 / bytesOf(kept))))
  const now = store.now() - store.skewMs
  const ticked = tickSchedule(schedule, now, slots, { busy: before.busy, most })
  if (ticked.schedule === schedule) return NOTHING
  if (ticked.runs.length > 0) await before.makeWay()
  const plans = ticked.runs.map((slot) =>
    planRun(ledger, kept, almanac, slotJobId(scheduleKeyOf(name), slot), slot),
  )
  const lastJob = plans.at(-1)?.added.id ?? schedule.lastJob
  const [applied] = await commitBlock(store, [
    {
      expect: { equal: [[name, raw], ...before.equal], absent: before.absent },
      remove: [[lanes.schedules, nextSlotKey(schedule.next, name)]],
      add: [[lanes.schedules, nextSlotKey(ticked.schedule.next, name)]],
      set: [[name, encodeSchedule({ ...ticked.schedule, lastJob })]],
    },
    ...plans.map(({ change }) => following(change, 0)),
    ...visitsOf(plans).map((visit) => following(visit, 0)),
  ])
  return applied === false ? { jobs: [], lost: true } : { jobs: plans.map(({ added }) => added), lost: false }
}

/** Makes a job of a schedule now, beside its slots. @throws HoldfastError `SCHEDULE_INVALID`; `JOB_STATE` where its last run is not finished and runs must not overlap. */
export async function triggerSchedule(
  ledger: Ledger,
  key: string,
  almanac: Almanac,
): Promise<AddPlan & KeptSchedule> {
  const { store } = ledger
  return replan(async () => {
    const kept = await readSchedule(ledger, key)
    if (kept === undefined) return refuseSchedule('id', key, 'the id of a schedule of this queue')
    const { name, raw, schedule } = kept
    const before = await lastRun(ledger, schedule)
    if (before.busy && schedule.timing.overlap === 'skip') {
      const message = `job ${schedule.lastJob} of the schedule ${key} in ${ledger.queue} is not finished, and its runs do not overlap`
      throw new HoldfastError('JOB_STATE', message)
    }
    await before.makeWay()
    const id = `${slotJobId(key, store.now())}:${almanac.ulid()}`
    const plan = planRun(ledger, kept, almanac, id, undefined)
    const [applied] = await commitBlock(store, [
      {
        expect: { equal: [[name, raw], ...before.equal], absent: before.absent },
        set: [[name, encodeSchedule({ ...schedule, lastJob: id })]],
      },
      following(plan.change, 0),
      ...plan.visits.map((visit) => following(visit, 0)),
    ])
    return applied === false ? undefined : { ...plan, ...kept }
  })
}

/** The job of a slot, or of now, as it would be added. */
export function planRun(
  ledger: Ledger,
  { name, schedule, data }: KeptSchedule,
  { ulid, random }: Almanac,
  id: string,
  slot: number | undefined,
): AddPlan {
  const { opts, timing } = schedule
  const jitter = slot === undefined ? 0 : Math.floor(random() * ((timing.jitter ?? 0) + 1))
  const runAt = (slot ?? ledger.store.now()) + (opts.delay ?? 0) + jitter
  const options = { ...opts, jobId: id, runAt }
  return planAdd(
    ledger,
    { name: schedule.name, data, options, id, ulid: ulid(), schedule: scheduleKeyOf(name) },
    ledger.lanes,
  )
}

/** The job of the last run, as far as the next one depends on it. */
interface LastRun {
  /** It is not finished. */
  readonly busy: boolean
  /** What must hold for that to be so, where it matters. */
  readonly equal: readonly (readonly [string, string])[]
  readonly absent: readonly string[]
  /** Cancels it where runs are to make way for the next: before that is made, so that a crash between leaves it to be made. */
  readonly makeWay: () => Promise<void>
}

const NO_MATTER: LastRun = { busy: false, equal: [], absent: [], makeWay: async () => undefined }

async function lastRun(ledger: Ledger, { lastJob, timing }: Schedule): Promise<LastRun> {
  const { overlap = 'allow' } = timing
  if (lastJob === undefined || overlap === 'allow') return NO_MATTER
  const job = recordOf(ledger, lastJob)
  const [raw] = await ledger.store.read([job])
  const head = readHead(raw).head
  const busy = head !== undefined && head.finishedOn === undefined
  if (overlap === 'cancel-previous') {
    const makeWay = async (): Promise<void> => {
      if (busy) await cancelJob(ledger, job, 'the next run of its schedule has begun', { force: false })
    }
    return { ...NO_MATTER, busy, makeWay }
  }
  return raw === undefined ? { ...NO_MATTER, absent: [job] } : { ...NO_MATTER, busy, equal: [[job, raw]] }
}

/** What a job of a schedule takes of a unit, at most: a UTF-16 unit takes three bytes, and what its options say stands in its head. */
const bytesOf = ({ raw, data }: KeptSchedule): number => (raw.length + data.length) * 3 + 1024
