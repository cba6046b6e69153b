/**
 * Forms that BullMQ's users know and paste: which of them are passed over because there is nothing to tune, which are refused
 * with the line to write instead, and which are not there yet. One table; options that mean the same are not in it, and a
 * name that is in neither is unknown.
 */
import { HoldfastError } from '../error.ts'
import { type MeetStranger, refuseStranger } from './check.ts'

/** Where a name was found: among the options of a queue, of a worker, of its `settings`, of a job, of its retention, of a schedule. */
type Place = 'queue' | 'worker' | 'settings' | 'job' | 'retention' | 'repeat'

/**
 * `moot`: passed over, as there is nothing it could tune. `refused`: `NOT_SUPPORTED`, and what to write instead. `later`: an
 * unknown option as any other, but one that will come; said with it is what there is until then.
 */
interface Verdict {
  readonly is: 'moot' | 'refused' | 'later'
  readonly say: string
}

type Rows = Readonly<Record<string, Verdict>>

const moot = (say: string): Verdict => ({ is: 'moot', say })
const refused = (say: string): Verdict => ({ is: 'refused', say })
const later = (say: string): Verdict => ({ is: 'later', say })

const NOTHING_POLLS = 'nothing polls: workers wake when a job is added or due'
const LEASES_WATCHED = 'leases are watched by the time they end, which costs an idle worker nothing'
const RENEWED_TOGETHER = 'the leases of one claim are renewed by one small write'
const NO_SERVER = 'there is no connection and no server whose version or readiness could matter'
const STORES_REST = 'after an error of the store a worker rests, longer each time, up to 10 seconds'

/** What tunes polling and connections in BullMQ. */
const TUNING: Rows = {
  drainDelay: moot(NOTHING_POLLS),
  guardInterval: moot(NOTHING_POLLS),
  retryProcessDelay: moot(STORES_REST),
  runRetryDelay: moot(STORES_REST),
  stalledInterval: moot(LEASES_WATCHED),
  skipStalledCheck: moot(LEASES_WATCHED),
  skipLockRenewal: moot(RENEWED_TOGETHER),
  blockingConnection: moot(NO_SERVER),
  skipVersionCheck: moot(NO_SERVER),
  skipWaitingForReady: moot(NO_SERVER),
  skipMetasUpdate: moot(NO_SERVER),
}

const PLACE_OF_JOBS: Rows = {
  connection: refused(`jobs are kept in a store. Write: { store: levelStore('./data/jobs') }`),
  redis: refused(`jobs are kept in a store. Write: { store: levelStore('./data/jobs') }`),
  prefix: refused(`each store is a world of its own. Write: { store: levelStore('./data/the-prefix') }`),
}

const NO_SANDBOX = refused(
  'handlers run in the process of their worker. Write: new Worker(name, handler, { store }), and start threads in the handler',
)
const NO_TELEMETRY = later('listen to the events of queue and worker, and give a trace along in metadata')
const NO_FLOWS = later('there are no flows; let the handler of the last child add the parent')
const NO_STRATEGY = refused(
  'patterns are read by cron-parser, everywhere alike. Write: add(name, data, { runAt }) in the handler, for what no pattern says',
)
const SCHEDULE_HAS_AN_ID = refused(
  'a schedule has one id. Write: queue.upsertJobScheduler(id, repeat, { name, data }), or add(name, data, { jobId: id, repeat })',
)
const COUNTED = refused('leave it out: the schedule keeps its own count, and the time of its last run')
const RETENTION_IS_THE_JOBS = refused(
  'the job says what is kept of it. Write it in the defaultJobOptions of the queue, or in the options of add',
)

