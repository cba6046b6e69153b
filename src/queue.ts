/** The queue: adding jobs, and changing them one by one or all at once. A thin shell: it checks what users give and calls the ledger. */
import { JOB_NAME_CHARACTERS, TURN_JOBS } from './core/bounds.ts'
import { boolean, checkOptions, duration, integer, refuseOption } from './core/check.ts'
import { type JobOptions, checkJobOptions } from './core/job-options.ts'
import { encodeData } from './core/payload.ts'
import { nextTurn } from './host.ts'
import type { JobOf } from './job.ts'
import type { DataOf, MapOf, NameOf, Omitted } from './job-map.ts'
import { type AddedJob, type NewJob, addJob, asBulkError } from './ledger/add.ts'
import { addJobs } from './ledger/add-bulk.ts'
import { readConfig } from './ledger/claim.ts'
import { readJob } from './ledger/inspect.ts'
import { recordOf } from './ledger/ledger.ts'
import { removeJob } from './ledger/locate.ts'
import {
  type CleanState,
  cleanQueue,
  drainQueue,
  obliterateQueue,
  promoteQueue,
  retryQueue,
} from './ledger/mass.ts'
import { changeConfig } from './ledger/settings.ts'
import { QueueLook } from './queue-look.ts'
import type { BulkJob } from './queue-options.ts'
import { nextUlid } from './ulids.ts'

type Checked = Omit<NewJob, 'id' | 'ulid'>

/** What `clean` removes. */
const CLEAN_STATES: readonly CleanState[] = ['completed', 'failed', 'waiting', 'prioritized', 'delayed']

/** Where jobs are added. Any number of queues, of one name or of many, may share a store. */
export class Queue<First = any, Result = Omitted, Name extends string = string> extends QueueLook<
  First,
  Result,
  Name
