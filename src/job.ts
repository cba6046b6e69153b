/** A job as users see it: what its records say, and the methods that reach it by its id. */
import type { FailedCode, Head } from './core/head.ts'
import type { HistoryEntry } from './core/history.ts'
import { type CheckedJobOptions, attemptsOf } from './core/job-options.ts'
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

/** A job's options as they were kept. */
export type KeptJobOptions = Readonly<
  Pick<
    CheckedJobOptions,
    | 'attempts'
    | 'backoff'
    | 'timeout'
    | 'removeOnComplete'
    | 'removeOnFail'
    | 'keepLogs'
    | 'delay'
    | 'metadata'
  > & { attempts: number; priority: number; lifo: boolean; jobId: string }
>

export class Job<Data = any, Result = any, Name extends string = string, Progress = unknown> {
  readonly #source: JobSource
  /** The head record's id. */
  readonly #name: string
  #record: JobRecord
  #data: { readonly value: unknown } | undefined
  #progress: { readonly value: unknown } | undefined
  #progressWrite: { text: PayloadText; readonly done: Promise<void> } | undefined
  #lastProgressWrite: Promise<void> = Promise.resolve()

  /** @internal Jobs are made by queues and workers. */
  constructor(source: JobSource) {
    this.#source = source
    this.#name = recordOf(source.ledger, source.record.id)
    this.#record = source.record
  }

  /** @internal What has become of the job. */
  adopt(record: Partial<JobRecord>): void {
    this.#record = { ...this.#record, ...record }
  }