/** The one table. A name that becomes an option leaves it. */
export const LEGACY: Readonly<Record<Place, Rows>> = {
  queue: {
    ...PLACE_OF_JOBS,
    ...TUNING,
    streams: moot('events are not kept in a stream'),
    settings: refused(
      'what is said of locks and backoff belongs to the worker. Write: new Worker(name, handler, { store, settings })',
    ),
    limiter: refused(
      'it is an option of each worker, or said once for the queue. Write: queue.setGlobalRateLimit(max, duration)',
    ),
    telemetry: NO_TELEMETRY,
    metrics: NO_TELEMETRY,
  },
  worker: {
    ...PLACE_OF_JOBS,
    ...TUNING,
    useWorkerThreads: NO_SANDBOX,
    workerForkOptions: NO_SANDBOX,
    workerThreadsOptions: NO_SANDBOX,
    removeOnComplete: RETENTION_IS_THE_JOBS,
    removeOnFail: RETENTION_IS_THE_JOBS,
    maxStartedAttempts: refused(
      'attempts bounds the tries of a job, maxStalledCount the leases that end without one. Write: { maxStalledCount: 3 }',
    ),
    maximumRateLimitDelay: moot('a limited worker sleeps until its next slot'),
    ttl: later("the job's timeout bounds an attempt"),
    telemetry: NO_TELEMETRY,
    metrics: NO_TELEMETRY,
  },
  settings: {
    ...TUNING,
    backoffStrategies: refused(
      'it is an option of the worker itself. Write: { backoffStrategies: { name: (attempt, error, job) => ms } }',
    ),
    repeatStrategy: NO_STRATEGY,
    repeatKeyHashAlgorithm: SCHEDULE_HAS_AN_ID,
  },
  job: {
    stackTraceLimit: refused(
      'leave it out: the stacks of the newest 20 attempts are kept, each cut at 8 KiB with its message',
    ),
    timestamp: refused(
      'leave it out: it is the time of the store when the job is added. Write { runAt } for when to run it',
    ),
    parent: NO_FLOWS,
    failParentOnFailure: NO_FLOWS,
    continueParentOnFailure: NO_FLOWS,
    ignoreDependencyOnFailure: NO_FLOWS,
    removeDependencyOnFailure: NO_FLOWS,
    debounce: refused('it is named deduplication. Write: deduplication: { id, ttl }'),
    telemetry: NO_TELEMETRY,
  },
  retention: {
    limit: moot('what is beyond goes in small steps, whatever is asked'),
  },
  repeat: {
    cron: refused("Write: { pattern: '0 9 * * *' }"),
    utc: refused("Write: { tz: 'UTC' }"),
    key: SCHEDULE_HAS_AN_ID,
    jobId: SCHEDULE_HAS_AN_ID,
    count: COUNTED,
    prevMillis: COUNTED,
  },
}

/** Deals with the names of one place by the table; the moot ones are noted in `passed`, as their fields. */
export const byLegacy =
  (place: Place, passed?: Map<string, string>): MeetStranger =>
  (stranger) => {
    const { name, value, what, field } = stranger
    const rows = LEGACY[place]
    const verdict = Object.hasOwn(rows, name) ? rows[name] : undefined
    if (verdict === undefined) refuseStranger(stranger)
    if (value === undefined) return
    const { is, say } = verdict
    if (is === 'refused') throw new HoldfastError('NOT_SUPPORTED', `${what} takes no ${name}: ${say}`)
    if (is === 'later') refuseStranger(stranger, ` yet: ${say}`)
    passed?.set(field, say)
  }

/** The one warning for all that was passed over; `undefined` where nothing was. */
export function passedOver(what: string, passed: ReadonlyMap<string, string>): string | undefined {
  if (passed.size === 0) return undefined
  const why = [...new Set(passed.values())].join('; ')
  return `${what} passes over ${[...passed.keys()].join(', ')}, as there is nothing to tune: ${why}`
}

/** A file that BullMQ would run in a process or thread of its own. */
export function refusePath(handler: unknown): void {
  if (typeof handler !== 'string' && !isUrl(handler)) return
  const path = JSON.stringify(String(handler))
  throw new HoldfastError(
    'NOT_SUPPORTED',
    `the handler is a function, not a file that is run elsewhere. Write: import handler from ${path}; new Worker(name, handler, { store })`,
  )
}

/** Not by `instanceof`: it may come from another realm, and not every runtime has the class. */
const isUrl = (value: unknown): boolean => Object.prototype.toString.call(value) === '[object URL]'

/** Options of BullMQ that are taken and do nothing, with one warning: nothing here polls, connects or checks a server. */
export interface PassedOverOptions {
  /** @deprecated A limited worker sleeps until its next slot. */
  maximumRateLimitDelay?: number
  /** @deprecated Nothing polls. */
  drainDelay?: number
  /** @deprecated Leases are watched by the time they end. */
  stalledInterval?: number
  /** @deprecated Leases are watched by the time they end. */
  skipStalledCheck?: boolean
  /** @deprecated Leases are always renewed. */
  skipLockRenewal?: boolean
  /** @deprecated After an error of the store a worker rests by itself. */
  runRetryDelay?: number
  /** @deprecated There is no connection. */
  blockingConnection?: boolean
  /** @deprecated There is no server. */
  skipVersionCheck?: boolean
  /** @deprecated There is no connection. */
  skipWaitingForReady?: boolean
  /** @deprecated There is no server. */
  skipMetasUpdate?: boolean
}

/** The same of a queue. */
export interface PassedOverQueueOptions extends PassedOverOptions {
  /** @deprecated Events are not kept in a stream. */
  streams?: object
}

/** The same of what is kept of finished jobs. */
export interface PassedOverKeepOptions {
  /** @deprecated What is beyond goes in small steps, whatever is asked. */
  limit?: number
}

/** BullMQ's `settings` of a worker. What the worker's own options say wins. */
export interface LegacySettings<Strategy> extends PassedOverOptions {
  /** Serves every backoff type that is neither built in nor among the worker's `backoffStrategies`. */
  backoffStrategy?: Strategy
  /** As the worker's own `lockDuration`, in milliseconds. */
  lockDuration?: number
  /** As the worker's own `lockRenewTime`, in milliseconds. */
  lockRenewTime?: number
  /** As the worker's own `maxStalledCount`. */
  maxStalledCount?: number
}
