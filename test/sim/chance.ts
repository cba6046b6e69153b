/** Randomness that repeats: every draw follows from a seed and a path of names, so that draws of one kind do not move those of another. */

/** A 32-bit number from anything that can be written. */
export function hashOf(...path: readonly (string | number)[]): number {
  let hash = 0x811c9dc5
  for (const part of path) {
    const text = String(part)
    for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
    hash = Math.imul(hash ^ 0x2f, 0x01000193)
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

export class Chance {
  #state: number

  constructor(...path: readonly (string | number)[]) {
    this.#state = hashOf(...path)
  }

  /** Uniform in [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  maybe(probability: number): boolean {
    return this.next() < probability
  }

  /** A whole number, both ends included. */
  int(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1))
  }

  /** A whole number whose order of magnitude is uniform: small ones are as likely as large ones. */
  spread(least: number, most: number): number {
    return Math.round(least * (most / least) ** this.next())
  }

  of<T>(choices: readonly T[]): T {
    return choices[Math.floor(this.next() * choices.length)]!
  }

  /** One of some choices, each as likely as its weight says. */
  weighted<T>(choices: readonly (readonly [weight: number, choice: T])[]): T {
    let left = this.next() * choices.reduce((sum, [weight]) => sum + weight, 0)
    for (const [weight, choice] of choices) if ((left -= weight) < 0) return choice
    return choices.at(-1)![1]
  }
}
