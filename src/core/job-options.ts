/** The options of a job: checked when it is added, kept in its head where they are not the defaults. */
import {
  ATTEMPTS_MOST,
  DURATION_MOST,
  JOB_ID_BYTES,
  LOG_LINES,
  LOG_LINES_MOST,
  METADATA_BYTES,
  PAYLOAD_BYTES,
  PRIORITY_MOST,
  TAGS_MOST,
  TAG_BYTES,
  TIME_MOST,
} from './bounds.ts'
import { agingCheck, refuseAging } from './aging.ts'
import { type BackoffOptions, backoffCheck } from './backoff.ts'
import {
  type Check,
  type Checks,
  boolean,
  checkOptions,
  duration,
  integer,
  object,
  refuseOption,
} from './check.ts'
import { type DeduplicationOptions, deduplicationCheck } from './deduplication-options.ts'
import { type DeadLetterOptions, deadLetterCheck } from './dead-letter-options.ts'
import { type CheckedGroup, type JobGroup, groupCheck, groupIdCheck } from './group.ts'
import { type PassedOverKeepOptions, byLegacy } from './legacy.ts'
import { checkName, keyTextCheck } from './names.ts'
import type { RepeatOptions } from './schedule-options.ts'
import { utf8Bytes } from './text.ts'

/** A bound by number, by time, or by both. */
export interface KeepBounds {
  /** The newest so many are kept; default: no bound by number where `age` is given. 0 keeps none. */
  count?: number
  /** Seconds (as in BullMQ, not milliseconds) after its end for which a job is kept; default: for ever. 0 keeps none. */
  age?: number
  /** Bytes that the kept jobs have together, data, results, history and log lines included: the newest that fit. Default: no bound. 0 keeps none. */
  maxBytes?: number
}

/**
 * What is kept of finished jobs. `true`: none. `false`: all. A number: the newest so many, as `{ count }`. With both `count`
 * and `age` (or `maxBytes`), a job goes as soon as one of them says so. None goes earlier than its rule says; it goes later, in steps: when jobs
 * finish, when a worker has nothing else to do, and when one starts. An idle worker does nothing, so what gets too old
 * meanwhile stays until then.
 */
export type KeepJobs = boolean | number | (KeepBounds & PassedOverKeepOptions)

/** What becomes of a job whose attempt took longer than its `timeout`. */
export type TimeoutPolicy = 'retry' | 'fail'
const TIMEOUT_POLICIES: readonly TimeoutPolicy[] = ['retry', 'fail']

/** What can be said of a job when it is added. Times are in milliseconds. */
export interface JobOptions {
  /** The job's own id, any text of 1 to 256 bytes as escaped; default: a monotonic ULID. Adding an id that exists returns that job, unchanged. */
  jobId?: string
  /**
   * Names what is asked for, in 1 to 256 bytes as escaped: adding the same again gives the job there was, even after it is gone;
   * with another name or other data it is `IDEMPOTENCY_CONFLICT`.
   */
  idempotencyKey?: string
  /** Milliseconds for which the key holds; default 24 hours. It holds longer where its job does not end before. */
  idempotencyKeyTTL?: number
  /** One job at a time, or one in a time, of those that have an id in common. */
  deduplication?: DeduplicationOptions
  /** Milliseconds from now; default 0. Not together with `runAt`. */
  delay?: number
  /** A Date or ms since the epoch; a time in the past is now. */
  runAt?: Date | number
  /** 0 to 2,097,151; 0 runs first, then 1, 2, ... Default 0. */
  priority?: number
  /** Newest first within its priority; default false. */
  lifo?: boolean
  /**
   * Milliseconds of waiting that count as much as one step of priority: the job comes before all that are due `priority * aging` ms
   * later than it, so it does not wait for ever. Give it to all jobs of a queue, in its `defaultJobOptions`. Default: priority is absolute.
   */
  aging?: number
  /** Total tries; default 1. */
  attempts?: number
  /** How long to wait before the next try; default: not at all. A number is `{ type: 'fixed', delay }`. */
  backoff?: number | BackoffOptions
  /** Milliseconds after it was to be run first: a job that has not begun by then fails for good with `EXPIRED`. Default: it waits. */
  ttl?: number
  /** Milliseconds an attempt may take; then its signal aborts and it fails with `TIMEOUT`. Default: no limit. */
  timeout?: number
  /** What a passed `timeout` means. `retry` (default): an attempt that failed, as any other. `fail`: the job fails for good, whatever attempts are left. */
  timeoutPolicy?: TimeoutPolicy
  /**
   * Where the job goes if it fails for good, by any way but a cancel: a queue's name, or `{ queue, maxDepth }`. It waits there under
   * the id `<queue>:<id>` and is gone from its own queue. Default: it stays, as failed.
   */
  deadLetter?: string | DeadLetterOptions
  /** What is kept of jobs that completed; default `{ count: 1000 }`. The rule of the job that finished last holds for its queue. */
  removeOnComplete?: KeepJobs
  /** The same for jobs that failed; default `{ count: 5000 }`. */
  removeOnFail?: KeepJobs
  /** Log lines kept, the newest; 0 to 200, default 100. */
  keepLogs?: number
  /** Bytes that the data may have as encoded, below the limit of 256 KiB. */
  sizeLimit?: number
  /** What the job can be found by: up to 8 texts of at most 128 bytes as escaped; one that is named twice counts once. */
  tags?: readonly string[]
  /** Whose turn it is taken in: jobs of one group wait for each other, not for those of other groups. */
  group?: JobGroup
  /** Who or what asked for this job: short texts, up to 2 KiB as JSON. */
  metadata?: Record<string, string>
  /** Makes a schedule instead of a job: `jobId` is its id (default: name, pattern and tz), and adding it again changes nothing. */
  repeat?: RepeatOptions
}

