/** The options of a worker, checked. */
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
import { checkName } from './job-options.ts'

/** A worker's own options, without those that are not plain values. Times are in milliseconds. */
export interface WorkerSettings {
  /** Handlers that run at once; default 1. */
  concurrency?: number
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

export const concurrencyCheck: Check<number> = integer(1, CONCURRENCY_MOST)

const settingsChecks: Checks<WorkerSettings> = {
  concurrency: concurrencyCheck,
  lockDuration: duration(10),
  lockRenewTime: duration(1),
  maxStalledCount: integer(0, 1_000_000),
  name: (value, field) => checkName(value, field, NAME_BYTES),
  autorun: boolean,
}

const strategiesCheck: Check<Record<string, never>> = (value, field) => {
  const strategies = object(value, field)
  for (const [name, strategy] of Object.entries(strategies)) {
    if (typeof strategy !== 'function') refuseOption(`${field}.${name}`, strategy, 'a function')
  }
  return strategies as Record<string, never>
}

/** @throws HoldfastError `OPTION_INVALID` naming the field. */
export function checkWorkerOptions<
  Options extends WorkerSettings & { backoffStrategies?: object; store: object },
>(given: unknown, storeCheck: Check<Options['store']>): Options {
  const checks = { store: storeCheck, backoffStrategies: strategiesCheck, ...settingsChecks }
  const options = checkOptions(given ?? {}, checks as unknown as Checks<Options>, 'the worker')
  if (options.store === undefined)
    refuseOption('store', undefined, 'a store, such as memoryStore() or levelStore(path)')
  const { lockDuration = WORKER_DEFAULTS.lockDuration, lockRenewTime } = options
  if (lockRenewTime !== undefined && lockRenewTime >= lockDuration) {
    refuseOption('lockRenewTime', lockRenewTime, `less than lockDuration (${lockDuration})`)
  }
  return options
}

/** Milliseconds, or `Infinity`. */
export const closeTimeoutCheck: Check<number> = (value, field) =>
  value === Infinity ? Infinity : duration()(value, field)
