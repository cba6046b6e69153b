/**
 * Failing jobs that have waited too long to begin. Every worker of a queue does it, and whoever comes first has done it for all. It
 * sleeps until the next one expires; where no job has a `ttl` it does nothing at all.
 */
import { type Expired, expireStep, nextExpired } from '../ledger/expire.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { nextTurn } from '../host.ts'
import { Patrol } from './patrol.ts'

/** Milliseconds after which it looks again at a job whose bulk was not stored yet. */
const UNSTORED_MS = 1000

export class Expire {
  readonly #ledger: Ledger
  readonly #expired: (expired: Expired) => void
  readonly #patrol: Patrol

  constructor(
    ledger: Ledger,
    { expired, error }: { expired: (expired: Expired) => void; error: (error: unknown) => void },
  ) {
    this.#ledger = ledger
    this.#expired = expired
    this.#patrol = new Patrol(ledger.store, () => this.#look(), error)
  }

  start(): void {
    this.#patrol.start([this.#ledger.lanes.ttl])
    this.#patrol.look()
  }

  stop(): Promise<void> {
    return this.#patrol.stop()
  }

  async #look(): Promise<void> {
    const { store } = this.#ledger
    const next = await nextExpired(this.#ledger)
    if (next === undefined) return
    if (next > store.now() - store.skewMs) return this.#patrol.lookAt(next + store.skewMs)
    for (let more = true; more && this.#patrol.isOpen; ) {
      const expired: Expired[] = []
      // What has ended is told, whatever becomes of the rest: nobody ends it again.
      const step = await expireStep(this.#ledger, expired).finally(() => {
        for (const one of expired) this.#expired(one)
      })
      more = step.more
      await nextTurn()
    }
    const left = await nextExpired(this.#ledger)
    if (left === undefined) return
    const soonest = store.now() + (left === next ? UNSTORED_MS : 0)
    this.#patrol.lookAt(Math.max(left + store.skewMs, soonest))
  }
}