/** What `defaultJobOptions` of a queue can say: all but what belongs to one job. */
export type DefaultJobOptions = Omit<
  JobOptions,
  'jobId' | 'runAt' | 'idempotencyKey' | 'deduplication' | 'group' | 'repeat'
>

/** Job options after checking: one form each, `delay` and `runAt` still as given. */
export interface CheckedJobOptions
  extends Omit<
    JobOptions,
    'runAt' | 'backoff' | 'deadLetter' | 'removeOnComplete' | 'removeOnFail' | 'group'
  > {
  /** Whose turn it is taken in. */
  group?: CheckedGroup
  /** ms since the epoch. */
  runAt?: number
  /** How long to wait before the next try. */
  backoff?: BackoffOptions
  /** Where the job goes if it fails for good. */
  deadLetter?: DeadLetterOptions
  /** What is kept of jobs that completed. */
  removeOnComplete?: boolean | KeepBounds
  /** What is kept of jobs that failed. */
  removeOnFail?: boolean | KeepBounds
}

const legacyOfRetention = byLegacy('retention')

const keepChecks: Checks<KeepBounds> = {
  count: integer(0, Number.MAX_SAFE_INTEGER),
  age: integer(0, Math.floor(DURATION_MOST / 1000), 'seconds'),
  maxBytes: integer(0, Number.MAX_SAFE_INTEGER, 'bytes'),
}

const keepCheck: Check<boolean | KeepBounds> = (value, field) => {
  if (typeof value === 'boolean') return value
  if (typeof value === 'number') return { count: keepChecks.count(value, field) }
  const kept = checkOptions(value, keepChecks, field, `${field}.`, legacyOfRetention)
  return kept.count === undefined && kept.age === undefined && kept.maxBytes === undefined
    ? refuseOption(
        field,
        value,
        'true, false, a number, or an object with count, age (in seconds) or maxBytes',
      )
    : kept
}

/** A point in time as ms since the epoch. */
export const timeCheck: Check<number> = (value, field) => {
  const at = value instanceof Date ? value.getTime() : value
  return typeof at === 'number' && at >= -TIME_MOST && at <= TIME_MOST
    ? Math.max(0, Math.floor(at))
    : refuseOption(field, value, 'a valid Date, or milliseconds since the epoch before the year 2286')
}

const metadataCheck: Check<Record<string, string>> = (value, field) => {
  const entries = Object.entries(object(value, field))
  for (const [key, text] of entries) {
    if (typeof text !== 'string') refuseOption(`${field}.${key}`, text, 'a string')
  }
  // Object.fromEntries defines properties, so a key named __proto__ stays a key.
  const copy = Object.fromEntries(entries) as Record<string, string>
  const bytes = utf8Bytes(JSON.stringify(copy))
  return bytes <= METADATA_BYTES
    ? copy
    : refuseOption(field, `${bytes} bytes`, `at most ${METADATA_BYTES} bytes as JSON`)
}

const tagsCheck: Check<readonly string[]> = (value, field) => {
  if (!Array.isArray(value)) refuseOption(field, value, 'an array of texts')
  const tags = new Set(value.map((tag, at) => checkName(tag, `${field}[${at}]`, TAG_BYTES)))
  return tags.size <= TAGS_MOST ? [...tags] : refuseOption(field, `${tags.size} tags`, `at most ${TAGS_MOST}`)
}

