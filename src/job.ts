/** A job as users see it: what its records say, and the methods that reach it by its id. */
import { boolean, checkOptions } from './core/check.ts'
import type { FailedCode } from './core/head.ts'
import type { HistoryEntry } from './core/history.ts'
import { type KeptOptions, attemptsOf } from './core/job-options.ts'
import { readReadyKey } from './core/keys.ts'
import type { JobState } from './core/lifecycle.ts'
import { type PayloadText, decodePayload, encodeResult } from './core/payload.ts'
import { HoldfastError } from './error.ts'
import type { DataOf, NameOf, ProgressOf, ResultOf } from './job-map.ts'
import { readLogLines, writeLogLine, writeProgress } from './ledger/annotate.ts'
import type { Grant } from './ledger/claim.ts'
import type { JobRecord } from './ledger/inspect.ts'
import { type Ledger, recordOf } from './ledger/ledger.ts'
import { removeJob, retryJob, stateOf } from './ledger/locate.ts'
import { nextUlid } from './ulids.ts'

/** The job a name of a map stands for. */
export type JobOf<Map, Name extends NameOf<Map> = NameOf<Map>> = {
  [N in Name]: Job<DataOf<Map, N>, ResultOf<Map, N>, N, ProgressOf<Map, N>>
}[Name]

/** What a job's object is made of. */
export interface JobSource {
  readonly ledger: Ledger
  readonly record: JobRecord
  readonly deduplicated?: boolean
  /** The lease it runs under, in a handler. */
  readonly grant?: Grant
  /** Told of progress that was written. */
  readonly onProgress?: (job: Job, progress: unknown) => void
}

/** A job's options as they were kept; those that are `undefined` were left to their defaults. */
export interface KeptJobOptions extends Readonly<KeptOptions> {
  /** Tries in all. */
  readonly attempts: number
  /** 0 runs first, then 1, 2, ... */
  readonly priority: number
  /** Whether it comes before others of its priority, newest first. */
  readonly lifo: boolean
  /** The job's id, whoever chose it. */
  readonly jobId: string
}

/** The parts of a job's record that change while it is known. */
type Adopted = Pick<JobRecord, 'head' | 'result' | 'history'> & Partial<Pick<JobRecord, 'lease' | 'problem'>>
/** A job's fields without its methods. */
export type JobJson<Data, Result, Name extends string, Progress> = {
  [K in keyof Job<Data, Result, Name, Progress> as Job<Data, Result, Name, Progress>[K] extends (
    ...args: never[]
  ) => unknown
    ? never
    : K]: Job<Data, Result, Name, Progress>[K]
}
type Writable<T> = { -readonly [K in keyof T]: T[K] }

/** A job as it was when it was looked at, and the methods that reach it by its id. Queues and workers make them. */
export class Job<Data = any, Result = any, Name extends string = string, Progress = unknown> {
  /** Its own within its queue. */
  readonly id: string
  /** The queue it was added to. */
  readonly queueName: string
  /** Empty for a job whose record cannot be read. */
  readonly name: Name
  /** What it was added with. */
  readonly data: Data
  /** Its options, the queue's defaults included; `undefined` where nobody said. */
  readonly opts: KeptJobOptions
  /** What the handler last reported; 0 before it did. */
  progress: Progress | number
  /** The handler's result; `undefined` before the job completed. */
  declare readonly returnvalue: Result | undefined
  /** Why the last attempt failed. */
  declare readonly failedReason: string | undefined
  /** Why the job failed for good. */
  declare readonly failedCode: FailedCode | undefined
  /** Stacks of failed attempts, oldest first; empty in lists and handlers. */
  declare readonly stacktrace: readonly string[]
  /** One entry per lease that ended, oldest first, the newest 20; empty in lists and handlers. */
  declare readonly history: readonly HistoryEntry[]
  /** Attempts that ended by themselves; stalls, snoozes and releases are none. */
  declare readonly attemptsMade: number
  /** How often it was claimed, the current lease included. */
  declare readonly attemptsStarted: number
  /** How often a lease ended without its worker. */
  declare readonly stalledCounter: number
  /** Milliseconds it was told to wait when it was added. */
  readonly delay: number
  /** 0 runs first, then 1, 2, ... */
  readonly priority: number
  /** When it was added, ms since the epoch. */
  readonly timestamp: number
  /** When its last lease began. */
  declare readonly processedOn: number | undefined
  /** The worker of its last lease. */
  declare readonly processedBy: string | undefined
  /** When it completed or failed for good, ms since the epoch. */
  declare readonly finishedOn: number | undefined
  /** Rises with every lease of this job; in a handler, `context.fence` is the current one. */
  declare readonly fence: number
  /** True on the job that `add` gives for an id that existed. */
  readonly deduplicated: boolean
  /** Who or what asked for it; empty where nobody said. */
  readonly metadata: Readonly<Record<string, string>>
  readonly #source: JobSource
  /** The head record's id. */
  readonly #record: string
  #progressWrite: { text: PayloadText; readonly done: Promise<void> } | undefined
  #logWrite: Promise<number> | undefined
  #lastProgressWrite: Promise<void> = Promise.resolve()

