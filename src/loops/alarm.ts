/** One timer to the earliest of the moments it was set to, by the store's clock. */
import type { Store } from '../store.ts'

/**
 * Longest sleep before the clock is looked at again, in ms: timers follow the monotonic clock, which stands still while a
 * laptop sleeps and does not hear of a wall clock set forward. Looking costs no store call.
 */
const LONGEST_SLEEP_MS = 30_000

/** Milliseconds by which the clock has to run ahead of a sleep to have jumped. */
const JUMP_MS = 1000

export class Alarm {
  readonly #store: Store
  readonly #ring: (jumped: boolean) => void
  #at: number | undefined
  #cancel: (() => void) | undefined

  /** `ring` is told whether the clock jumped forward while it slept, so that the time is there sooner than anyone's timers say. */
  constructor(store: Store, ring: (jumped: boolean) => void) {
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
    const { host } = this.#store
    const began = this.#store.now()
    const measured = host.monotonic()
    this.#cancel = host.timer(Math.min(Math.max(0, this.#at! - began), LONGEST_SLEEP_MS), () => {
      const now = this.#store.now()
      if (now < this.#at!) return this.#sleep()
      this.clear()
      this.#ring(now - began - (host.monotonic() - measured) > JUMP_MS)
    })
  }
}
