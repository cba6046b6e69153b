/** What a job's object shows: the fields, as its records say. The methods are in `job.ts`. */
import type { FailedCode, Head } from './core/head.ts'
import type { HistoryEntry } from './core/history.ts'
import { decodePayload } from './core/payload.ts'
import type { JobSource } from './job-source.ts'
import { type KeptJobOptions, type Origin, originOf, shownOptions } from './job-shown.ts'
import type { JobRecord } from './ledger/inspect.ts'
import { recordOf } from './ledger/ledger.ts'

/** The parts of a job's record that change while it is known. */
type Adopted = Pick<JobRecord, 'head' | 'result' | 'history'> & Partial<Pick<JobRecord, 'lease' | 'problem'>>

/** A job's fields without its methods. */
export type JobJson<Data, Result, Name extends string, Progress> = {
  [K in keyof JobFields<Data, Result, Name, Progress> as JobFields<Data, Result, Name, Progress>[K] extends (
    ...args: never[]
  ) => unknown
    ? never
    : K]: JobFields<Data, Result, Name, Progress>[K]
}

/** Of a value whose text nobody asked for yet. */
const UNREAD = Symbol('unread')
/** How Node, Deno and Bun ask an object for what `console.log` shows. */
const INSPECT = Symbol.for('nodejs.util.inspect.custom')

const NO_TAGS: readonly string[] = Object.freeze([])
const NO_METADATA: Readonly<Record<string, string>> = Object.freeze({})

/**
 * Each field is worked out when it is asked for: most jobs pass through a process without anybody looking at more than a few.
 *
 * @internal
 */
export abstract class JobFields<Data = any, Result = any, Name extends string = string, Progress = unknown> {
  readonly #source: JobSource
  /** The head record's id. */
  readonly #record: string
  #now: Adopted
  #data: Data | typeof UNREAD = UNREAD
  #progress: Progress | number | typeof UNREAD = UNREAD
  #returned: Result | undefined | typeof UNREAD = UNREAD
  #opts: KeptJobOptions | undefined

  /** @internal Jobs are made by queues and workers. */
  constructor(source: JobSource) {
    const { ledger, record } = source
    this.#source = source
    this.#record = recordOf(ledger, record.id)
    this.#now = record
  }

  /** Its own within its queue. */
  get id(): string {
    return this.#source.record.id
  }

  /** The queue it was added to. */
  get queueName(): string {
    return this.#source.ledger.queue
  }