  /** @internal Jobs are made by queues and workers. */
  constructor(source: JobSource) {
    const { ledger, record } = source
    this.#source = source
    this.#record = recordOf(ledger, record.id)
    const { id, head } = record
    const key = head === undefined ? undefined : readReadyKey(head.key)
    this.id = id
    this.name = (head?.name ?? '') as Name
    this.queueName = ledger.queue
    this.data = decodePayload(record.data) as Data
    this.opts = {
      attempts: head === undefined ? 1 : attemptsOf(head.opts),
      backoff: head?.opts.backoff,
      timeout: head?.opts.timeout,
      timeoutPolicy: head?.opts.timeoutPolicy,
      removeOnComplete: head?.opts.removeOnComplete,
      removeOnFail: head?.opts.removeOnFail,
      keepLogs: head?.opts.keepLogs,
      delay: head?.opts.delay,
      metadata: head?.opts.metadata,
      priority: key?.priority ?? 0,
      lifo: key?.lifo ?? false,
      jobId: id,
    }
    this.progress = (decodePayload(record.progress) ?? 0) as Progress | number
    this.delay = head?.opts.delay ?? 0
    this.priority = key?.priority ?? 0
    this.timestamp = head?.timestamp ?? 0
    this.metadata = head?.opts.metadata ?? {}
    this.deduplicated = source.deduplicated ?? false
    this.adopt(record)
  }

  /** @internal Takes over what has become of the job. */
  adopt({ head, lease, problem, result, history }: Adopted): void {
    const shown = this as Partial<Writable<this>>
    shown.returnvalue = decodePayload(result) as Result | undefined
    shown.failedReason = problem?.message ?? head?.failedReason
    shown.failedCode = problem !== undefined && !problem.tooNew ? 'UNREADABLE' : head?.failedCode
    shown.stacktrace = history.flatMap(({ error }) => (error?.stack === undefined ? [] : [error.stack]))
    shown.history = history
    shown.attemptsMade = head?.attemptsMade ?? 0
    shown.attemptsStarted = (head?.attemptsStarted ?? 0) + (lease === undefined ? 0 : 1)
    shown.stalledCounter = head?.stalledCounter ?? 0
    shown.processedOn = lease?.startedAt ?? head?.processedOn
    shown.processedBy = lease?.worker ?? head?.processedBy
    shown.finishedOn = head?.finishedOn
    shown.fence = Math.max(head?.fence ?? 0, lease?.startedAt ?? 0)
  }