  get #head(): Head | undefined {
    return this.#record.head
  }

  get id(): string {
    return this.#record.id
  }

  /** Empty for a job whose record cannot be read. */
  get name(): Name {
    return (this.#head?.name ?? '') as Name
  }

  get queueName(): string {
    return this.#source.ledger.queue
  }

  get data(): Data {
    this.#data ??= { value: decodePayload(this.#record.data) }
    return this.#data.value as Data
  }

  get opts(): KeptJobOptions {
    return {
      ...this.#head?.opts,
      attempts: this.#head === undefined ? 1 : attemptsOf(this.#head.opts),
      priority: this.priority,
      lifo: this.#head !== undefined && readReadyKey(this.#head.key).lifo,
      jobId: this.id,
    }
  }

  /** What the handler last reported; 0 before it did. */
  get progress(): Progress | number {
    this.#progress ??= { value: decodePayload(this.#record.progress) }
    return (this.#progress.value ?? 0) as Progress | number
  }

  /** The handler's result; `undefined` before the job completed. */
  get returnvalue(): Result | undefined {
    return decodePayload(this.#record.result) as Result | undefined
  }

  /** Why the last attempt failed. */
  get failedReason(): string | undefined {
    return this.#record.problem?.message ?? this.#head?.failedReason
  }

  /** Why the job failed for good. */
  get failedCode(): FailedCode | undefined {
    const { problem } = this.#record
    return problem !== undefined && !problem.tooNew ? 'UNREADABLE' : this.#head?.failedCode
  }

  /** Stacks of failed attempts, oldest first; empty in lists. */
  get stacktrace(): string[] {
    return this.history.flatMap(({ error }) => (error?.stack === undefined ? [] : [error.stack]))
  }

  /** One entry per lease that ended, oldest first, the newest 20; empty in lists. */
  get history(): readonly HistoryEntry[] {
    return this.#record.history
  }

  get attemptsMade(): number {
    return this.#head?.attemptsMade ?? 0
  }

  /** How often it was claimed, the current lease included. */
  get attemptsStarted(): number {
    return (this.#head?.attemptsStarted ?? 0) + (this.#record.lease === undefined ? 0 : 1)
  }

  get stalledCounter(): number {
    return this.#head?.stalledCounter ?? 0
  }

  /** Milliseconds it was told to wait when it was added. */
  get delay(): number {
    return this.#head?.opts.delay ?? 0
  }

  get priority(): number {
    return this.#head === undefined ? 0 : readReadyKey(this.#head.key).priority
  }

  /** When it was added, ms since the epoch. */
  get timestamp(): number {
    return this.#head?.timestamp ?? 0
  }

  /** When its last lease began. */
  get processedOn(): number | undefined {
    return this.#record.lease?.startedAt ?? this.#head?.processedOn
  }

  /** The worker of its last lease. */
  get processedBy(): string | undefined {
    return this.#record.lease?.worker ?? this.#head?.processedBy
  }

  get finishedOn(): number | undefined {
    return this.#head?.finishedOn
  }

  /** Rises with every lease of this job; in a handler, `context.fence` is the current one. */
  get fence(): number {
    return Math.max(this.#head?.fence ?? 0, this.#record.lease?.startedAt ?? 0)
  }

  /** True on the job that `add` gives for an id that existed. */
  get deduplicated(): boolean {
    return this.#source.deduplicated ?? false
  }

  get metadata(): Readonly<Record<string, string>> {
    return this.#head?.opts.metadata ?? {}
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
    this.#progress = { value: progress }
    this.#source.onProgress?.(this as Job, progress)
  }

  /** Adds a line to the job's log; resolves with the number of lines kept. A line above 4 KiB is cut. */
  async log(line: string): Promise<number> {
    return writeLogLine(this.#source.ledger, { name: this.#name, grant: this.#source.grant }, String(line))
  }

  /** The log lines kept, oldest first; `start` and `end` are indexes, `end` inclusive, -1 the last. */
  async getLogs(start = 0, end = -1): Promise<{ logs: string[]; count: number }> {
    const lines = await readLogLines(this.#source.ledger, this.#name)
    return { logs: lines.slice(start, end < 0 ? lines.length + end + 1 : end + 1), count: lines.length }
  }

  /** Its state now; `unknown` when it no longer exists. */
  async getState(): Promise<JobState | 'unknown'> {
    return stateOf(this.#source.ledger, this.#name)
  }

  async isCompleted(): Promise<boolean> {
    return (await this.getState()) === 'completed'
  }

  async isFailed(): Promise<boolean> {
    return (await this.getState()) === 'failed'
  }

  async isDelayed(): Promise<boolean> {
    return (await this.getState()) === 'delayed'
  }

  async isActive(): Promise<boolean> {
    return (await this.getState()) === 'active'
  }

  async isWaiting(): Promise<boolean> {
    return (await this.getState()) === 'waiting'
  }

  /** Removes the job and everything that is its own. @throws HoldfastError `JOB_NOT_FOUND`; `JOB_STATE` while it runs, unless `force`. */
  async remove(options: { force?: boolean } = {}): Promise<void> {
    if (!(await removeJob(this.#source.ledger, this.#name, options.force ?? false))) {
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
    const { ledger } = this.#source
    const { head, raw } = await retryJob(ledger, this.#name, nextUlid(ledger.store), {
      resetAttempts: options.resetAttempts ?? false,
    })
    this.adopt({ head, raw, result: '', lease: undefined })
  }

  /** What the job is, as plain data. */
  toJSON(): Record<string, unknown> {
    const { id, name, queueName, data, opts, progress, returnvalue, failedReason, failedCode, stacktrace } =
      this
    const { attemptsMade, attemptsStarted, stalledCounter, delay, priority, timestamp } = this
    const { processedOn, processedBy, finishedOn, fence, history, deduplicated, metadata } = this
    return {
      ...{ id, name, queueName, data, opts, progress, returnvalue, failedReason, failedCode, stacktrace },
      ...{ attemptsMade, attemptsStarted, stalledCounter, delay, priority, timestamp },
      ...{ processedOn, processedBy, finishedOn, fence, history, deduplicated, metadata },
    }
  }

  /** What `console.log` shows in Node. */
  [Symbol.for('nodejs.util.inspect.custom')](): Record<string, unknown> {
    return this.toJSON()
  }

  /** One write at a time; the value is taken when the write begins. */
  async #writeProgress(): Promise<void> {
    const { ledger, grant } = this.#source
    const before = this.#lastProgressWrite
    const write = (async () => {
      await before.catch(() => undefined)
      const { text } = this.#progressWrite!
      this.#progressWrite = undefined
      await writeProgress(ledger, { name: this.#name, grant }, text)
    })()
    this.#lastProgressWrite = write
    return write
  }
}
