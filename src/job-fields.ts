/** What a job's object shows: the fields, as its records say. The methods are in `job.ts`. */
import type { LetterOrigin, LetterStory } from './core/dead-letter.ts'
import type { FailedCode } from './core/head.ts'
import type { HistoryEntry } from './core/history.ts'
import { type KeptOptions, attemptsOf } from './core/job-options.ts'
import { groupOf, readReadyKey, unescapePart } from './core/keys.ts'
import type { Departure, Ending } from './core/lifecycle.ts'
import { decodePayload } from './core/payload.ts'
import type { SchemaLookup } from './core/schema.ts'
import type { Job } from './job.ts'
import type { Grant } from './ledger/claim.ts'
import type { JobRecord } from './ledger/inspect.ts'
import { type Ledger, recordOf } from './ledger/ledger.ts'

/** A lease that is ended by hand. */
export interface JobHold {
  /** What a caller may show to prove that it is the one who was given the job. */
  readonly tokens: readonly string[]
  /** A result as its schema has it. */
  readonly conform: (result: unknown) => Promise<unknown>
  readonly end: (ending: Ending) => Promise<Departure>
  readonly fail: (error: unknown, job: Job) => Promise<Departure>
  readonly extend: (ms: number) => Promise<void>
  readonly now: () => number
}

/** What a job's object is made of. */
export interface JobSource {
  readonly ledger: Ledger
  readonly record: JobRecord
  readonly deduplicated?: boolean
  /** The lease it runs under, in a handler. */
  readonly grant?: Grant
  /** The lease in the hands of whoever has the job: see `getNextJob`. */
  readonly hold?: JobHold
  /** What its data must be, whoever changes them. */
  readonly schemasOf?: SchemaLookup
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
  /** Whose turn it is taken in, where it belongs to a group. */
  readonly group: { readonly id: string; readonly priority: number } | undefined
}

/** What a dead letter was before. */
export interface Origin {
  /** The queue it failed in, */
  readonly queue: string
  /** and its id there. */
  readonly id: string
  /** Why it failed for good. */
  readonly failedCode: FailedCode
  /** In words. */
  readonly failedReason: string
  /** ms since the epoch. */
  readonly failedAt: number
  /** One entry per lease that ended, oldest first, */
  readonly history: readonly HistoryEntry[]
  /** and its log lines: the newest of both that fit into 128 KiB. */
  readonly logs: readonly string[]
}

const originOf = (
  { queue, id, code, reason, at }: LetterOrigin,
  { history, logs }: LetterStory = { history: [], logs: [] },
): Origin => ({ queue, id, failedCode: code, failedReason: reason, failedAt: at, history, logs })

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
export type Writable<T> = { -readonly [K in keyof T]: T[K] }

/** @internal */
export abstract class JobFields<Data = any, Result = any, Name extends string = string, Progress = unknown> {
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
  /** The deduplication id it was added with. */
  readonly deduplicationId: string | undefined
  /** Where a dead letter came from; `history` and `logs` are empty in lists and handlers. */
  readonly origin: Origin | undefined
  /** True on the job that `add` gives where that existed. */
  readonly deduplicated: boolean
  /** What it can be found by; empty where it has none. */
  readonly tags: readonly string[]
  /** The schedule that made it, by id; `undefined` for all other jobs. */
  readonly repeatJobKey: string | undefined
  /** Who or what asked for it; empty where nobody said. */
  readonly metadata: Readonly<Record<string, string>>
  readonly #source: JobSource
  /** The head record's id. */
  readonly #record: string

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
      ttl: head?.opts.ttl,
      timeout: head?.opts.timeout,
      timeoutPolicy: head?.opts.timeoutPolicy,
      deadLetter: head?.opts.deadLetter,
      removeOnComplete: head?.opts.removeOnComplete,
      removeOnFail: head?.opts.removeOnFail,
      keepLogs: head?.opts.keepLogs,
      delay: head?.opts.delay,
      idempotencyKey: head?.opts.idempotencyKey,
      deduplication: head?.opts.deduplication,
      tags: head?.opts.tags,
      metadata: head?.opts.metadata,
      priority: key?.priority ?? 0,
      lifo: key?.lifo ?? false,
      jobId: id,
      group: head === undefined ? undefined : groupIn(head.key),
    }
    this.progress = (decodePayload(record.progress) ?? 0) as Progress | number
    this.delay = head?.opts.delay ?? 0
    this.priority = key?.priority ?? 0
    this.timestamp = head?.timestamp ?? 0
    this.deduplicationId = head?.opts.deduplication?.id
    this.tags = head?.opts.tags ?? []
    this.repeatJobKey = head?.schedule
    this.metadata = head?.opts.metadata ?? {}
    this.origin = head?.origin && originOf(head.origin, record.story)
    this.deduplicated = source.deduplicated ?? false
    this.adopt(record)
  }

  /** @internal Takes over what has become of the job. */
  adopt({ head, lease, problem, result, history }: Adopted): void {
    const shown = this as Partial<Writable<this>>
    shown.returnvalue = decodePayload(result) as Result | undefined
    shown.failedReason = problem?.message ?? head?.failedReason
    shown.failedCode = problem !== undefined && !problem.tooNew ? 'UNREADABLE' : head?.failedCode
    shown.stacktrace = history.length === 0 ? [] : stacksOf(history)
    shown.history = history
    shown.attemptsMade = head?.attemptsMade ?? 0
    shown.attemptsStarted = (head?.attemptsStarted ?? 0) + (lease === undefined ? 0 : 1)
    shown.stalledCounter = head?.stalledCounter ?? 0
    shown.processedOn = lease?.startedAt ?? head?.processedOn
    shown.processedBy = lease?.worker ?? head?.processedBy
    shown.finishedOn = head?.finishedOn
    shown.fence = Math.max(head?.fence ?? 0, lease?.startedAt ?? 0)
  }

  /** What the job is, as plain data. */
  toJSON(): JobJson<Data, Result, Name, Progress> {
    return Object.fromEntries(Object.entries(this)) as JobJson<Data, Result, Name, Progress>
  }

  /** @internal */
  protected get source(): JobSource {
    return this.#source
  }

  /** @internal The head record's id. */
  protected get record(): string {
    return this.#record
  }
}

function groupIn(key: string): KeptJobOptions['group'] {
  const group = groupOf(key)
  return group === undefined ? undefined : { id: unescapePart(group), priority: readReadyKey(key).priority }
}
const stacksOf = (history: readonly HistoryEntry[]): string[] =>
  history.flatMap(({ error }) => (error?.stack === undefined ? [] : [error.stack]))
