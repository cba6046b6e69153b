/**
 * What a loop beside the work cycle has in common with the others: it looks when it is told to, once at a time and once more where
 * that was said meanwhile; it looks again a while after a look failed; and whoever stops it waits for the last look.
 */
import type { Store } from '../store.ts'
import { Alarm } from './alarm.ts'

/** Milliseconds after which a look that failed is repeated. */
const RETRY_MS = 1000

export class Patrol {
  readonly #store: Store
  readonly #look: () => Promise<void>
  readonly #error: (error: unknown) => void
  readonly #alarm: Alarm
  #isOpen = false
  #unwatch: (() => void) | undefined
  #looking: Promise<void> | undefined
  #again = false

  /** `look` is to end early once `isOpen` is false; what it throws goes to `error` while the patrol is open. */
  constructor(store: Store, look: () => Promise<void>, error: (error: unknown) => void) {
    this.#store = store
    this.#look = look
    this.#error = error
    this.#alarm = new Alarm(store, () => this.look())
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  /** From now on it may look, and does when one of these lanes gives a hint. */
  start(lanes: readonly string[] = []): void {
    this.#isOpen = true
    if (lanes.length > 0) this.#unwatch = this.#store.watch(lanes, () => this.look())
  }

  /** Resolves once no look is under way any more. */
  async stop(): Promise<void> {
    this.#isOpen = false
    this.#unwatch?.()
    this.#unwatch = undefined
    this.#alarm.clear()
    await this.#looking
  }

  /** Looks now, or again where it is looking: what changes meanwhile may not be seen. */
  look(): void {
    if (!this.#isOpen) return
    this.#again = true
    this.#looking ??= this.#run()
  }

  /** Looks at `at` (ms since the epoch), or when it was to look before if that is earlier. */
  lookAt(at: number): void {
    if (this.#isOpen) this.#alarm.set(at)
  }

  async #run(): Promise<void> {
    try {
      while (this.#again && this.#isOpen) {
        this.#again = false
        await this.#look().catch((error: unknown) => this.#failed(error))
      }
    } finally {
      // In the same turn as the last look at `again`: who calls after that begins anew.
      this.#looking = undefined
    }
  }

  #failed(error: unknown): void {
    if (!this.#isOpen) return
    this.#error(error)
    this.lookAt(this.#store.now() + RETRY_MS)
  }
}