const defaultChecks: Checks<DefaultJobOptions> = {
  delay: integer(0, DURATION_MOST, 'milliseconds'),
  priority: integer(0, PRIORITY_MOST),
  lifo: boolean,
  aging: agingCheck,
  attempts: integer(1, ATTEMPTS_MOST),
  backoff: backoffCheck,
  ttl: duration(1),
  timeout: duration(1),
  timeoutPolicy: (value, field) =>
    TIMEOUT_POLICIES.find((policy) => policy === value) ?? refuseOption(field, value, "'retry' or 'fail'"),
  deadLetter: deadLetterCheck,
  removeOnComplete: keepCheck,
  removeOnFail: keepCheck,
  keepLogs: integer(0, LOG_LINES_MOST),
  idempotencyKeyTTL: duration(1),
  sizeLimit: integer(0, PAYLOAD_BYTES, 'bytes'),
  tags: tagsCheck,
  metadata: metadataCheck,
}

/** The id of a group. */
export const checkGroupId: Check<string> = groupIdCheck(checkName)

const jobChecks: { readonly [K in keyof Required<JobOptions>]: Check<unknown> } = {
  group: groupCheck(checkGroupId),
  jobId: (value, field) => checkName(value, field, JOB_ID_BYTES),
  idempotencyKey: keyTextCheck,
  deduplication: deduplicationCheck,
  runAt: timeCheck,
  repeat: object,
  ...defaultChecks,
}

const legacyOfJobs = byLegacy('job')

export function checkDefaultJobOptions(given: unknown): CheckedJobOptions {
  const defaults = checkOptions(
    given,
    defaultChecks,
    'defaultJobOptions',
    '',
    legacyOfJobs,
  ) as CheckedJobOptions
  refuseAging(defaults)
  return defaults
}

/** A job of a group cannot be what another one makes of it: it would have to change its line. */
export function refuseGrouped({ group, deduplication }: CheckedJobOptions): void {
  for (const way of ['replace', 'keepLastIfActive'] as const)
    if (group !== undefined && deduplication?.[way] === true)
      refuseOption(`deduplication.${way}`, true, 'left out for a job of a group')
}

/** A job's own options over its queue's defaults. @throws HoldfastError `OPTION_INVALID` naming the field. */
export function checkJobOptions(given: unknown, defaults: CheckedJobOptions): CheckedJobOptions {
  if (given === undefined) return defaults
  const own = checkOptions<object>(
    given,
    jobChecks,
    'the job',
    '',
    legacyOfJobs,
  ) as unknown as CheckedJobOptions
  if (own.delay !== undefined && own.runAt !== undefined) {
    refuseOption('runAt', given && (given as JobOptions).runAt, 'left out where delay is given')
  }
  const merged = { ...defaults, ...own }
  const { group, priority, aging, lifo } = merged
  refuseGrouped(merged)
  refuseAging({ priority: group?.priority ?? priority, aging, lifo })
  if (own.runAt !== undefined) delete merged.delay
  return merged
}

/** What of its options a job's head keeps: what is needed after it was added, so not what its key says. */
export type KeptOptions = Pick<
  CheckedJobOptions,
  | 'attempts'
  | 'backoff'
  | 'ttl'
  | 'timeout'
  | 'timeoutPolicy'
  | 'deadLetter'
  | 'removeOnComplete'
  | 'removeOnFail'
  | 'keepLogs'
  | 'delay'
  | 'idempotencyKey'
  | 'deduplication'
  | 'tags'
  | 'metadata'
>

/** Most jobs have no options of their own: their heads share these. */
export const NO_OPTIONS: KeptOptions = {}

export function keptOptions(options: CheckedJobOptions): KeptOptions {
  for (const _ in options) return namedOptions(options)
  return NO_OPTIONS
}

/** Every one is named, so that all have one shape. */
const namedOptions = (options: CheckedJobOptions): KeptOptions => ({
  attempts: options.attempts,
  backoff: options.backoff,
  ttl: options.ttl,
  timeout: options.timeout,
  timeoutPolicy: options.timeoutPolicy,
  deadLetter: options.deadLetter,
  removeOnComplete: options.removeOnComplete,
  removeOnFail: options.removeOnFail,
  keepLogs: options.keepLogs,
  delay: options.delay,
  idempotencyKey: options.idempotencyKey,
  deduplication: options.deduplication,
  tags: options.tags?.length === 0 ? undefined : options.tags,
  metadata: options.metadata,
})

export const attemptsOf = (options: KeptOptions): number => options.attempts ?? 1
export const keptLogLines = (options: KeptOptions): number => options.keepLogs ?? LOG_LINES
