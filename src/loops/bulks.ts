/**
 * Ending what producers of large bulks began: what is stored comes into line, what was given up is swept away. It looks at the
 * start, and a while after a bulk was begun or stored, as its producer does all of it while it lives.
 */
import { BULK_MS } from '../core/bounds.ts'
import { nextAbandoned, releaseBulks, sweepBulks } from '../ledger/bulk.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { Patrol } from './patrol.ts'

/** Milliseconds for which a producer is left alone with bringing its bulk into line. */
const RELEASE_MS = 1000

export class Bulks {
  readonly #ledger: Ledger
  readonly #patrol: Patrol
  #unwatch: (() => void)[] = []

  constructor(ledger: Ledger, error: (error: unknown) => void) {
    this.#ledger = ledger
    this.#patrol = new Patrol(ledger.store, () => this.#look(), error)
  }

  start(): void {
    const { store, lanes } = this.#ledger
    this.#unwatch = [
      store.watch([lanes.staged], () => this.#patrol.lookAt(store.now() + BULK_MS)),
      store.watch([lanes.release], () => this.#patrol.lookAt(store.now() + RELEASE_MS)),
    ]
    this.#patrol.start()
    this.#patrol.look()
  }

  stop(): Promise<void> {
    for (const unwatch of this.#unwatch.splice(0)) unwatch()
    return this.#patrol.stop()
  }

  async #look(): Promise<void> {
    const { store } = this.#ledger
    await releaseBulks(this.#ledger)
    await sweepBulks(this.#ledger)
    const next = await nextAbandoned(this.#ledger)
    if (next !== undefined) this.#patrol.lookAt(Math.max(next, store.now()) + store.skewMs + 1)
  }
}
