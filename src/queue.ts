/** The queue: adding jobs and looking at them. A thin shell: it checks what users give and calls the ledger. */
import { BULK_JOBS, JOB_NAME_CHARACTERS } from './core/bounds.ts'
import { boolean, checkOptions, integer, object, refuseOption, show } from './core/check.ts'
import {
  type CheckedJobOptions,
  type JobOptions,
  checkDefaultJobOptions,
  checkJobOptions,
  checkQueueName,
} from './core/job-options.ts'
import { type PassedOverQueueOptions, byLegacy, passedOver } from './core/legacy.ts'
import { JOB_STATES, type JobState } from './core/lifecycle.ts'
import { encodeData } from './core/payload.ts'
import { HoldfastError } from './error.ts'
import type { QueueEvents } from './event-maps.ts'
import { Events, type Listener } from './events.ts'
import { type JobOf, Job } from './job.ts'
import type { DataOf, MapOf, NameOf, Omitted } from './job-map.ts'
import { type AddedJob, type NewJob, addJob, addJobs, asBulkError } from './ledger/add.ts'
import { readConfig } from './ledger/claim.ts'
import { type JobCounts, type JobRecord, countJobs, listKeys, readJob, readListed } from './ledger/inspect.ts'
import { type Ledger, openLedger, recordOf } from './ledger/ledger.ts'
import { removeJob, stateOf } from './ledger/locate.ts'
import { changeConfig } from './ledger/settings.ts'
import { type Verification, verifyQueue } from './ledger/verify.ts'
import type { BulkJob, QueueOptions } from './queue-options.ts'
import { storeCheck } from './store-option.ts'
import { nextUlid } from './ulids.ts'

/** Where jobs are added. Any number of queues, of one name or of many, may share a store. */
export class Queue<First = any, Result = Omitted, Name extends string = string> {
  /** As given; workers of this name take its jobs. */
  readonly name: string
  readonly #ledger: Ledger
  readonly #defaults: CheckedJobOptions
  readonly #events: Events<QueueEvents<JobOf<MapOf<First, Result, Name>>>>
  #opened = false
  #closed = false

