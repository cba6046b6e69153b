/** Who wants a hint about which lane, for stores whose hints stay in the process. */

export class Watchers {
  readonly #watchers = new Map<string, Set<() => void>>()

  watch(lanes: readonly string[], wake: () => void): () => void {
    for (const lane of lanes) {
      const wakes = this.#watchers.get(lane) ?? new Set()
      this.#watchers.set(lane, wakes.add(wake))
    }
    return () => {
      for (const lane of lanes) {
        const wakes = this.#watchers.get(lane)
        wakes?.delete(wake)
        if (wakes?.size === 0) this.#watchers.delete(lane)
      }
    }
  }

  /** Wakes everyone who watches one of the lanes, once, after the code that runs now; whether that is anybody. */
  wake(lanes: Iterable<string>): boolean {
    const woken = new Set<() => void>()
    for (const lane of lanes) for (const wake of this.#watchers.get(lane) ?? []) woken.add(wake)
    for (const wake of woken) queueMicrotask(wake)
    return woken.size > 0
  }

  clear(): void {
    this.#watchers.clear()
  }
}
