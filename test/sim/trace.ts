/** What can be seen of a run, line by line, and one number for all of it: two runs of a seed must give the same. */
import { createHash } from 'node:crypto'
import type { Timeline } from './timeline.ts'

/** Lines that are hashed at once. */
const BATCH = 512

export class Trace {
  readonly lines: string[] = []
  readonly #timeline: Timeline
  readonly #keep: boolean
  readonly #hash = createHash('sha1')

  constructor(timeline: Timeline, keep: boolean) {
    this.#timeline = timeline
    this.#keep = keep
  }

  say(line: string): void {
    this.lines.push(`${Math.round(this.#timeline.now * 1000) / 1000} ${line}`)
    if (!this.#keep && this.lines.length >= BATCH) this.#take()
  }

  /** Eight digits; nothing can be said after it. */
  end(): string {
    this.#take()
    return this.#hash.digest('hex').slice(0, 8)
  }

  #take(): void {
    this.#hash.update(this.lines.join('\n'))
    if (!this.#keep) this.lines.length = 0
  }
}