  /**
   * Replaces the job's progress, any value of JSON. Resolves once it is stored; of calls made meanwhile only the last one's
   * value is written. In a handler it is refused once the lease is lost.
   *
   * @throws HoldfastError `LOCK_LOST`, `JOB_NOT_FOUND`, `PAYLOAD_NOT_JSON`, `PAYLOAD_TOO_LARGE`.
   */
  async updateProgress(progress: Progress): Promise<void> {
    const text = encodeResult(progress, 'progress')
    if (this.#progressWrite !== undefined) this.#progressWrite.text = text
    else this.#progressWrite = { text, done: this.#writeProgress() }
    const write = this.#progressWrite.done
    await write
    this.progress = progress
    this.#source.onProgress?.(this as unknown as Job, progress)
  }

  /** Adds a line to the job's log; resolves with the number of lines kept. A line above 4 KiB is cut. */
  async log(line: string): Promise<number> {
    const { ledger, grant } = this.#source
    const write = async (): Promise<number> =>
      writeLogLine(ledger, { name: this.#record, grant }, String(line))
    // One after the other: they keep their order, and do not get into each other's way.
    const written = this.#logWrite === undefined ? write() : this.#logWrite.then(write, write)
    this.#logWrite = written
    return written
  }

  /** The log lines kept, oldest first; `start` and `end` are indexes, `end` inclusive, -1 the last. */
  async getLogs(start = 0, end = -1): Promise<{ logs: string[]; count: number }> {
    const lines = await readLogLines(this.#source.ledger, this.#record)
    return { logs: lines.slice(start, end < 0 ? lines.length + end + 1 : end + 1), count: lines.length }
  }

  /** Its state now; `unknown` when it no longer exists. */
  async getState(): Promise<JobState | 'unknown'> {
    return stateOf(this.#source.ledger, this.#record)
  }

  /** Whether it is `completed` now. */
  async isCompleted(): Promise<boolean> {
    return (await this.getState()) === 'completed'
  }

  /** Whether it is `failed` now. */
  async isFailed(): Promise<boolean> {
    return (await this.getState()) === 'failed'
  }

  /** Whether it is `delayed` now. */
  async isDelayed(): Promise<boolean> {
    return (await this.getState()) === 'delayed'
  }

  /** Whether it is `active` now. */
  async isActive(): Promise<boolean> {
    return (await this.getState()) === 'active'
  }

  /** Whether it is `waiting` now. */
  async isWaiting(): Promise<boolean> {
    return (await this.getState()) === 'waiting'
  }

  /** Removes the job and everything that is its own. @throws HoldfastError `JOB_NOT_FOUND`; `JOB_STATE` while it runs, unless `force`. */
  async remove(options: { force?: boolean } = {}): Promise<void> {
    const { force } = checkOptions<{ force?: boolean }>(options, { force: boolean }, 'remove')
    if (!(await removeJob(this.#source.ledger, this.#record, force ?? false))) {
      throw new HoldfastError('JOB_NOT_FOUND', `there is no job ${this.id} in ${this.queueName}`)
    }
  }

  /**
   * Puts a finished job back in line, behind those that wait now, as a new generation; its stalls are forgotten, its
   * attempts only where `resetAttempts` is true.
   *
   * @throws HoldfastError `JOB_NOT_FOUND`; `JOB_STATE` for a job that is not finished.
   */
  async retry(options: { resetAttempts?: boolean } = {}): Promise<void> {
    const { resetAttempts } = checkOptions<{ resetAttempts?: boolean }>(
      options,
      { resetAttempts: boolean },
      'retry',
    )
    const { ledger } = this.#source
    const { head } = await retryJob(ledger, this.#record, nextUlid(ledger.store), {
      resetAttempts: resetAttempts ?? false,
    })
    this.adopt({ head, result: '', history: this.history, lease: undefined, problem: undefined })
  }

  /** What the job is, as plain data. */
  toJSON(): JobJson<Data, Result, Name, Progress> {
    return Object.fromEntries(Object.entries(this)) as JobJson<Data, Result, Name, Progress>
  }

  /** One write at a time; the value is taken when the write begins. */
  async #writeProgress(): Promise<void> {
    const { ledger, grant } = this.#source
    const before = this.#lastProgressWrite
    const write = (async () => {
      await before.catch(() => undefined)
      const { text } = this.#progressWrite!
      this.#progressWrite = undefined
      await writeProgress(ledger, { name: this.#record, grant }, text)
    })()
    this.#lastProgressWrite = write
    return write
  }
}
