/** How much of a queue may run, over all its workers: at once, in a stretch of time, and not at all for a while. */
import { duration, integer } from './core/check.ts'
import { RATE_MOST } from './core/bounds.ts'
import { type RateLimit, globalConcurrencyCheck, rateLimitCheck, windowOf, windowsOf } from './core/limits.ts'
import type { Omitted } from './job-map.ts'
import { readConfig } from './ledger/claim.ts'
import { emptyWindows, waitOf } from './ledger/rates.ts'
import { changeConfig, holdQueue, knowWindows } from './ledger/settings.ts'
import { QueueLook } from './queue-look.ts'

/** @internal The part of a queue that bounds what its workers do. All of it is stored, and outlives restarts. */
export abstract class QueueLimits<
  First = any,
  Result = Omitted,
  Name extends string = string,
> extends QueueLook<First, Result, Name> {
  /**
   * At most so many jobs of the queue run at once, over all workers: 1 to 10,000. Once this resolves no claim made under the old
   * limit can apply; what runs goes on.
   *
   * @throws HoldfastError `OPTION_INVALID`, and the store's.
   */
  async setGlobalConcurrency(concurrency: number): Promise<void> {
    globalConcurrencyCheck(concurrency, 'concurrency')
    await this.open()
    await changeConfig(this.ledger, (config) => ({ ...config, concurrency }))
  }

  /** What was set, or `null`. */
  async getGlobalConcurrency(): Promise<number | null> {
    return (await this.#settings()).concurrency ?? null
  }

  /** Ends that limit. */
  async removeGlobalConcurrency(): Promise<void> {
    await this.open()
    await changeConfig(this.ledger, (config) => ({ ...config, concurrency: undefined }))
  }

  /** Whether as many jobs run as `setGlobalConcurrency` allows. */
  async isMaxed(): Promise<boolean> {
    const { concurrency } = await this.#settings()
    if (concurrency === undefined) return false
    const [active = 0] = await this.ledger.store.count([{ lane: this.ledger.lanes.lease }])
    return active >= concurrency
  }

  /**
   * In every stretch of `duration` milliseconds, wherever it begins, at most `max` jobs of the queue are started, over all workers.
   * With a worker's own `limiter` the lower holds. `smooth` spreads them evenly instead of starting what the budget has at once.
   * A `max` above 10,000 is spread over parts of the duration that hold 10,000 each.
   *
   * @throws HoldfastError `OPTION_INVALID`, and the store's.
   */
  async setGlobalRateLimit(max: number, duration: number, options: { smooth?: boolean } = {}): Promise<void> {
    const limit = rateLimitCheck({ ...options, max, duration }, 'the rate limit')
    await this.open()
    await knowWindows(this.ledger, {}, [windowOf(limit)])
    await changeConfig(this.ledger, (config) => ({ ...config, rateLimit: limit }))
  }

  /** What was set, or `null`. */
  async getGlobalRateLimit(): Promise<RateLimit | null> {
    return (await this.#settings()).rateLimit ?? null
  }

  /** Ends that limit. */
  async removeGlobalRateLimit(): Promise<void> {
    await this.open()
    await changeConfig(this.ledger, (config) => ({ ...config, rateLimit: undefined }))
  }

  /** No worker claims a job of the queue for `ms` milliseconds from now; a longer wait that was asked for before stays. */
  async rateLimit(ms: number): Promise<void> {
    duration(1)(ms, 'ms')
    await this.open()
    await holdQueue(this.ledger, ms)
  }

  /**
   * Milliseconds until the next job can start, as far as rates are concerned; 0 where one can now. `maxJobs`: the `max` of the
   * workers' `limiter`, which only they know.
   */
  async getRateLimitTtl(maxJobs?: number): Promise<number> {
    if (maxJobs !== undefined) integer(1, RATE_MOST)(maxJobs, 'maxJobs')
    const { heldUntil = 0, rateLimit, windows = [] } = await this.#settings()
    const held = Math.max(0, heldUntil - this.ledger.store.now())
    const counted = windowsOf([rateLimit])
    if (maxJobs !== undefined) {
      for (const ms of windows)
        if (counted.every((window) => window.ms !== ms)) counted.push({ ms, max: maxJobs })
    }
    return Math.max(held, await waitOf(this.ledger, counted))
  }

  /** Ends the wait of `rateLimit(ms)`, and gives back the whole budget of every rate limit. */
  async removeRateLimitKey(): Promise<void> {
    await this.open()
    await emptyWindows(this.ledger, await this.#settings())
    await changeConfig(this.ledger, (config) => ({ ...config, heldUntil: undefined }))
  }

  async #settings() {
    await this.open()
    return (await readConfig(this.ledger)).config
  }
}