  /** Empty for a job whose record cannot be read. */
  get name(): Name {
    return (this.#added?.name ?? '') as Name
  }

  /** What it was added with. */
  get data(): Data {
    if (this.#data === UNREAD) this.#data = decodePayload(this.#source.record.data) as Data
    return this.#data
  }

  /** Its options, the queue's defaults included; `undefined` where nobody said. */
  get opts(): KeptJobOptions {
    return (this.#opts ??= shownOptions(this.id, this.#added))
  }

  /** What the handler last reported; 0 before it did. */
  get progress(): Progress | number {
    if (this.#progress === UNREAD)
      this.#progress = (decodePayload(this.#source.record.progress) ?? 0) as Progress | number
    return this.#progress
  }

  /** The handler's result; `undefined` before the job completed. */
  get returnvalue(): Result | undefined {
    if (this.#returned === UNREAD) this.#returned = decodePayload(this.#now.result) as Result | undefined
    return this.#returned
  }

  /** Why the last attempt failed. */
  get failedReason(): string | undefined {
    return this.#now.problem?.message ?? this.#now.head?.failedReason
  }

  /** Why the job failed for good. */
  get failedCode(): FailedCode | undefined {
    const { problem, head } = this.#now
    return problem !== undefined && !problem.tooNew ? 'UNREADABLE' : head?.failedCode
  }

  /** Stacks of failed attempts, oldest first; empty in lists and handlers. */
  get stacktrace(): readonly string[] {
    return this.history.flatMap(({ error }) => (error?.stack === undefined ? [] : [error.stack]))
  }

  /** One entry per lease that ended, oldest first, the newest 20; empty in lists and handlers. */
  get history(): readonly HistoryEntry[] {
    return this.#now.history
  }

  /** Attempts that ended by themselves; stalls, snoozes and releases are none. */
  get attemptsMade(): number {
    return this.#now.head?.attemptsMade ?? 0
  }

  /** How often it was claimed, the current lease included. */
  get attemptsStarted(): number {
    return (this.#now.head?.attemptsStarted ?? 0) + (this.#now.lease === undefined ? 0 : 1)
  }

  /** How often a lease ended without its worker. */
  get stalledCounter(): number {
    return this.#now.head?.stalledCounter ?? 0
  }

  /** Milliseconds it was told to wait when it was added. */
  get delay(): number {
    return this.opts.delay ?? 0
  }

  /** 0 runs first, then 1, 2, ... */
  get priority(): number {
    return this.opts.priority
  }

  /** When it was added, ms since the epoch. */
  get timestamp(): number {
    return this.#added?.timestamp ?? 0
  }

  /** When its last lease began. */
  get processedOn(): number | undefined {
    return this.#now.lease?.startedAt ?? this.#now.head?.processedOn
  }

  /** The worker of its last lease. */
  get processedBy(): string | undefined {
    return this.#now.lease?.worker ?? this.#now.head?.processedBy
  }

  /** When it completed or failed for good, ms since the epoch. */
  get finishedOn(): number | undefined {
    return this.#now.head?.finishedOn
  }

  /** Rises with every lease of this job; in a handler, `context.fence` is the current one. */
  get fence(): number {
    return Math.max(this.#now.head?.fence ?? 0, this.#now.lease?.startedAt ?? 0)
  }

  /** The deduplication id it was added with. */
  get deduplicationId(): string | undefined {
    return this.#added?.opts.deduplication?.id
  }

  /** Where a dead letter came from; `history` and `logs` are empty in lists and handlers. */
  get origin(): Origin | undefined {
    return this.#added?.origin && originOf(this.#added.origin, this.#source.record.story)
  }

  /** True on the job that `add` gives where that existed. */
  get deduplicated(): boolean {
    return this.#source.deduplicated ?? false
  }

  /** What it can be found by; empty where it has none. */
  get tags(): readonly string[] {
    return this.#added?.opts.tags ?? NO_TAGS
  }

  /** The schedule that made it, by id; `undefined` for all other jobs. */
  get repeatJobKey(): string | undefined {
    return this.#added?.schedule
  }

  /** Who or what asked for it; empty where nobody said. */
  get metadata(): Readonly<Record<string, string>> {
    return this.#added?.opts.metadata ?? NO_METADATA
  }

  /** What the job is, as plain data. */
  toJSON(): JobJson<Data, Result, Name, Progress> {
    return Object.fromEntries(FIELDS.map((field) => [field, this[field]])) as unknown as JobJson<
      Data,
      Result,
      Name,
      Progress
    >
  }

  /** @internal */
  [INSPECT](_depth: number, options: unknown, inspect: (value: unknown, options: unknown) => string): string {
    return `Job ${inspect(this.toJSON(), options)}`
  }

  /** @internal Takes over what has become of the job. */
  adopt(now: Adopted): void {
    this.#now = now
    this.#returned = UNREAD
  }

  /** @internal Takes over what was changed. */
  show({ data, progress, opts }: Shown<Data, Progress>): void {
    if (data !== undefined) this.#data = data.value
    if (progress !== undefined) this.#progress = progress.value
    if (opts !== undefined) this.#opts = { ...this.opts, ...opts }
  }

  /** @internal */
  protected get source(): JobSource {
    return this.#source
  }

  /** @internal The head record's id. */
  protected get record(): string {
    return this.#record
  }

  /** As it was when it was looked at: what this says of a job does not change by being run. */
  get #added(): Head | undefined {
    return this.#source.record.head
  }
}

/** What may be changed of a job that is not its course of life. */
interface Shown<Data, Progress> {
  readonly data?: { readonly value: Data }
  readonly progress?: { readonly value: Progress }
  readonly opts?: Partial<KeptJobOptions>
}

const FIELDS = [
  'id',
  'queueName',
  'name',
  'data',
  'opts',
  'progress',
  'returnvalue',
  'failedReason',
  'failedCode',
  'stacktrace',
  'history',
  'attemptsMade',
  'attemptsStarted',
  'stalledCounter',
  'delay',
  'priority',
  'timestamp',
  'processedOn',
  'processedBy',
  'finishedOn',
  'fence',
  'deduplicationId',
  'origin',
  'deduplicated',
  'tags',
  'repeatJobKey',
  'metadata',
] as const satisfies readonly (keyof JobFields)[]
