/**
 * Noticing what others did to jobs that run here: that a lease was ended by force, or a job cancelled. It looks whether the leases
 * of running jobs are still there, and what their heads say, when a hint says so and with each renewal.
 */
import { HoldfastError } from '../error.ts'
import { exactly } from '../core/keys.ts'
import { type Ledger, readHead } from '../ledger/ledger.ts'
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

  /** One scan for all leases, and one read for all heads. */
  async look(): Promise<void> {
    const { store, lanes } = this.#ledger
    const attempts = [...this.#attempts()].filter(({ hasEnded }) => !hasEnded)
    if (attempts.length === 0) return
    try {
      const [found, heads] = await Promise.all([
        store.scan(attempts.map(({ grant }) => ({ ...exactly(lanes.lease, grant.leaseKey), limit: 1 }))),
        store.read(attempts.map(({ grant }) => grant.name)),
      ])
      attempts.forEach((attempt, at) => {
        // What became of its job since is not told to a handler that said how it ends.
        if (attempt.hasEnded) return
        const reason = reasonOfCancel(attempt, heads[at])
        if (reason !== undefined) attempt.interrupt(new HoldfastError('CANCELLED', reason))
        if (found[at]?.length === 0) this.#report.lost(attempt)
      })
    } catch (error) {
      this.#report.error(error)
    }
  }
}

/** Why a job was cancelled, where it was: with its lease left to end as such, or ended by force. */
function reasonOfCancel({ grant }: Attempt, raw: string | undefined): string | undefined {
  if (raw === undefined || raw === grant.raw) return undefined
  const { head } = readHead(raw)
  return head?.failedCode === 'CANCELLED' ? head.failedReason : head?.cancelled
}
