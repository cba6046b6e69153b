/** The queue: adding jobs. A thin shell: it checks what users give and calls the ledger. */
import { refuseOption, refuseStranger } from './core/check.ts'
import {
  type CheckedJobOptions,
  type JobOptions,
  checkGroupId,
  checkJobOptions,
  refuseGrouped,
} from './core/job-options.ts'
import { checkJobName } from './core/names.ts'
import { checkRepeat } from './core/schedule-options.ts'
import { HoldfastError } from './error.ts'
import { localZone } from './host.ts'
import type { JobOf } from './job.ts'
import type { InputOf, MapOf, NameOf, Omitted } from './job-map.ts'
import { addJob, notWithoutEffect } from './ledger/add.ts'
import type { AddedJob, NewJob } from './ledger/addition.ts'
import { addJobs } from './ledger/add-bulk.ts'
import { readJob } from './ledger/inspect.ts'
import { recordOf } from './ledger/ledger.ts'
import { inTurns, paceOf } from './pace.ts'
import type { BulkJob } from './queue-options.ts'
import { QueueSchedules } from './queue-schedules.ts'
import { nextUlid } from './ulids.ts'

type Checked = Omit<NewJob, 'id' | 'ulid'>

/** What a job of a bulk may have. */
const BULK_FIELDS = ['name', 'data', 'opts'] as const satisfies readonly (keyof BulkJob)[]

/** Where jobs are added. Any number of queues, of one name or of many, may share a store. */
export class Queue<First = any, Result = Omitted, Name extends string = string> extends QueueSchedules<
  First,
  Result,
  Name
