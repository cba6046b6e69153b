/** One timer to the earliest of the moments it was set to, by the store's clock. */
import type { Store } from '../store.ts'

/**
 * Longest sleep before the clock is looked at again, in ms: timers follow the monotonic clock, which stands still while a
 * laptop sleeps and does not hear of a wall clock set forward. Looking costs no store call.
 */
const LONGEST_SLEEP_MS = 30_000

export class Alarm {
  readonly #store: Store
  readonly #ring: () => void
  #at: number | undefined
  #cancel: (() => void) | undefined

  constructor(store: Store, ring: () => void) {
    this.#store = store
    this.#ring = ring
  }

  get isSet(): boolean {
    return this.#at !== undefined
  }

  /** Rings at `at` (ms since the epoch), or at the moment it was set to before if that is earlier. */
  set(at: number): void {
    if (this.#at !== undefined && this.#at <= at) return
    this.clear()
    this.#at = at
    this.#sleep()
  }

  clear(): void {
    this.#cancel?.()
    this.#cancel = undefined
    this.#at = undefined
  }

  #sleep(): void {
    const left = this.#at! - this.#store.now()
    this.#cancel = this.#store.host.timer(Math.min(Math.max(0, left), LONGEST_SLEEP_MS), () => {
      if (this.#store.now() < this.#at!) return this.#sleep()
      this.clear()
      this.#ring()
    })
  }
}
