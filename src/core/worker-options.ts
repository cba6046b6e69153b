/** The options of a worker, checked. */
import { type BatchOptions, batchCheck } from './batch-options.ts'
import { CONCURRENCY_MOST, NAME_BYTES } from './bounds.ts'
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
import { checkName } from './names.ts'
import { type LegacySettings, byLegacy } from './legacy.ts'
import { type GroupLimits, groupLimitsCheck } from './group.ts'
import { type RateLimit, rateLimitCheck } from './limits.ts'
import { schemasCheck } from './schema.ts'

/** A worker's own options, without those that are not plain values. Times are in milliseconds. */
export interface WorkerSettings {
  /** Handlers that run at once; default 1. With `batch` each has a batch. */
  concurrency?: number
  /** One call of the handler for several jobs: `job.getBatch()` has them all. Default: one job each. */
  batch?: BatchOptions
  /** Handlers that run at once for jobs of single names, within `concurrency`; what has no room waits out of the way of the others. Default: no limits. */
  perName?: Record<string, { concurrency: number }>
  /** Starts of the queue's jobs in every stretch of time, over all workers: give it to each of them. With a limit of the queue's own the lower holds. Default: no limit. */
  limiter?: RateLimit
  /** What holds for every group of the queue's jobs, over all workers: give it to each of them; of unlike limits the lower holds. Default: groups take turns, without limits. */
  group?: GroupLimits
  /** How long a lease lasts unless it is renewed; default 30,000. */
  lockDuration?: number
  /** How long after a claim or renewal the next renewal comes; default half of `lockDuration`. */
  lockRenewTime?: number
  /** Stalls (the worker ended or lost its lease) after which the next one fails the job for good; default 3. */
  maxStalledCount?: number
  /** Shown in `processedBy` and history; default: host and process id. */
  name?: string
  /** Whether to start at once; default true, else call `run()`. */
  autorun?: boolean
}

export const WORKER_DEFAULTS = {
  concurrency: 1,
  lockDuration: 30_000,
  maxStalledCount: 3,
  autorun: true,
} as const

const concurrencyCheck: Check<number> = integer(1, CONCURRENCY_MOST)

const perNameCheck: Check<Record<string, { concurrency: number }>> = (value, field) => {
  const limits = new Map<string, { concurrency: number }>()
  for (const [name, limit] of Object.entries(object(value, field) as object)) {
    checkName(name, `a name in ${field}`, NAME_BYTES)
    const path = `${field}.${name}`
    const { concurrency } = checkOptions<{ concurrency: number }>(
      limit,
      { concurrency: concurrencyCheck },
      path,
      `${path}.`,
    )
    limits.set(name, {
      concurrency: concurrency ?? refuseOption(`${path}.concurrency`, undefined, 'a whole number'),
    })
  }
  return Object.fromEntries(limits)
}

const settingsChecks: Checks<WorkerSettings> = {
  concurrency: concurrencyCheck,
  batch: batchCheck,
  perName: perNameCheck,
  limiter: rateLimitCheck,
  group: groupLimitsCheck,
  lockDuration: duration(10),
  lockRenewTime: duration(1),
  maxStalledCount: integer(0, 1_000_000),
  name: (value, field) => checkName(value, field, NAME_BYTES),
  autorun: boolean,
}

const functionCheck: Check<never> = (value, field) =>
  typeof value === 'function' ? (value as never) : refuseOption(field, value, 'a function')

const strategiesCheck: Check<Record<string, never>> = (value, field) => {
  const strategies = object(value, field)
  for (const [name, strategy] of Object.entries(strategies)) functionCheck(strategy, `${field}.${name}`)
  return strategies as Record<string, never>
}

/** BullMQ's `settings`: what they say of leases is checked as the worker's own. */
const legacyCheck =
  (passed: Map<string, string>): Check<LegacySettings<never>> =>
  (value, field) => {
    const { lockDuration, lockRenewTime, maxStalledCount } = settingsChecks
    const checks = { backoffStrategy: functionCheck, lockDuration, lockRenewTime, maxStalledCount }
    return checkOptions(value, checks, field, `${field}.`, byLegacy('settings', passed))
  }

/** What the options of a worker come to: BullMQ's `settings` are among them where the worker's own say nothing else. */
export interface CheckedWorker<Options> {
  readonly options: Options
  /** What was passed over, and why. */
  readonly passed: ReadonlyMap<string, string>
}

/** @throws HoldfastError `OPTION_INVALID` naming the field, `NOT_SUPPORTED` for what is written in another way here. */
export function checkWorkerOptions<
  Options extends WorkerSettings & {
    schemas?: object
    retryIf?: object
    backoffStrategies?: object
    settings?: object
    store: object
  },
>(given: unknown, storeCheck: Check<Options['store']>): CheckedWorker<Options> {
  const passed = new Map<string, string>()
  const settings = legacyCheck(passed)
  const checks = {
    store: storeCheck,
    ...settingsChecks,
    schemas: schemasCheck,
    retryIf: functionCheck,
    backoffStrategies: strategiesCheck,
    settings,
  }
  const meet = byLegacy('worker', passed)
  const own = checkOptions(given ?? {}, checks as unknown as Checks<Options>, 'the worker', '', meet)
  if (own.store === undefined)
    refuseOption('store', undefined, 'a store, such as memoryStore() or levelStore(path)')
  const options = { ...own.settings, ...own }
  const { lockDuration = WORKER_DEFAULTS.lockDuration, lockRenewTime } = options
  if (lockRenewTime !== undefined && lockRenewTime >= lockDuration) {
    refuseOption('lockRenewTime', lockRenewTime, `less than lockDuration (${lockDuration})`)
  }
  concurrencyOf(options, options.concurrency)
  return { options, passed }
}

/** Handlers at once, checked, also against the size of their batches. */
export function concurrencyOf(
  { batch }: Pick<WorkerSettings, 'batch'>,
  concurrency: number = WORKER_DEFAULTS.concurrency,
): number {
  concurrencyCheck(concurrency, 'concurrency')
  const jobs = concurrency * (batch?.size ?? 1)
  if (jobs > CONCURRENCY_MOST)
    refuseOption(
      'batch.size',
      batch?.size,
      `so that ${concurrency} batches are at most ${CONCURRENCY_MOST} jobs`,
    )
  return concurrency
}

/** Milliseconds, or `Infinity`. */
export const closeTimeoutCheck: Check<number> = (value, field) =>
  value === Infinity ? Infinity : duration()(value, field)
