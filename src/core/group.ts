/**
 * A group as its record keeps it. The record is there as long as the group has a pointer: in `turn`, `full`, `halted` or `idle`,
 * in exactly one of them.
 */
import { type Check, type Checks, boolean, checkOptions, integer, refuseOption } from './check.ts'
import { CONCURRENCY_MOST, GROUP_JOBS_MOST, NAME_BYTES, PRIORITY_MOST, WEIGHT_MOST } from './bounds.ts'
import { seal, unseal } from './codec.ts'
import { type RateLimit, type RateWindow, rateLimitCheck, windowsOf } from './limits.ts'

/** Times are in milliseconds since the epoch. */
export interface GroupState {
  readonly paused?: boolean
  /** None of its jobs is claimed before it. */
  readonly notBefore?: number | undefined
  /** Its own, instead of the workers'. */
  readonly concurrency?: number | undefined
  readonly rateLimit?: RateLimit | undefined
  /** Jobs that one visit takes. */
  readonly weight?: number | undefined
}

/** What a worker says of every group. */
export interface GroupLimits {
  /** Jobs of one group that run at once, over all workers; default: no limit. */
  concurrency?: number
  /** Starts of one group in every stretch of time, over all workers; default: no limit. */
  limit?: RateLimit
  /** A job that is to be tried again holds its group up, so that its order is kept: one job of a group at a time. Default false. */
  strict?: boolean
}

/** What holds for the claims of one group. */
export interface GroupBounds {
  readonly concurrency: number | undefined
  readonly windows: readonly RateWindow[]
  readonly weight: number
  readonly strict: boolean
}

/** A group's own limits hold instead of the worker's; strict order is one job at a time. */
export function boundsOf(state: GroupState, limits: GroupLimits): GroupBounds {
  const strict = limits.strict ?? false
  return {
    concurrency: strict ? 1 : (state.concurrency ?? limits.concurrency),
    windows: windowsOf([state.rateLimit ?? limits.limit]),
    weight: state.weight ?? 1,
    strict,
  }
}

export const encodeGroup = (state: GroupState): string => {
  const said = Object.entries(state).filter(([, value]) => value !== undefined && value !== false)
  return seal(JSON.stringify(Object.fromEntries(said)))
}

export const decodeGroup = (record: string): GroupState => JSON.parse(unseal(record)) as GroupState

/** A group nobody said anything about. */
export const NEW_GROUP = encodeGroup({})

/** Whether a group has to be remembered when it has no jobs: it has limits of its own, or is told to wait. */
export const isRemembered = ({ concurrency, rateLimit, weight }: GroupState): boolean =>
  concurrency !== undefined || rateLimit !== undefined || weight !== undefined

/** What a job says of its group. */
export interface JobGroup {
  /** Jobs of one id take turns with those of others; 1 to 128 bytes as escaped. */
  id: string | number
  /** Among the jobs of its group, as `priority`: 0 runs first. Default: the job's `priority`. */
  priority?: number
  /** Jobs that may wait in the group with this one; `GROUP_FULL` where there are so many. Default: no limit. */
  maxSize?: number
}

/** The same, checked. */
export interface CheckedGroup {
  /** Whose turn it is taken in. */
  readonly id: string
  readonly priority?: number
  readonly maxSize?: number
}

export const groupIdCheck =
  (checkName: (value: unknown, field: string, most: number) => string): Check<string> =>
  (value, field) =>
    checkName(typeof value === 'number' ? String(value) : value, field, NAME_BYTES)

/** Reads the `group` of a job. */
export const groupCheck =
  (checkId: Check<string>): Check<CheckedGroup> =>
  (value, field) => {
    const checks: Checks<CheckedGroup> = {
      id: checkId,
      priority: integer(0, PRIORITY_MOST),
      maxSize: integer(1, GROUP_JOBS_MOST),
    }
    const group = checkOptions<CheckedGroup>(value, checks, field, `${field}.`)
    return group.id === undefined ? refuseOption(`${field}.id`, undefined, 'a text') : group
  }

export const groupConcurrencyCheck: Check<number> = integer(1, CONCURRENCY_MOST)
export const weightCheck: Check<number> = integer(1, WEIGHT_MOST)

const limitChecks: Checks<GroupLimits> = {
  concurrency: groupConcurrencyCheck,
  limit: rateLimitCheck,
  strict: boolean,
}

export const groupLimitsCheck: Check<GroupLimits> = (value, field) => {
  const limits = checkOptions<GroupLimits>(value, limitChecks, field, `${field}.`)
  if (limits.strict === true && (limits.concurrency ?? 1) > 1)
    refuseOption(`${field}.concurrency`, limits.concurrency, '1, or left out, where strict is true')
  return limits
}
