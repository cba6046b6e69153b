/**
 * A sorted set of ASCII strings that stays fast at a million keys: sorted chunks in a sorted list. It knows
 * neither lanes nor stores. JavaScript's `<` on ASCII strings is byte order.
 */

/** Keys a chunk may hold; above it the chunk is split in two. */
const CHUNK_KEYS = 512

export class SortedKeys {
  size = 0
  readonly #chunks: string[][] = []

  get lowest(): string | undefined {
    return this.#chunks[0]?.[0]
  }

  get highest(): string | undefined {
    return this.#chunks.at(-1)?.at(-1)
  }

  has(key: string): boolean {
    const chunk = this.#chunks[this.#chunkOf(key)]
    return chunk !== undefined && chunk[lowerBound(chunk, key)] === key
  }

  /** Whether the key was new. */
  insert(key: string): boolean {
    const chunks = this.#chunks
    const last = chunks.at(-1)
    if (last === undefined || key > last.at(-1)!) {
      // Rising keys, the common case, fill whole chunks instead of leaving halves behind.
      if (last === undefined || last.length >= CHUNK_KEYS) chunks.push([key])
      else last.push(key)
      this.size++
      return true
    }
    const at = this.#chunkOf(key)
    const chunk = chunks[at]!
    const index = lowerBound(chunk, key)
    if (chunk[index] === key) return false
    chunk.splice(index, 0, key)
    if (chunk.length > CHUNK_KEYS) chunks.splice(at + 1, 0, chunk.splice(CHUNK_KEYS / 2))
    this.size++
    return true
  }

  /** Whether the key was there. */
  erase(key: string): boolean {
    const at = this.#chunkOf(key)
    const chunk = this.#chunks[at]
    if (chunk === undefined) return false
    const index = lowerBound(chunk, key)
    if (chunk[index] !== key) return false
    if (index === 0) chunk.shift()
    else chunk.splice(index, 1)
    if (chunk.length === 0) this.#chunks.splice(at, 1)
    this.size--
    return true
  }

  /** The lowest keys with `from <= key < until`, at most `limit`. */
  head(from: string | undefined, until: string | undefined, limit: number): string[] {
    const found: string[] = []
    let at = from === undefined ? 0 : this.#chunkOf(from)
    let index = from === undefined ? 0 : lowerBound(this.#chunks[at] ?? [], from)
    for (; found.length < limit && at < this.#chunks.length; at++, index = 0) {
      const chunk = this.#chunks[at]!
      const end = until === undefined ? chunk.length : lowerBound(chunk, until)
      for (; index < end && found.length < limit; index++) found.push(chunk[index]!)
      if (end < chunk.length) break
    }
    return found
  }

  /** The highest keys with `from <= key < until`, highest first, at most `limit`. */
  tail(from: string | undefined, until: string | undefined, limit: number): string[] {
    const found: string[] = []
    let at =
      until === undefined ? this.#chunks.length - 1 : Math.min(this.#chunkOf(until), this.#chunks.length - 1)
    for (; found.length < limit && at >= 0; at--) {
      const chunk = this.#chunks[at]!
      const start = from === undefined ? 0 : lowerBound(chunk, from)
      let index = (until === undefined ? chunk.length : lowerBound(chunk, until)) - 1
      for (; index >= start && found.length < limit; index--) found.push(chunk[index]!)
      if (start > 0) break
    }
    return found
  }

  /** How many keys have `from <= key < until`; counting may stop above `bound`. */
  count(from: string | undefined, until: string | undefined, bound = Infinity): number {
    if (from === undefined && until === undefined) return this.size
    let counted = 0
    let at = from === undefined ? 0 : this.#chunkOf(from)
    let start = from === undefined ? 0 : lowerBound(this.#chunks[at] ?? [], from)
    for (; counted <= bound && at < this.#chunks.length; at++, start = 0) {
      const chunk = this.#chunks[at]!
      const end = until === undefined ? chunk.length : lowerBound(chunk, until)
      counted += Math.max(0, end - start)
      if (end < chunk.length) break
    }
    return counted
  }

  /** Index of the chunk whose range holds the key: the first whose last key is not below it. */
  #chunkOf(key: string): number {
    let low = 0
    let high = this.#chunks.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#chunks[middle]!.at(-1)! < key) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** Index of the first key that is not below `key`. */
function lowerBound(chunk: readonly string[], key: string): number {
  let low = 0
  let high = chunk.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (chunk[middle]! < key) low = middle + 1
    else high = middle
  }
  return low
}
