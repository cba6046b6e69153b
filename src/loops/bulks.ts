/**
 * Ending what producers of large bulks began: what is stored comes into line, what was given up is swept away. It looks at the
 * start, and a while after a bulk was begun or stored, as its producer does all of it while it lives.
 */
import { BULK_MS } from '../core/bounds.ts'
import { nextAbandoned, releaseBulks, sweepBulks } from '../ledger/bulk.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { Alarm } from './alarm.ts'

/** Milliseconds for which a producer is left alone with bringing its bulk into line. */
const RELEASE_MS = 1000

export class Bulks {
  readonly #ledger: Ledger
  readonly #error: (error: unknown) => void
  readonly #alarm: Alarm
  #unwatch: (() => void)[] = []
  #looking: Promise<void> | undefined
  #stopped = false

  constructor(ledger: Ledger, error: (error: unknown) => void) {
    this.#ledger = ledger
    this.#error = error
    this.#alarm = new Alarm(ledger.store, () => {
      // One look at a time; it may be past the bulk that this alarm was set for.
      if (this.#looking !== undefined) this.#alarm.set(ledger.store.now() + RELEASE_MS)
      else this.#start()
    })
  }

  start(): void {
    const { store, lanes } = this.#ledger
    this.#unwatch = [
      store.watch([lanes.staged], () => this.#alarm.set(store.now() + BULK_MS)),
      store.watch([lanes.release], () => this.#alarm.set(store.now() + RELEASE_MS)),
    ]
    this.#start()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    for (const unwatch of this.#unwatch) unwatch()
    this.#alarm.clear()
    await this.#looking
  }

  #start(): void {
    if (this.#stopped) return
    this.#looking = this.#look().finally(() => (this.#looking = undefined))
  }

  async #look(): Promise<void> {
    const { store } = this.#ledger
    try {
      await releaseBulks(this.#ledger)
      await sweepBulks(this.#ledger)
      const next = await nextAbandoned(this.#ledger)
      if (next !== undefined && !this.#stopped)
        this.#alarm.set(Math.max(next, store.now()) + store.skewMs + 1)
    } catch (error) {
      if (this.#stopped) return
      this.#error(error)
      this.#alarm.set(store.now() + RELEASE_MS)
    }
  }
}