  /** @throws HoldfastError `OPTION_INVALID` naming the field, `NOT_SUPPORTED` with what to write instead. */
  constructor(name: string, options: QueueOptions) {
    this.name = checkQueueName(name)
    const passed = new Map<string, string>()
    const { store, defaultJobOptions } = checkOptions<Omit<QueueOptions, keyof PassedOverQueueOptions>>(
      options ?? {},
      { store: storeCheck, defaultJobOptions: object },
      'the queue',
      '',
      byLegacy('queue', passed),
    )
    if (store === undefined)
      refuseOption('store', undefined, 'a store, such as memoryStore() or levelStore(path)')
    this.#defaults = checkDefaultJobOptions(defaultJobOptions)
    this.#ledger = openLedger(store, name)
    this.#events = new Events(() => store.host)
    const warning = passedOver(`the queue ${JSON.stringify(name)}`, passed)
    if (warning !== undefined) store.host.warn(warning)
  }

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
    if (!this.#opened) await this.#open()
    const added = await addJob(this.#ledger, this.#named(checked))
    return (added.deduplicated
      ? await this.#existing(added)
      : this.#announce(added, checked.data)) as unknown as JobOf<MapOf<First, Result, Name>, N>
  }

  /**
   * Adds several jobs in one unit: all of them or none, whatever happens. Those whose id exists are left as they are.
   *
   * @throws HoldfastError as `add`; `NOT_SUPPORTED` for more than one unit holds (400 jobs, 512 KiB).
   */
  async addBulk<N extends NameOf<MapOf<First, Result, Name>>>(
    jobs: readonly BulkJob<N, DataOf<MapOf<First, Result, Name>, N>>[],
  ): Promise<JobOf<MapOf<First, Result, Name>, N>[]> {
    if (!Array.isArray(jobs)) refuseOption('jobs', jobs, 'an array of { name, data, opts }')
    if (jobs.length > BULK_JOBS) {
      throw new HoldfastError(
        'NOT_SUPPORTED',
        `a bulk of ${jobs.length} jobs is above the ${BULK_JOBS} of one unit: add it in parts`,
      )
    }
    const checked = jobs.map(({ name, data, opts }) => this.#check(name, data, opts))
    if (!this.#opened) await this.#open()
    const added = await addJobs(
      this.#ledger,
      checked.map((job) => this.#named(job)),
    )
    const announced = added.map(async (job, at) =>
      job.deduplicated ? this.#existing(job) : this.#announce(job, checked[at]!.data),
    )
    const all = Promise.all(announced).catch((error: unknown) => {
      throw asBulkError(error, added)
    })
    return (await all) as unknown as JobOf<MapOf<First, Result, Name>, N>[]
  }

  /** The job with all its parts; `undefined` where there is none. */
  async getJob(id: string): Promise<JobOf<MapOf<First, Result, Name>> | undefined> {
    await this.#open()
    const record = await readJob(this.#ledger, recordOf(this.#ledger, String(id)))
    return record && this.#job(record)
  }

  /**
   * Jobs of one state or several, in the states' order: those that wait as they will be run, finished ones by the time
   * they ended. `start` and `end` are indexes, `end` inclusive; -1 is the last, at most 1,000 jobs at once. `ascending` is from the first, else
   * from the last (newest). `history` and `stacktrace` are left empty.
   */
  async getJobs(
    states: JobState | readonly JobState[] = JOB_STATES,
    start = 0,
    end = -1,
    ascending = false,
  ): Promise<JobOf<MapOf<First, Result, Name>>[]> {
    const wanted = checkStates(typeof states === 'string' ? [states] : states)
    integer(0, Number.MAX_SAFE_INTEGER)(start, 'start')
    integer(-1, Number.MAX_SAFE_INTEGER)(end, 'end')
    await this.#open()
    const last = Math.min(end === -1 ? Infinity : end, start + LIST_JOBS - 1)
    const keys = await listKeys(this.#ledger, wanted, { start, end: last, ascending })
    return (await readListed(this.#ledger, keys)).map((record) => this.#job(record))
  }

  /** How many jobs each state holds; all states where none is named. */
  async getJobCounts(...states: JobState[]): Promise<JobCounts> {
    const wanted = states.length === 0 ? JOB_STATES : checkStates(states)
    await this.#open()
    const counts = await countJobs(this.#ledger)
    return Object.fromEntries(wanted.map((state) => [state, counts[state]])) as JobCounts
  }

  /** Jobs that are yet to be run: waiting, delayed, waiting for children. */
  async count(): Promise<number> {
    const counts = await this.getJobCounts()
    return counts.waiting + counts.delayed + counts['waiting-children']
  }

  /** A job's state by its id; `unknown` where there is none. */
  async getJobState(id: string): Promise<JobState | 'unknown'> {
    await this.#open()
    return stateOf(this.#ledger, recordOf(this.#ledger, String(id)))
  }

  /** Once this resolves no job of the queue is claimed by any worker; those that run go on. */
  async pause(): Promise<void> {
    await this.#open()
    if (await changeConfig(this.#ledger, (config) => ({ ...config, paused: true })))
      this.#events.emit('paused')
  }

  /** Ends the pause. */
  async resume(): Promise<void> {
    await this.#open()
    if (await changeConfig(this.#ledger, (config) => ({ ...config, paused: false })))
      this.#events.emit('resumed')
  }

  /** Whether the queue is paused, by whatever object or process. */
  async isPaused(): Promise<boolean> {
    await this.#open()
    return (await readConfig(this.#ledger)).config.paused ?? false
  }

  /** Removes a job and everything that is its own: 1, or 0 where there is none. @throws HoldfastError `JOB_STATE` while it runs, unless `force`. */
  async remove(id: string, options: { force?: boolean } = {}): Promise<number> {
    const { force = false } = checkOptions<{ force?: boolean }>(options, { force: boolean }, 'remove')
    await this.#open()
    const removed = await removeJob(this.#ledger, recordOf(this.#ledger, String(id)), force)
    if (removed) this.#events.emit('removed', String(id))
    return removed ? 1 : 0
  }

  /** Recounts the queue and holds every job against its place. Reads everything: for tests and after accidents. */
  async verify(): Promise<Verification> {
    await this.#open()
    return verifyQueue(this.#ledger)
  }

  /** Listens to what this object does. A listener that throws is reported on `error` and harms nobody. */
  on<Event extends keyof QueueEvents<never>>(
    event: Event,
    listener: Listener<QueueEvents<JobOf<MapOf<First, Result, Name>>>[Event]>,
  ): this {
    this.#events.on(event, listener)
    return this
  }

  /** Listens to the next one only. */
  once<Event extends keyof QueueEvents<never>>(
    event: Event,
    listener: Listener<QueueEvents<JobOf<MapOf<First, Result, Name>>>[Event]>,
  ): this {
    this.#events.once(event, listener)
    return this
  }

  /** Takes back an `on` or `once`. */
  off<Event extends keyof QueueEvents<never>>(
    event: Event,
    listener: Listener<QueueEvents<JobOf<MapOf<First, Result, Name>>>[Event]>,
  ): this {
    this.#events.off(event, listener)
    return this
  }

  /** Takes back all of an event, or of every event. */
  removeAllListeners(event?: keyof QueueEvents<never>): this {
    this.#events.removeAllListeners(event)
    return this
  }

  /** Ends this queue object; the store stays open. Later calls reject with `QUEUE_CLOSED`. */
  async close(): Promise<void> {
    this.#closed = true
    this.#events.removeAllListeners()
  }

  /** As `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #open(): Promise<void> {
    this.#assertOpen()
    await this.#ledger.store.ready()
    this.#opened = true
  }

  #assertOpen(): void {
    if (this.#closed) throw new HoldfastError('QUEUE_CLOSED', `the queue ${this.name} is closed`)
  }

  #check(name: string, data: unknown, options: JobOptions | undefined): Omit<NewJob, 'id' | 'ulid'> {
    this.#assertOpen()
    if (
      typeof name !== 'string' ||
      name === '' ||
      name.length > JOB_NAME_CHARACTERS ||
      !name.isWellFormed()
    ) {
      refuseOption('the job name', name, `a text of 1 to ${JOB_NAME_CHARACTERS} characters`)
    }
    const checked = checkJobOptions(options, this.#defaults)
    return { name, data: encodeData(data, checked.sizeLimit), options: checked }
  }

  #named(job: Omit<NewJob, 'id' | 'ulid'>): NewJob {
    const { name, data, options } = job
    const ulid = nextUlid(this.#ledger.store)
    return { name, data, options, ulid, id: options.jobId ?? ulid }
  }

  #announce({ id, raw, head, delayed }: AddedJob, data: string): JobOf<MapOf<First, Result, Name>> {
    const job = this.#job({ id, raw, head, data, result: '', progress: '', history: [] })
    if (!delayed) this.#events.emit('waiting', job)
    return job
  }

  /** The job that had the id before: with data, progress and a history of its own. */
  async #existing({ id, raw }: AddedJob): Promise<JobOf<MapOf<First, Result, Name>>> {
    const gone = { id, raw, head: undefined, data: '', result: '', progress: '', history: [] }
    return this.#job((await readJob(this.#ledger, recordOf(this.#ledger, id))) ?? gone, true)
  }

  #job(record: JobRecord, deduplicated = false): JobOf<MapOf<First, Result, Name>> {
    return new Job({ ledger: this.#ledger, record, deduplicated }) as unknown as JobOf<
      MapOf<First, Result, Name>
    >
  }
}

/** Jobs that one call of `getJobs` gives at most. */
const LIST_JOBS = 1000

function checkStates(states: readonly JobState[]): readonly JobState[] {
  for (const state of states) {
    if (!JOB_STATES.includes(state)) {
      throw new HoldfastError(
        'OPTION_INVALID',
        `there is no state ${show(state)}; there are ${JOB_STATES.join(', ')}`,
      )
    }
  }
  return states
}
