/**
 * How long work that has nothing to wait for may hold up everything else: so many ms between two turns of the event loop. What
 * comes later in that turn waits for the next one, in the order in which it came. It does not know what the work is.
 */
import { TURN_JOBS, TURN_MS } from './core/bounds.ts'
import { type Host, nextTurn } from './host.ts'

/** What shares its time in a turn: `turnMs` of it. */
export class Pace {
  readonly #host: Host
  readonly #turnMs: number
  /** When the first work of this turn began, by the host's monotonic clock; `undefined` while there was none. */
  #since: number | undefined
  #waiting: (() => void)[] = []

  constructor(host: Host, turnMs: number) {
    this.#host = host
    this.#turnMs = turnMs
  }

  /** Nothing to wait for while this turn has time; else a turn that has. */
  turnWithTime(): Promise<void> | undefined {
    if (this.#waiting.length === 0 && this.#hasTime()) return undefined
    return new Promise((resolve) => {
      if (this.#waiting.push(resolve) === 1) void this.#admitAll()
    })
  }

  #hasTime(): boolean {
    if (this.#since === undefined) this.#begin()
    return this.#host.monotonic() - this.#since! < this.#turnMs
  }

  #begin(): void {
    this.#since = this.#host.monotonic()
    void nextTurn().then(() => {
      this.#since = undefined
    })
  }

  async #admitAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      await nextTurn()
      let admitted = 0
      while (admitted < this.#waiting.length && this.#hasTime()) {
        this.#waiting[admitted++]!()
        // The one admitted works now, and what it takes counts for those behind it.
        await Promise.resolve()
      }
      this.#waiting.splice(0, admitted)
    }
  }
}

/** Of all that is added by a host, as it shares one event loop. */
const paces = new WeakMap<Host, Pace>()

export function paceOf(host: Host): Pace {
  let pace = paces.get(host)
  if (pace === undefined) paces.set(host, (pace = new Pace(host, TURN_MS)))
  return pace
}

/** As `map`, in as many turns as it takes. */
export async function inTurns<From, To>(
  pace: Pace,
  items: readonly From[],
  make: (item: From, index: number) => To | Promise<To>,
): Promise<To[]> {
  const made: To[] = []
  for (const [index, item] of items.entries()) {
    const full = pace.turnWithTime()
    if (full !== undefined) await full
    const one = make(item, index)
    made.push(one instanceof Promise ? await one : one)
    if (made.length % TURN_JOBS === 0) await nextTurn()
  }
  return made
}
