/** Groups of a queue: limits of their own, pauses, and what waits in them. */
import { duration, integer } from './core/check.ts'
import { type GroupState, groupConcurrencyCheck, weightCheck } from './core/group.ts'
import { checkGroupId } from './core/job-options.ts'
import { type RateLimit, rateLimitCheck, windowOf } from './core/limits.ts'
import type { JobOf } from './job.ts'
import type { MapOf, Omitted } from './job-map.ts'
import {
  changeGroup,
  countGroup,
  countGrouped,
  groupKeys,
  groupsOf,
  holdGroup,
  readGroup,
} from './ledger/group.ts'
import { readListed } from './ledger/inspect.ts'
import { knowWindows } from './ledger/settings.ts'
import { waitOfGroup } from './ledger/postpone.ts'
import { QueueLimits } from './queue-limits.ts'

/** A group, and how much of it there is. */
export interface GroupCount {
  /** Its id. */
  readonly id: string
  /** Jobs that wait in it. */
  readonly waiting: number
  /** Jobs of it that run. */
  readonly active: number
  /** Whether it is paused. */
  readonly paused: boolean
}

/** @internal The part of a queue that knows its groups. All of what is said here is stored, and outlives restarts. */
export abstract class QueueGroups<
  First = any,
  Result = Omitted,
  Name extends string = string,
> extends QueueLimits<First, Result, Name> {
  /** Once this resolves no job of the group is claimed by any worker; those that run go on. True where it was not paused before. */
  async pauseGroup(id: string | number): Promise<boolean> {
    const group = await this.#group(id)
    return changeGroup(this.ledger, group, (state) => ({ ...state, paused: true }))
  }

  /** Ends the pause of a group. True where there was one. */
  async resumeGroup(id: string | number): Promise<boolean> {
    const group = await this.#group(id)
    return changeGroup(this.ledger, group, (state) => ({ ...state, paused: undefined }))
  }

  /** At most so many jobs of the group run at once, whatever workers say of groups. @throws HoldfastError `OPTION_INVALID`. */
  async setGroupConcurrency(id: string | number, concurrency: number): Promise<void> {
    groupConcurrencyCheck(concurrency, 'concurrency')
    await this.#change(id, { concurrency })
  }

  /** What was set, or `null`. */
  async getGroupConcurrency(id: string | number): Promise<number | null> {
    return (await readGroup(this.ledger, await this.#group(id))).concurrency ?? null
  }

  /** Ends that limit: what workers say holds again. */
  async removeGroupConcurrency(id: string | number): Promise<void> {
    await this.#change(id, { concurrency: undefined })
  }

  /** In every stretch of `duration` ms at most `max` jobs of the group are started, whatever workers say of groups. @throws HoldfastError `OPTION_INVALID`. */
  async setGroupRateLimit(
    id: string | number,
    max: number,
    duration: number,
    options: { smooth?: boolean } = {},
  ): Promise<void> {
    const rateLimit = rateLimitCheck({ ...options, max, duration }, 'the rate limit')
    await this.open()
    await knowWindows(this.ledger, {}, [windowOf(rateLimit)], true)
    await this.#change(id, { rateLimit })
  }

  /** What was set, or `null`. */
  async getGroupRateLimit(id: string | number): Promise<RateLimit | null> {
    return (await readGroup(this.ledger, await this.#group(id))).rateLimit ?? null
  }

  /** Ends that limit: what workers say holds again. */
  async removeGroupRateLimit(id: string | number): Promise<void> {
    await this.#change(id, { rateLimit: undefined })
  }

  /**
   * Milliseconds until the next job of the group can start, as far as rates are concerned; 0 where one can now. `limit`: what
   * workers say of groups, which only they know.
   */
  async getGroupRateLimitTtl(id: string | number, limit?: RateLimit): Promise<number> {
    const known = limit === undefined ? undefined : rateLimitCheck(limit, 'limit')
    const group = await this.#group(id)
    return waitOfGroup(this.ledger, group, await readGroup(this.ledger, group), known)
  }

  /** None of the group's jobs is claimed for `ms` milliseconds from now. */
  async rateLimitGroup(id: string | number, ms: number): Promise<void> {
    duration(1)(ms, 'ms')
    await holdGroup(this.ledger, await this.#group(id), ms)
  }

  /** Each visit takes so many jobs of the group instead of one; 1 to 80. @throws HoldfastError `OPTION_INVALID`. */
  async setGroupWeight(id: string | number, weight: number): Promise<void> {
    weightCheck(weight, 'weight')
    await this.#change(id, { weight: weight === 1 ? undefined : weight })
  }

  /** How many jobs wait in groups; with an id in that one. */
  async getGroupsJobsCount(id?: string | number): Promise<number> {
    if (id !== undefined) return (await countGroup(this.ledger, await this.#group(id))).waiting
    await this.open()
    return countGrouped(this.ledger)
  }

  /** How many jobs of a group run. */
  async getGroupActiveCount(id: string | number): Promise<number> {
    return (await countGroup(this.ledger, await this.#group(id))).active
  }

  /** Jobs that wait in a group, the next to run first; `start` and `end` are indexes, `end` inclusive, at most 1,000 at once. */
  async getGroupJobs(id: string | number, start = 0, end = -1): Promise<JobOf<MapOf<First, Result, Name>>[]> {
    integer(0, Number.MAX_SAFE_INTEGER)(start, 'start')
    integer(-1, Number.MAX_SAFE_INTEGER)(end, 'end')
    const group = await this.#group(id)
    const last = Math.min(end === -1 ? Infinity : end, start + LIST_JOBS - 1)
    const keys = await groupKeys(this.ledger, group, start, last)
    return (await readListed(this.ledger, keys)).map((record) => this.job(record))
  }

  /** Groups that have jobs, or that somebody said something about; at most 1,000. Walks them: not for a hot path. */
  async getGroups(): Promise<GroupCount[]> {
    await this.open()
    const groups: GroupCount[] = []
    for await (const page of groupsOf(this.ledger)) {
      for (const id of page) {
        if (groups.length === LIST_JOBS) return groups
        const [{ waiting, active }, { paused = false }] = await Promise.all([
          countGroup(this.ledger, id),
          readGroup(this.ledger, id),
        ])
        groups.push({ id, waiting, active, paused })
      }
    }
    return groups
  }

  async #change(id: string | number, change: GroupState): Promise<void> {
    const group = await this.#group(id)
    await changeGroup(this.ledger, group, (state) => ({ ...state, ...change }))
  }

  async #group(id: string | number): Promise<string> {
    const group = checkGroupId(id, 'the group id')
    await this.open()
    return group
  }
}

/** Jobs, or groups, that one call gives at most. */
const LIST_JOBS = 1000
