/** The host as one process has it: the timers that it set end with it. */
import type { Host } from 'holdfast'

export class MortalHost implements Host {
  readonly #host: Host
  /** Each ends a timer. */
  readonly #timers = new Set<() => void>()
  #dead = false

  constructor(host: Host) {
    this.#host = host
  }

  die(): void {
    this.#dead = true
    for (const end of this.#timers) end()
  }

  wall(): number {
    return this.#host.wall()
  }

  monotonic(): number {
    return this.#host.monotonic()
  }

  random(): number {
    return this.#host.random()
  }

  warn(text: string): void {
    this.#host.warn(text)
  }

  timer(ms: number, wake: () => void): () => void {
    if (this.#dead) return () => {}
    const cancel = this.#host.timer(ms, () => {
      this.#timers.delete(end)
      wake()
    })
    const end = (): void => {
      this.#timers.delete(end)
      cancel()
    }
    this.#timers.add(end)
    return end
  }
}