> {
  /**
   * Adds a job. Once this resolves the job is stored, at the durability the store states. An id that exists gives the
   * job that has it, unchanged, with `deduplicated: true`.
   *
   * @throws HoldfastError `OPTION_INVALID`, `PAYLOAD_NOT_JSON`, `PAYLOAD_TOO_LARGE`, `QUEUE_CLOSED`, and the store's.
   */
  async add<N extends NameOf<MapOf<First, Result, Name>>>(
    name: N,
    data: DataOf<MapOf<First, Result, Name>, N>,
    options?: JobOptions,
  ): Promise<JobOf<MapOf<First, Result, Name>, N>> {
    const checked = this.#check(name, data, options)
    if (!this.isOpened) await this.open()
    const added = await addJob(this.ledger, this.#named(checked))
    return (added.deduplicated
      ? await this.#existing(added)
      : this.#announce(added, checked.data)) as unknown as JobOf<MapOf<First, Result, Name>, N>
  }

  /**
   * Adds any number of jobs: all of them or none, whatever happens, and nobody sees or claims one before all are stored. Those
   * whose id exists are left as they are.
   *
   * @throws HoldfastError as `add`; `STORE_CONTENDED` where an id belongs to another bulk that is being stored right now.
   */
  async addBulk<N extends NameOf<MapOf<First, Result, Name>>>(
    jobs: readonly BulkJob<N, DataOf<MapOf<First, Result, Name>, N>>[],
  ): Promise<JobOf<MapOf<First, Result, Name>, N>[]> {
    if (!Array.isArray(jobs)) refuseOption('jobs', jobs, 'an array of { name, data, opts }')
    const checked = await inTurns(jobs, ({ name, data, opts }) => this.#check(name, data, opts))
    await this.open()
    const named = await inTurns(checked, (job) => this.#named(job))
    const added = await addJobs(this.ledger, named, nextUlid(this.ledger.store))
    const shown = inTurns(added, (job, at) =>
      job.deduplicated ? this.#existing(job) : this.#announce(job, checked[at]!.data),
    )
    return shown.catch((error: unknown) => {
      throw asBulkError(error, added)
    }) as unknown as Promise<JobOf<MapOf<First, Result, Name>, N>[]>
  }

  /** Once this resolves no job of the queue is claimed by any worker; those that run go on. */
  async pause(): Promise<void> {
    await this.open()
    if (await changeConfig(this.ledger, (config) => ({ ...config, paused: true }))) this.events.emit('paused')
  }

  /** Ends the pause. */
  async resume(): Promise<void> {
    await this.open()
    if (await changeConfig(this.ledger, (config) => ({ ...config, paused: false })))
      this.events.emit('resumed')
  }

  /** Whether the queue is paused, by whatever object or process. */
  async isPaused(): Promise<boolean> {
    await this.open()
    return (await readConfig(this.ledger)).config.paused ?? false
  }

  /** Removes a job and everything that is its own: 1, or 0 where there is none. @throws HoldfastError `JOB_STATE` while it runs, unless `force`. */
  async remove(id: string, options: { force?: boolean } = {}): Promise<number> {
    const { force = false } = checkOptions<{ force?: boolean }>(options, { force: boolean }, 'remove')
    await this.open()
    const removed = await removeJob(this.ledger, recordOf(this.ledger, String(id)), force)
    if (removed) this.events.emit('removed', String(id))
    return removed ? 1 : 0
  }

  /** Removes every job that waits; with `delayed` those that are delayed too. Jobs that run, and finished ones, stay. */
  async drain(delayed = false): Promise<void> {
    boolean(delayed, 'delayed')
    await this.open()
    await drainQueue(this.ledger, delayed)
  }

  /**
   * Removes jobs of one state that finished (or, those that wait or are delayed, were added) at least `grace` ms ago: at most
   * `limit`, of finished ones the oldest, of others the first in line; 0 is all. Resolves with their ids. In bounded steps: what
   * is interrupted can be called again.
   *
   * @throws HoldfastError `OPTION_INVALID`.
   */
  async clean(grace: number, limit = 0, state: CleanState = 'completed'): Promise<string[]> {
    duration()(grace, 'grace')
    integer(0, Number.MAX_SAFE_INTEGER)(limit, 'limit')
    if (!CLEAN_STATES.includes(state)) refuseOption('state', state, `one of ${CLEAN_STATES.join(', ')}`)
    await this.open()
    const cleaned: string[] = []
    for await (const ids of cleanQueue(this.ledger, grace, limit === 0 ? Infinity : limit, state)) {
      for (const id of ids) cleaned.push(id)
    }
    if (cleaned.length > 0) this.events.emit('cleaned', cleaned, state)
    return cleaned
  }

  /**
   * Removes the queue with everything in it: jobs of every state and its settings. No job is claimed from the moment it
   * begins; jobs added meanwhile may go too. Interrupted, it leaves the queue paused: call it again to end it, or `resume()`.
   *
   * @throws HoldfastError `JOB_STATE` while jobs run, unless `force`: then their leases end, and their handlers are told to stop.
   */
  async obliterate(options: { force?: boolean } = {}): Promise<void> {
    const { force = false } = checkOptions<{ force?: boolean }>(options, { force: boolean }, 'obliterate')
    await this.open()
    await obliterateQueue(this.ledger, force)
  }

  /**
   * Puts finished jobs back in line: those of `state` (default `failed`) that finished at or before `timestamp` (ms since the
   * epoch; default now). Resolves with how many.
   */
  async retryJobs(options: { state?: 'failed' | 'completed'; timestamp?: number } = {}): Promise<number> {
    const { state, timestamp } = checkOptions<{
      state?: 'failed' | 'completed'
      timestamp?: number
    }>(
      options,
      { state: finishedState, timestamp: integer(0, Number.MAX_SAFE_INTEGER, 'milliseconds') },
      'retryJobs',
    )
    await this.open()
    const { store } = this.ledger
    return retryQueue(this.ledger, state ?? 'failed', timestamp ?? store.now(), () => nextUlid(store))
  }

  /** Makes every delayed job due now. Resolves with how many. */
  async promoteJobs(): Promise<number> {
    await this.open()
    return promoteQueue(this.ledger, () => nextUlid(this.ledger.store))
  }

  #check(name: string, data: unknown, options: JobOptions | undefined): Checked {
    this.assertOpen()
    if (
      typeof name !== 'string' ||
      name === '' ||
      name.length > JOB_NAME_CHARACTERS ||
      !name.isWellFormed()
    ) {
      refuseOption('the job name', name, `a text of 1 to ${JOB_NAME_CHARACTERS} characters`)
    }
    const checked = checkJobOptions(options, this.defaults)
    return { name, data: encodeData(data, checked.sizeLimit), options: checked }
  }

  #named(job: Checked): NewJob {
    const { name, data, options } = job
    const ulid = nextUlid(this.ledger.store)
    return { name, data, options, ulid, id: options.jobId ?? ulid }
  }

  #announce({ id, raw, head, delayed }: AddedJob, data: string): JobOf<MapOf<First, Result, Name>> {
    const job = this.job({ id, raw, head, data, result: '', progress: '', history: [] })
    if (!delayed) this.events.emit('waiting', job)
    return job
  }

  /** The job that had the id before: with data, progress and a history of its own. */
  async #existing({ id, raw }: AddedJob): Promise<JobOf<MapOf<First, Result, Name>>> {
    const gone = { id, raw, head: undefined, data: '', result: '', progress: '', history: [] }
    return this.job((await readJob(this.ledger, recordOf(this.ledger, id))) ?? gone, true)
  }
}

/** As `map`, letting others have their turn now and then. */
async function inTurns<From, To>(
  items: readonly From[],
  make: (item: From, index: number) => To | Promise<To>,
): Promise<To[]> {
  const made: To[] = []
  for (const [index, item] of items.entries()) {
    const one = make(item, index)
    made.push(one instanceof Promise ? await one : one)
    if (made.length % TURN_JOBS === 0) await nextTurn()
  }
  return made
}

const finishedState = (value: unknown, field: string): 'failed' | 'completed' =>
  value === 'failed' || value === 'completed' ? value : refuseOption(field, value, "'failed' or 'completed'")
