/**
 * How many jobs of a name a worker runs at once, where that is limited. A job of a name that has no room left is parked: it
 * waits in a lane by its name, out of the way of the others, until this or another worker has room and takes it back.
 */
import { PROMOTE_JOBS } from '../core/bounds.ts'
import { GATHERED, below, escapePart } from '../core/keys.ts'
import type { Limits } from '../core/limits.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { planWithin } from '../ledger/rates.ts'
import type { Span } from '../store.ts'
import type { Arrival } from './arrivals.ts'

/** A part of the lane: one limited name, or what lies between two of them. */
interface Part {
  readonly span: Span
  /** There may be jobs in it. */
  mayBeParked: boolean
}

interface Limited extends Part {
  readonly most: number
  /** Jobs of this name that run here. */
  running: number
}

export class Names {
  readonly #ledger: Ledger
  /** By escaped name, in the order of the lane. */
  readonly #limited: ReadonlyMap<string, Limited>
  /** Jobs of other names are parked by workers that limit those. */
  readonly #others: readonly Part[]
  /** How often it was said that there may be jobs. */
  #hints = 0

  /** `patient`: jobs that gather for a batch are left to it. */
  constructor(
    ledger: Ledger,
    limits: Readonly<Record<string, { readonly concurrency: number }>>,
    patient: boolean,
  ) {
    this.#ledger = ledger
    const { parked } = ledger.lanes
    this.#limited = new Map(
      Object.entries(limits)
        .map(([name, { concurrency }]) => [escapePart(name), concurrency] as const)
        .toSorted(([a], [b]) => byLane(a, b))
        .map(([name, most]) => [name, { span: below(parked, name), most, running: 0, mayBeParked: true }]),
    )
    const known = [...this.#limited.keys(), ...(patient ? [GATHERED] : [])]
    this.#others = between(parked, known.toSorted(byLane)).map((span) => ({ span, mayBeParked: true }))
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
    this.#hints++
    for (const part of [...this.#limited.values(), ...this.#others]) part.mayBeParked = true
  }

  /** What to take back into so many free slots; nothing where nothing can be parked that there is room for. */
  plan(slots: number, limits: Limits): Arrival[] {
    const limited = [...this.#limited.values()].map((one) =>
      this.#unparking(one, Math.min(slots, one.most - one.running), limits),
    )
    return [...limited, ...this.#others.map((part) => this.#unparking(part, slots, limits))].flat()
  }

  #of(name: string): Limited | undefined {
    return this.#limited.size === 0 ? undefined : this.#limited.get(escapePart(name))
  }

  #unparking(part: Part, room: number, limits: Limits): Arrival[] {
    if (!part.mayBeParked || room <= 0) return []
    const { lanes } = this.#ledger
    const limit = Math.min(room, PROMOTE_JOBS)
    const hints = this.#hints
    return [
      {
        block: planWithin(this.#ledger, limits, {
          from: { ...part.span, limit },
          to: [{ lane: lanes.ready, drop: 1 }],
        }),
        answered: (moved) => {
          // A hint that came since the move was sent may speak of jobs it missed.
          if ((moved === false || moved.length < limit) && hints === this.#hints) part.mayBeParked = false
          return moved !== false
        },
      },
    ]
  }
}

/** As the lane has them: `a%2Fb/` comes before `a/`. */
const byLane = (a: string, b: string): number => (`${a}/` < `${b}/` ? -1 : 1)

/** What lies between these names, which are in the order of the lane. */
function between(lane: string, names: readonly string[]): Span[] {
  const spans: Span[] = []
  let from: string | undefined
  for (const name of names) {
    spans.push({ lane, from, until: `${name}/` })
    from = `${name}0`
  }
  return [...spans, { lane, from }]
}
