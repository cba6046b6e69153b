/**
 * Noticing that somebody ended a lease of ours by force: it looks whether the leases of running jobs are still there, when a
 * hint says so and with each renewal.
 */
import { exactly } from '../core/keys.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Attempt } from './attempt.ts'

export class LeaseCheck {
  readonly #ledger: Ledger
  readonly #attempts: () => Iterable<Attempt>
  readonly #report: { lost: (attempt: Attempt) => void; error: (error: unknown) => void }
  #unwatch: (() => void) | undefined

  constructor(
    ledger: Ledger,
    attempts: () => Iterable<Attempt>,
    report: { lost: (attempt: Attempt) => void; error: (error: unknown) => void },
  ) {
    this.#ledger = ledger
    this.#attempts = attempts
    this.#report = report
  }

  start(): void {
    const { store, lanes } = this.#ledger
    this.#unwatch = store.watch([lanes.evicted], () => void this.look())
  }

  stop(): void {
    this.#unwatch?.()
    this.#unwatch = undefined
  }

  /** One scan for all leases. */
  async look(): Promise<void> {
    const { store, lanes } = this.#ledger
    const attempts = [...this.#attempts()]
    if (attempts.length === 0) return
    try {
      const found = await store.scan(
        attempts.map(({ grant }) => ({ ...exactly(lanes.lease, grant.leaseKey), limit: 1 })),
      )
      attempts.forEach((attempt, at) => {
        if (found[at]?.length === 0) this.#report.lost(attempt)
      })
    } catch (error) {
      this.#report.error(error)
    }
  }
}
