/**
 * How many jobs of a name a worker runs at once, where that is limited. A job of a name that has no room left is parked: it
 * waits in a lane by its name, out of the way of the others, until this or another worker has room and takes it back.
 */
import { PROMOTE_JOBS } from '../core/bounds.ts'
import { below, escapePart } from '../core/keys.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Span } from '../store.ts'
import type { Arrival } from './arrivals.ts'

interface Limited {
  readonly most: number
  /** Jobs of this name that run here. */
  running: number
  /** Jobs of this name may be parked. */
  mayBeParked: boolean
}

export class Names {
  readonly #ledger: Ledger
  /** By escaped name, in the order of the lane. */
  readonly #limited: ReadonlyMap<string, Limited>
  /** Jobs of other names may be parked, by workers that limit those. */
  #othersMayBe = true

  constructor(ledger: Ledger, limits: Readonly<Record<string, { readonly concurrency: number }>>) {
    this.#ledger = ledger
    this.#limited = new Map(
      Object.entries(limits)
        .map(([name, { concurrency }]) => [escapePart(name), concurrency] as const)
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, most]) => [name, { most, running: 0, mayBeParked: true }]),
    )
  }

  /** Takes room for a job of this name; false where there is none. */
  take(name: string): boolean {
    const limited = this.#of(name)
    if (limited === undefined) return true
    if (limited.running >= limited.most) return false
    limited.running++
    return true
  }

  /** A job that had room has ended. */
  free(name: string): void {
    const limited = this.#of(name)
    if (limited !== undefined) limited.running--
  }

  /** Somebody parked a job. */
  hint(): void {
    this.#othersMayBe = true
    for (const limited of this.#limited.values()) limited.mayBeParked = true
  }

  /** What to take back into so many free slots; nothing where nothing can be parked that there is room for. */
  plan(slots: number): Arrival[] {
    if (slots <= 0) return []
    const { parked } = this.#ledger.lanes
    const plans: Arrival[] = []
    for (const [name, limited] of this.#limited) {
      const room = Math.min(slots, limited.most - limited.running)
      if (!limited.mayBeParked || room <= 0) continue
      plans.push(this.#unparking(below(parked, name), room, () => (limited.mayBeParked = false)))
    }
    if (this.#othersMayBe) {
      for (const span of this.#otherSpans()) {
        plans.push(this.#unparking(span, slots, () => (this.#othersMayBe = false)))
      }
    }
    return plans
  }

  #of(name: string): Limited | undefined {
    return this.#limited.size === 0 ? undefined : this.#limited.get(escapePart(name))
  }

  /** What lies between the limited names. */
  #otherSpans(): Span[] {
    const lane = this.#ledger.lanes.parked
    const spans: Span[] = []
    let from: string | undefined
    for (const name of this.#limited.keys()) {
      spans.push({ lane, from, until: `${name}/` })
      from = `${name}0`
    }
    return [...spans, { lane, from }]
  }

  #unparking(span: Span, room: number, exhausted: () => void): Arrival {
    const { lanes } = this.#ledger
    const limit = Math.min(room, PROMOTE_JOBS)
    return {
      block: [{ move: { from: { ...span, limit }, to: [{ lane: lanes.ready, drop: 1 }] } }],
      answered: (moved) => {
        if (moved === false || moved.length < limit) exhausted()
        return moved !== false
      },
    }
  }
}
