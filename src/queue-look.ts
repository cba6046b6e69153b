/** Looking at a queue: one job, lists of jobs, how many there are. Nothing here changes anything. */
import { LIST_MOST } from './core/bounds.ts'
import { integer, show } from './core/check.ts'
import type { Explanation } from './core/explain.ts'
import type { WorkerInfo } from './core/presence.ts'
import { JOB_FILTERS, JOB_STATES, type JobFilter, type JobState } from './core/lifecycle.ts'
import { type FindOptions, checkFind } from './core/find-options.ts'
import { keyTextCheck } from './core/names.ts'
import { jobIdOf } from './core/keys.ts'
import { HoldfastError } from './error.ts'
import type { JobOf } from './job.ts'
import type { MapOf, Omitted } from './job-map.ts'
import { countJobs, countPrioritized, listKeys, readJob, readListed } from './ledger/inspect.ts'
import { findJobs } from './ledger/find.ts'
import { holderOf } from './ledger/deduplicate.ts'
import { explainJob } from './ledger/explain.ts'
import { readWorkers } from './ledger/workers.ts'
import { recordOf } from './ledger/ledger.ts'
import { stateOf } from './ledger/locate.ts'
import { type Verification, verifyQueue } from './ledger/verify.ts'
import { QueueBase } from './queue-base.ts'

/** @internal The part of a queue that looks. */
export abstract class QueueLook<
  First = any,
  Result = Omitted,
  Name extends string = string,
