/** What a job's object shows of its head that the head says otherwise: its options, and where it came from. */
import type { LetterOrigin, LetterStory } from './core/dead-letter.ts'
import type { FailedCode, Head } from './core/head.ts'
import type { HistoryEntry } from './core/history.ts'
import { type KeptOptions, attemptsOf } from './core/job-options.ts'
import { groupOf, unescapePart } from './core/keys.ts'
import { readReadyKey } from './core/ready-key.ts'

/** A job's options as they were kept; those that are `undefined` were left to their defaults. */
export interface KeptJobOptions extends Readonly<KeptOptions> {
  /** Tries in all. */
  readonly attempts: number
  /** 0 runs first, then 1, 2, ... */
  readonly priority: number
  /** Whether it comes before others of its priority, newest first. */
  readonly lifo: boolean
  /** Milliseconds of waiting that are worth a step of priority. */
  readonly aging: number | undefined
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

export const originOf = (
  { queue, id, code, reason, at }: LetterOrigin,
  { history, logs }: LetterStory = { history: [], logs: [] },
): Origin => ({ queue, id, failedCode: code, failedReason: reason, failedAt: at, history, logs })

/** A job's options as its object shows them; the defaults' where its record cannot be read. */
export function shownOptions(id: string, head: Head | undefined): KeptJobOptions {
  const key = head === undefined ? undefined : readReadyKey(head.key)
  return {
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
    aging: key?.aging,
    jobId: id,
    group: head === undefined ? undefined : groupIn(head.key),
  }
}

function groupIn(key: string): KeptJobOptions['group'] {
  const group = groupOf(key)
  return group === undefined ? undefined : { id: unescapePart(group), priority: readReadyKey(key).priority }
}