> {
  readonly #pace = paceOf(this.ledger.store.host)

  /**
   * Adds a job. Once this resolves the job is stored, at the durability the store states. An id that exists gives the
   * job that has it, unchanged, with `deduplicated: true`; so does an `idempotencyKey` that was used, though its job may be gone,
   * and a `deduplication` id that a job has, though it may have become what was added. With `repeat` it makes a
   * schedule: see `upsertJobScheduler`.
   *
   * @throws HoldfastError `OPTION_INVALID`, `IDEMPOTENCY_CONFLICT`, `PAYLOAD_NOT_JSON`, `PAYLOAD_TOO_LARGE`, `SCHEMA_MISMATCH`,
   * `QUEUE_CLOSED`, and the store's.
   */
  async add<N extends NameOf<MapOf<First, Result, Name>>>(
    name: N,
    data: InputOf<MapOf<First, Result, Name>, N>,
    options?: JobOptions,
  ): Promise<JobOf<MapOf<First, Result, Name>, N>> {
    if (options?.repeat !== undefined) return this.#addRepeating(name, data, options)
    const checking = this.#check(name, data, options)
    const checked = checking instanceof Promise ? await checking : checking
    if (!this.isOpened) await this.open()
    const full = this.#pace.turnWithTime()
    if (full !== undefined) await full
    const added = await addJob(this.ledger, this.#named(checked))
    const job = added.deduplicated ? await this.#met(added) : this.#announce(added, checked.data)
    return job as unknown as JobOf<MapOf<First, Result, Name>, N>
  }

  /**
   * Adds any number of jobs: all of them or none, whatever happens, and nobody sees or claims one before all are stored. Those
   * that exist are left as they are; what a `deduplication` changes of one is changed once the others are stored. It lets others
   * have their turns, so leave the data as they are until it resolves.
   *
   * @throws HoldfastError as `add`; `STORE_CONTENDED` where an id belongs to another bulk that is being stored right now.
   */
  async addBulk<N extends NameOf<MapOf<First, Result, Name>>>(
    jobs: readonly BulkJob<N, InputOf<MapOf<First, Result, Name>, N>>[],
  ): Promise<JobOf<MapOf<First, Result, Name>, N>[]> {
    if (!Array.isArray(jobs)) refuseOption('jobs', jobs, 'an array of { name, data, opts }')
    // Jobs may have to wait for their turn, and whoever gave the array may go on with it.
    const checked = await inTurns(this.#pace, jobs.slice(), (job, at) => this.#checkOne(job, at))
    await this.open()
    const named = await inTurns(this.#pace, checked, (job) => this.#named(job))
    const added = await addJobs(this.ledger, named, nextUlid(this.ledger.store))
    const shown = inTurns(this.#pace, added, (job, at) =>
      job.deduplicated ? this.#existing(job) : this.#announce(job, checked[at]!.data),
    )
    return shown.catch((error: unknown) => {
      throw notWithoutEffect(error, added)
    }) as unknown as Promise<JobOf<MapOf<First, Result, Name>, N>[]>
  }

  /** A job of a bulk: what is wrong with it says which it is. */
  #checkOne(job: BulkJob, at: number): Checked | Promise<Checked> {
    const refuse = (error: unknown): never => {
      if (!(error instanceof HoldfastError) || error.code === 'QUEUE_CLOSED') throw error
      throw new HoldfastError(error.code, `jobs[${at}]: ${error.message}`, { cause: error.cause })
    }
    try {
      if (typeof job !== 'object' || job === null)
        refuseOption('a job of a bulk', job, '{ name, data, opts }')
      for (const name of Object.keys(job)) {
        if (!(BULK_FIELDS as readonly string[]).includes(name)) {
          const stranger = {
            name,
            value: undefined,
            what: 'a job of a bulk',
            field: name,
            known: BULK_FIELDS,
          }
          refuseStranger(stranger)
        }
      }
      const checked = this.#check(job.name, job.data, job.opts)
      return checked instanceof Promise ? checked.catch(refuse) : checked
    } catch (error) {
      return refuse(error)
    }
  }

  /** At once where no schema is to be asked. */
  #check(name: string, data: unknown, options: JobOptions | undefined): Checked | Promise<Checked> {
    this.assertOpen()
    checkJobName(name)
    const checked = this.#grouped(name, data, options, checkJobOptions(options, this.defaults))
    if (checked.repeat !== undefined)
      refuseOption('repeat', checked.repeat, 'left out of addBulk: add and upsertJobScheduler make schedules')
    this.assertElsewhere(checked)
    const encoded = this.encode(name, data, checked.sizeLimit)
    return typeof encoded === 'string'
      ? { name, data: encoded, options: checked }
      : encoded.then((text) => ({ name, data: text, options: checked }))
  }

  /** A job that says no group itself belongs to the one that `groupBy` says. */
  #grouped(
    name: string,
    data: unknown,
    opts: JobOptions | undefined,
    checked: CheckedJobOptions,
  ): CheckedJobOptions {
    if (this.groupBy === undefined || checked.group !== undefined) return checked
    const id = this.groupBy({ name, data, opts: opts ?? {} })
    if (id === undefined) return checked
    const grouped = { ...checked, group: { id: checkGroupId(id, 'groupBy') } }
    refuseGrouped(grouped)
    return grouped
  }

  async #addRepeating<N extends NameOf<MapOf<First, Result, Name>>>(
    name: N,
    data: unknown,
    { repeat, jobId, ...opts }: JobOptions,
  ): Promise<JobOf<MapOf<First, Result, Name>, N>> {
    const timing = checkRepeat(repeat, localZone, 'repeat')
    const id = jobId ?? this.scheduleIdFor(checkJobName(name), timing, repeat!.tz)
    return (await this.schedule(id, timing, { name, data, opts })) as unknown as JobOf<
      MapOf<First, Result, Name>,
      N
    >
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

  /** The same for one that may have been changed: that is not undone where it cannot be looked at. */
  #met(added: AddedJob): Promise<JobOf<MapOf<First, Result, Name>>> {
    return this.#existing(added).catch((error: unknown) => {
      throw notWithoutEffect(error, [added])
    })
  }

  /** The job that was there before: with data, progress and a history of its own. */
  async #existing({ id, raw, met }: AddedJob): Promise<JobOf<MapOf<First, Result, Name>>> {
    const gone = { id, raw, head: undefined, data: '', result: '', progress: '', history: [] }
    const job = this.job((await readJob(this.ledger, recordOf(this.ledger, id))) ?? gone, true)
    if (met !== undefined) this.events.emit('deduplicated', job, met)
    return job
  }
}