> extends QueueBase<First, Result, Name> {
  /** The job with all its parts; `undefined` where there is none. */
  async getJob(id: string): Promise<JobOf<MapOf<First, Result, Name>> | undefined> {
    await this.open()
    const record = await readJob(this.ledger, recordOf(this.ledger, String(id)))
    return record && this.job(record)
  }

  /**
   * Jobs of one state or several, in the states' order: those that wait as they will be run, finished ones by the time
   * they ended. `start` and `end` are indexes, `end` inclusive; -1 is the last, at most 1,000 jobs at once. `ascending` is from the first, else
   * from the last (newest). `history` and `stacktrace` are left empty.
   */
  async getJobs(
    states: JobFilter | readonly JobFilter[] = JOB_STATES,
    start = 0,
    end = -1,
    ascending = false,
  ): Promise<JobOf<MapOf<First, Result, Name>>[]> {
    const wanted = checkStates(typeof states === 'string' ? [states] : states)
    integer(0, Number.MAX_SAFE_INTEGER)(start, 'start')
    integer(-1, Number.MAX_SAFE_INTEGER)(end, 'end')
    await this.open()
    const last = Math.min(end === -1 ? Infinity : end, start + LIST_MOST - 1)
    const keys = await listKeys(this.ledger, wanted, { start, end: last, ascending })
    return (await readListed(this.ledger, keys)).map((record) => this.job(record))
  }

  /**
   * Jobs that have these tags, this name, one of these states, and were added in this time; page by page, the newest first. A
   * call looks at no more than 4,000 keys: where `cursor` is there, there may be more jobs, though this page be short or empty.
   * By tags an index is read; without them the jobs of the states are gone through. `history` and `stacktrace` are left empty.
   *
   * @throws HoldfastError `OPTION_INVALID`.
   */
  async find(
    options: FindOptions = {},
  ): Promise<{ jobs: JobOf<MapOf<First, Result, Name>>[]; cursor: string | undefined }> {
    const { question, place, limit } = checkFind(options)
    await this.open()
    const { jobs, cursor } = await findJobs(this.ledger, question, place, limit)
    return { jobs: jobs.map((record) => this.job(record)), cursor }
  }

  /** How many jobs each state holds; all states where none is named. `prioritized` is counted only where it is named. */
  async getJobCounts<Named extends JobFilter = JobState>(...states: Named[]): Promise<Record<Named, number>> {
    const wanted = states.length === 0 ? JOB_STATES : checkStates(states)
    await this.open()
    const counts: Record<JobFilter, number> = { ...(await countJobs(this.ledger)), prioritized: 0 }
    if (wanted.includes('prioritized')) counts.prioritized = await countPrioritized(this.ledger)
    return Object.fromEntries(wanted.map((state) => [state, counts[state]])) as Record<Named, number>
  }

  /** Jobs that are yet to be run: waiting, delayed, waiting for children. */
  async count(): Promise<number> {
    const counts = await this.getJobCounts()
    return counts.waiting + counts.delayed + counts['waiting-children']
  }

  /** A job's state by its id; `unknown` where there is none. */
  async getJobState(id: string): Promise<JobState | 'unknown'> {
    await this.open()
    return stateOf(this.ledger, recordOf(this.ledger, String(id)))
  }

  /** The id of the job that has a deduplication id; `null` where none has it. */
  async getDeduplicationJobId(id: string): Promise<string | null> {
    keyTextCheck(id, 'the deduplication id')
    await this.open()
    const holder = await holderOf(this.ledger, id)
    return holder === undefined ? null : jobIdOf(holder)
  }

  /** Jobs that wait, the next to be run first; `start` and `end` as for `getJobs`. */
  getWaiting(start = 0, end = -1): Promise<JobOf<MapOf<First, Result, Name>>[]> {
    return this.getJobs('waiting', start, end, true)
  }

  /** Delayed jobs, the next to fall due first. */
  getDelayed(start = 0, end = -1): Promise<JobOf<MapOf<First, Result, Name>>[]> {
    return this.getJobs('delayed', start, end, true)
  }

  /** Jobs that are being run, in the order of the queue. */
  getActive(start = 0, end = -1): Promise<JobOf<MapOf<First, Result, Name>>[]> {
    return this.getJobs('active', start, end, true)
  }

  /** Jobs that wait and have a priority above 0. */
  getPrioritized(start = 0, end = -1): Promise<JobOf<MapOf<First, Result, Name>>[]> {
    return this.getJobs('prioritized', start, end, true)
  }

  /** Jobs that wait for others. */
  getWaitingChildren(start = 0, end = -1): Promise<JobOf<MapOf<First, Result, Name>>[]> {
    return this.getJobs('waiting-children', start, end, true)
  }

  /** Completed jobs, the newest first. */
  getCompleted(start = 0, end = -1): Promise<JobOf<MapOf<First, Result, Name>>[]> {
    return this.getJobs('completed', start, end, false)
  }

  /** Jobs that failed for good, the newest first. */
  getFailed(start = 0, end = -1): Promise<JobOf<MapOf<First, Result, Name>>[]> {
    return this.getJobs('failed', start, end, false)
  }

  /** How many jobs `getWaiting` has. */
  async getWaitingCount(): Promise<number> {
    return (await this.getJobCounts('waiting'))['waiting']
  }

  /** How many jobs `getDelayed` has. */
  async getDelayedCount(): Promise<number> {
    return (await this.getJobCounts('delayed'))['delayed']
  }

  /** How many jobs `getActive` has. */
  async getActiveCount(): Promise<number> {
    return (await this.getJobCounts('active'))['active']
  }

  /** How many jobs `getPrioritized` has. */
  async getPrioritizedCount(): Promise<number> {
    return (await this.getJobCounts('prioritized'))['prioritized']
  }

  /** How many jobs `getWaitingChildren` has. */
  async getWaitingChildrenCount(): Promise<number> {
    return (await this.getJobCounts('waiting-children'))['waiting-children']
  }

  /** How many jobs `getCompleted` has. */
  async getCompletedCount(): Promise<number> {
    return (await this.getJobCounts('completed'))['completed']
  }

  /** How many jobs `getFailed` has. */
  async getFailedCount(): Promise<number> {
    return (await this.getJobCounts('failed'))['failed']
  }

  /**
   * Why a job is not running, and when it next could: every cause that holds as data, and all of it as one sentence. It looks at
   * no more than 1,000 keys of any kind.
   */
  async explain(id: string): Promise<Explanation> {
    await this.open()
    return explainJob(this.ledger, recordOf(this.ledger, String(id)))
  }

  /** The workers of this queue, at most 1,000. One whose process died is missed at once on a store of one process, elsewhere within three minutes. */
  async getWorkers(): Promise<WorkerInfo[]> {
    await this.open()
    return (await readWorkers(this.ledger)).map(({ name, host, concurrency, startedAt, names }) => ({
      name,
      host,
      concurrency,
      startedAt,
      ...(names === undefined ? {} : { names }),
    }))
  }

  /** How many workers `getWorkers` has. */
  async getWorkersCount(): Promise<number> {
    return (await this.getWorkers()).length
  }

  /** Recounts the queue and holds every job against its place. Reads everything: for tests and after accidents. */
  async verify(): Promise<Verification> {
    await this.open()
    return verifyQueue(this.ledger)
  }
}

function checkStates(states: readonly JobFilter[]): readonly JobFilter[] {
  for (const state of states) {
    if (!JOB_FILTERS.includes(state)) {
      throw new HoldfastError(
        'OPTION_INVALID',
        `there is no state ${show(state)}; there are ${JOB_FILTERS.join(', ')}`,
      )
    }
  }
  return states
}
