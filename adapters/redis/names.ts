/**
 * How things are called in Redis. Every name of a namespace begins with its hash tag, so that all of them lie in one slot of
 * a cluster; what follows may hold anything, as only the first pair of braces is a tag.
 */

export class Names {
  /** Hash: id, format and clock of the namespace. Also a channel that nobody listens to. */
  readonly meta: string
  /** Hash of all records. */
  readonly records: string
  /** Number of the last append. */
  readonly number: string
  /** Sorted set on which is tried, when a store opens, what its user may do. */
  readonly rehearsal: string
  readonly #lane: string
  readonly #receipt: string

  constructor(namespace: string) {
    const tag = `{${namespace}}`
    this.meta = `${tag}:meta`
    this.records = `${tag}:records`
    this.number = `${tag}:number`
    this.rehearsal = `${tag}:rehearsal`
    this.#lane = `${tag}:lane:`
    this.#receipt = `${tag}:receipt:`
  }

  /** The sorted set of a lane's keys, and the channel of its hints. */
  lane(lane: string): string {
    return this.#lane + lane
  }

  /** The lane whose channel this is. */
  laneOf(channel: string): string {
    return channel.slice(this.#lane.length)
  }

  receipt(slot: string): string {
    return this.#receipt + slot
  }
}

/** The lanes one call of a script names, each once, behind its other keys. */
export class LaneKeys {
  readonly keys: string[]
  readonly #names: Names
  readonly #places = new Map<string, number>()

  constructor(names: Names, others: readonly string[]) {
    this.#names = names
    this.keys = [...others]
  }

  /** Where the lane stands in KEYS. */
  place(lane: string): number {
    let place = this.#places.get(lane)
    if (place === undefined) {
      place = this.keys.push(this.#names.lane(lane))
      this.#places.set(lane, place)
    }
    return place
  }
}

/** Bounds of a span as Redis takes them. */
export const lowest = (from: string | undefined): string => (from === undefined ? '-' : `[${from}`)
export const ending = (until: string | undefined): string => (until === undefined ? '+' : `(${until}`)
