/** What queues and workers report: the arguments of each event. */
import type { JobState } from './core/lifecycle.ts'

/** What a queue object did itself; not what others did to the queue. */
export type QueueEvents<AnyJob> = {
  /** A job was added that can run at once. */
  waiting: [job: AnyJob]
  /** What was added met a job that has its deduplication id, and is that job now. */
  deduplicated: [job: AnyJob, deduplicationId: string]
  /** A job was removed. */
  removed: [id: string]
  /** A job that was not being run was cancelled, or one that was had its lease taken for that; `failed` follows. */
  cancelled: [id: string, reason: string]
  /** This object ended a job as failed. */
  failed: [job: AnyJob, error: Error, prev: JobState]
  /** `clean` removed jobs. */
  cleaned: [ids: string[], state: string]
  /** The queue was not paused before. */
  paused: []
  /** The queue was paused before. */
  resumed: []
  /** A listener threw. */
  error: [error: Error]
}

/** What the handler of a job gives. */
type ResultIn<AnyJob> = AnyJob extends { readonly returnvalue: infer Result }
  ? Exclude<Result, undefined>
  : unknown

/** What a worker reports. */
export type WorkerEvents<AnyJob> = {
  /** Before the handler of a job runs. */
  active: [job: AnyJob, prev: 'waiting']
  /** A handler's `updateProgress` was stored. */
  progress: [job: AnyJob, progress: unknown]
  /** The end of a job was stored. */
  completed: [job: AnyJob, result: ResultIn<AnyJob>, prev: 'active']
  /** After every attempt that failed; the job is failed for good where `job.failedCode` is set. */
  failed: [job: AnyJob | undefined, error: Error, prev: 'active']
  /** A job that ran here was cancelled, and its end is stored; `failed` follows. */
  cancelled: [id: string, reason: string]
  /** A lease ended without its worker: the job waits for another, or `failed` follows. */
  stalled: [id: string, prev: 'active']
  /** After the `failed` of a job that failed for good, for whatever reason but a cancel. */
  'retries-exhausted': [id: string, attemptsMade: number]
  /** A lease of this worker was taken while its handler ran; what comes of it is discarded. */
  lockLost: [job: AnyJob]
  /** A job that ended here made more wait in a queue of dead letters than `maxDepth`; again once they were fewer. */
  deadLetterDepth: [queue: string, depth: number]
  /** The queue gave all it had, and nothing runs. */
  drained: []
  /** By `worker.pause()`. */
  paused: []
  /** By `worker.resume()`. */
  resumed: []
  /** What went wrong beside the jobs: the store, a listener, a backoff strategy. The worker goes on. */
  error: [error: Error]
  /** `close()` was called. */
  closing: []
  /** Nothing of the worker is left. */
  closed: []
}
