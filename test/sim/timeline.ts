/** The one time of a simulated world: events in order of time, those of one moment in an order drawn by the seed. */
import type { Chance } from './chance.ts'

/** What the clocks of the world show when it begins. */
export const BEGINNING = Date.UTC(2026, 0, 1)

interface Event {
  readonly at: number
  readonly tie: number
  readonly order: number
  fire: (() => void) | undefined
}

export class Timeline {
  /** Milliseconds since the beginning. */
  now = 0
  fired = 0
  readonly #heap: Event[] = []
  readonly #chance: Chance
  #order = 0

  constructor(chance: Chance) {
    this.#chance = chance
  }

  /** Milliseconds since the epoch, whole ones. */
  get time(): number {
    return BEGINNING + Math.floor(this.now)
  }

  /** Calls `fire` once in `ms`, unless the function it gives was called before. */
  after(ms: number, fire: () => void): () => void {
    const event = { at: this.now + Math.max(0, ms), tie: this.#chance.next(), order: this.#order++, fire }
    this.#push(event)
    return () => {
      event.fire = undefined as never
    }
  }

  /** When the next event comes; Infinity where there is none. */
  get next(): number {
    while (this.#heap.length > 0 && this.#heap[0]!.fire === undefined) this.#pop()
    return this.#heap[0]?.at ?? Infinity
  }

  /** Fires the next event and lets run all that it sets off. */
  async step(): Promise<void> {
    if (this.next === Infinity) return
    const event = this.#pop()
    this.now = Math.max(this.now, event.at)
    this.fired++
    event.fire!()
    await settled()
  }

  #push(event: Event): void {
    const heap = this.#heap
    let at = heap.length
    for (; at > 0; ) {
      const parent = (at - 1) >> 1
      if (!isBefore(event, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = event
  }

  #pop(): Event {
    const heap = this.#heap
    const first = heap[0]!
    const last = heap.pop()!
    if (heap.length === 0) return first
    let at = 0
    for (;;) {
      let child = at * 2 + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
      if (!isBefore(heap[child]!, last)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
    return first
  }
}

const isBefore = (a: Event, b: Event): boolean =>
  a.at < b.at || (a.at === b.at && (a.tie < b.tie || (a.tie === b.tie && a.order < b.order)))

/**
 * A turn of the event loop: all promises have run by then. The one real thing in a simulation. One more lets what shares out the
 * time of a turn (`pace.ts`) see it end before virtual time goes on, so that nobody waits for it.
 */
export const settled = (): Promise<void> =>
  new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
