/**
 * Failing jobs that have waited too long to begin. Every worker of a queue does it, and whoever comes first has done it for all. It
 * sleeps until the next one expires; where no job has a `ttl` it does nothing at all.
 */
import { type Expired, expireStep, nextExpired } from '../ledger/expire.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { nextTurn } from '../host.ts'
import { Alarm } from './alarm.ts'

/** Milliseconds after which a look is repeated that failed, or met a job whose bulk was not stored yet. */
const RETRY_MS = 1000

export class Expire {
  readonly #ledger: Ledger
  readonly #report: { expired: (expired: Expired) => void; error: (error: unknown) => void }
  readonly #alarm: Alarm
  #unwatch: (() => void) | undefined
  #looking: Promise<void> | undefined
  #again = false

  constructor(
    ledger: Ledger,
    report: { expired: (expired: Expired) => void; error: (error: unknown) => void },
  ) {
    this.#ledger = ledger
    this.#report = report
    this.#alarm = new Alarm(ledger.store, () => this.#start())
  }

  start(): void {
    const { store, lanes } = this.#ledger
    this.#unwatch = store.watch([lanes.ttl], () => this.#start())
    this.#start()
  }

  async stop(): Promise<void> {
    this.#unwatch?.()
    this.#unwatch = undefined
    this.#alarm.clear()
    await this.#looking
  }

  /** One look at a time; what changes meanwhile is looked at again. */
  #start(): void {
    if (this.#unwatch === undefined) return
    this.#again = true
    this.#looking ??= this.#run().finally(() => (this.#looking = undefined))
  }

  async #run(): Promise<void> {
    while (this.#again && this.#unwatch !== undefined) {
      this.#again = false
      try {
        await this.#look()
      } catch (error) {
        if (this.#unwatch === undefined) return
        this.#report.error(error)
        this.#alarm.set(this.#ledger.store.now() + RETRY_MS)
      }
    }
  }

  async #look(): Promise<void> {
    const { store } = this.#ledger
    const next = await nextExpired(this.#ledger)
    if (next === undefined || this.#unwatch === undefined) return
    if (next > store.now() - store.skewMs) return this.#alarm.set(next + store.skewMs)
    for (let more = true; more && this.#unwatch !== undefined; ) {
      const step = await expireStep(this.#ledger)
      for (const expired of step.expired) this.#report.expired(expired)
      more = step.more
      await nextTurn()
    }
    const left = await nextExpired(this.#ledger)
    if (left !== undefined && this.#unwatch !== undefined)
      this.#alarm.set(Math.max(left + store.skewMs, store.now() + (left === next ? RETRY_MS : 0)))
  }
}
