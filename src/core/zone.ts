/**
 * The local time of a time zone, from what `Intl` knows: which offset holds when, and so where local time jumps. A moment is
 * ms since the epoch; a wall time is what clocks on the wall show then, written as the moment at which UTC shows the same.
 */

/** A stretch of time in which a zone's offset stays the same: `from <= moment < until`. */
export interface Stretch {
  readonly from: number
  readonly until: number
  /** Wall time less moment, in ms. */
  readonly offset: number
}

const SECOND_MS = 1000
const DAY_MS = 24 * 3_600_000

/** No zone has ever been farther from UTC, in ms (Manila was 15:56 behind until 1844). */
export const OFFSET_MOST = 16 * 3_600_000

/** Days whose stretches are remembered. */
const DAYS_KEPT = 1000

export class Zone {
  readonly #format: Intl.DateTimeFormat
  /** By day since the epoch, in UTC. */
  readonly #days = new Map<number, readonly Stretch[]>()

  /** Throws `RangeError` for a name that is none. */
  constructor(name: string) {
    this.#format = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
  }

  /** The stretches that cover all time from a moment on, in order; two neighbours may have one offset. */
  *stretches(from: number): Generator<Stretch, never> {
    for (let day = Math.floor(from / DAY_MS); ; day++) {
      for (const stretch of this.#ofDay(day)) if (stretch.until > from) yield stretch
    }
  }

  /** What is remembered is bounded: all of it is forgotten now and then. */
  #ofDay(day: number): readonly Stretch[] {
    let stretches = this.#days.get(day)
    if (stretches === undefined) {
      if (this.#days.size >= DAYS_KEPT) this.#days.clear()
      const [from, until] = [day * DAY_MS, (day + 1) * DAY_MS]
      stretches = this.#split(
        { at: from, offset: this.#offsetAt(from) },
        { at: until, offset: this.#offsetAt(until) },
      )
      this.#days.set(day, stretches)
    }
    return stretches
  }

  /** Halves what begins and ends with different offsets until each change is found, to the second. Changes that cancel each other within a day are not seen; no zone has any. */
  #split(from: Edge, until: Edge): Stretch[] {
    if (from.offset === until.offset) return [{ from: from.at, until: until.at, offset: from.offset }]
    if (until.at - from.at <= SECOND_MS) return [{ from: from.at, until: until.at, offset: from.offset }]
    const at = from.at + Math.floor((until.at - from.at) / 2 / SECOND_MS) * SECOND_MS
    const middle = { at, offset: this.#offsetAt(at) }
    return joined([...this.#split(from, middle), ...this.#split(middle, until)])
  }

  #offsetAt(moment: number): number {
    const [month, day, year, hour, minute, second] = this.#format.format(moment).split(/\D+/).map(Number) as [
      number,
      number,
      number,
      number,
      number,
      number,
    ]
    return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(moment / SECOND_MS) * SECOND_MS
  }
}

interface Edge {
  readonly at: number
  readonly offset: number
}

/** Neighbours of one offset made one. */
function joined(stretches: readonly Stretch[]): Stretch[] {
  const made: Stretch[] = []
  for (const stretch of stretches) {
    const before = made.at(-1)
    if (before?.offset === stretch.offset) made[made.length - 1] = { ...before, until: stretch.until }
    else made.push(stretch)
  }
  return made
}
