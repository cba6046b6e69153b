/** The pause a worker makes after its store failed: longer each time, until something succeeds. */
import type { Host } from '../host.ts'

/** Milliseconds of the first rest and of the longest; each is doubled, half of it by chance. */
const LEAST_MS = 100
const MOST_MS = 10_000
/** The longest while the worker closes and has little time. */
const MOST_HURRIED_MS = 500

export class Rest {
  /** Set while the worker closes. */
  hurried = false
  #failures = 0
  #cancel: (() => void) | undefined

  get isUnderWay(): boolean {
    return this.#cancel !== undefined
  }

  begin(host: Host, over: () => void): void {
    if (this.isUnderWay) return
    const most = Math.min(LEAST_MS * 2 ** this.#failures++, this.hurried ? MOST_HURRIED_MS : MOST_MS)
    this.#cancel = host.timer(most * (1 - host.random() / 2), () => {
      this.#cancel = undefined
      over()
    })
  }

  end(): void {
    this.#cancel?.()
    this.#cancel = undefined
  }

  /** The store does what it is asked: the next failure is a first one. */
  succeeded(): void {
    this.#failures = 0
  }
}
