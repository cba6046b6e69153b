/**
 * `holdfast`: queues, workers and jobs. Stores have entries of their own.
 *
 * @module holdfast
 */
export { HoldfastError, RateLimitError, RetryAfterError, SnoozeError, UnrecoverableError } from './error.ts'
export type { ErrorCode, Outcome } from './error.ts'
export type { RetryAnswer } from './core/asked-wait.ts'
export type { AuditAction, AuditLine, Force, Intervention } from './core/audit.ts'
export type { BatchOptions } from './core/batch-options.ts'
export type { BackoffOptions, Jitter } from './core/backoff.ts'
export type { DeduplicationOptions } from './core/deduplication-options.ts'
export type { DeadLetterOptions } from './core/dead-letter-options.ts'
export type { Cause, CauseFacts, CauseName, Explanation } from './core/explain.ts'
export type { WorkerInfo } from './core/presence.ts'
export type { FinishedFilter } from './core/finished-filter.ts'
export type { FindOptions } from './core/find-options.ts'
export type { FailedCode } from './core/head.ts'
export type { HistoryEntry } from './core/history.ts'
export type {
  CheckedJobOptions,
  DefaultJobOptions,
  JobOptions,
  KeepBounds,
  KeepJobs,
  TimeoutPolicy,
} from './core/job-options.ts'
export type {
  LegacySettings,
  PassedOverKeepOptions,
  PassedOverOptions,
  PassedOverQueueOptions,
} from './core/legacy.ts'
export type { SchemaIssue, SchemaResult, Schemas, StandardSchema } from './core/schema.ts'
export { retryHttp } from './core/retry-http.ts'
export type { GroupLimits, JobGroup } from './core/group.ts'
export type { RateLimit } from './core/limits.ts'
export type { JobFilter, JobState } from './core/lifecycle.ts'
export type { MissedRuns, Overlap, RepeatOptions } from './core/schedule-options.ts'
export type { QueueEvents, WorkerEvents } from './event-maps.ts'
export type { Listener } from './events.ts'
export type { Handler, Handlers } from './handler.ts'
export type { Host } from './host.ts'
export { Job } from './job.ts'
export type { JobOf, JobToken } from './job.ts'
export type { JobJson } from './job-fields.ts'
export type { KeptJobOptions, Origin } from './job-shown.ts'
export type { JobMap, JobShape } from './job-map.ts'
export type { JobCounts } from './ledger/inspect.ts'
export type { CleanState } from './ledger/mass.ts'
export type { Redriven } from './ledger/redrive.ts'
export type { Verification } from './ledger/verify.ts'
export type { JobContext } from './loops/attempt.ts'
export type { BackoffStrategy, RetryIf } from './loops/judge.ts'
export { nextRuns } from './next-runs.ts'
export { Queue } from './queue.ts'
export type { RedriveOptions } from './queue-manage.ts'
export type { GroupCount } from './queue-groups.ts'
export type { BulkJob, QueueOptions, RetryJobsOptions } from './queue-options.ts'
export type { JobTemplate } from './queue-schedules.ts'
export { retry } from './retry.ts'
export type { RetryOptions } from './retry.ts'
export type { JobSchedulerJson } from './scheduler-json.ts'
export type { Change, Durability, Key, Move, Moved, Page, Place, Result, Span, Store } from './store.ts'
export type { LegacyBackoffStrategy } from './strategies.ts'
export { Worker } from './worker.ts'
export type { CloseOptions, WorkerOptions } from './worker-options.ts'
