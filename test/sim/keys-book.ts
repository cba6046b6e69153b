/**
 * Idempotency keys and deduplication ids as the store was told of them: whom they are given to, and that nobody takes one whose time
 * is not over or whose job lives (invariant 13).
 */
import { decodeDeduplication } from '../../src/core/deduplication.ts'
import { decodeIdempotency } from '../../src/core/idempotency.ts'
import { idempotencyId, queueOf } from '../../src/core/keys.ts'
import type { Change } from '../../src/store.ts'
import { must } from '../model/invariants.ts'
import type { BookedJob } from './books.ts'
import type { Options } from './options.ts'

/** `until`: it is the job's until then in any case, ms since the epoch; `undefined`: as long as the job lives. */
interface Held {
  readonly job: string
  readonly until: number | undefined
  /** When that job was added; of an idempotency key. */
  readonly born?: number | undefined
}

interface Surroundings {
  readonly options: Options
  /** Ms since the epoch. */
  readonly storeTime: () => number
  readonly jobs: () => ReadonlyMap<string, BookedJob>
  readonly count: (what: string) => void
}

const FINISHED = /^(done|dead):/

export class KeysBook {
  readonly #held = new Map<string, Held>()
  readonly #world: Surroundings

  constructor(world: Surroundings) {
    this.#world = world
  }

  note({ set = [], delete: gone = [] }: Change): void {
    for (const [id, value] of set) {
      if (id.startsWith('idem:')) this.#given(id, decodeIdempotency(value))
      else if (id.startsWith('dedup:')) this.#given(id, decodeDeduplication(value))
    }
    for (const id of gone) {
      const held = this.#held.get(id)
      if (held !== undefined) this.#mustBeFree(id, held, 'is forgotten')
      this.#held.delete(id)
    }
  }

  /** A job with a key is added: the key is given to it by the same change. */
  added(name: string, key: string | undefined): void {
    if (key === undefined) return
    const id = idempotencyId(queueOf(name), key)
    must(this.#held.get(id)?.job === name, `invariant 13: ${name} is added, and ${id} is not given to it`)
  }

  #given(id: string, { job, until, born }: Held): void {
    const before = this.#held.get(id)
    this.#held.set(id, { job, until, born })
    if (before === undefined || before.job === job) return
    this.#mustBeFree(id, before, `is given to ${job}`)
    this.#world.count(`${id.slice(0, id.indexOf(':'))} taken over`)
  }

  #mustBeFree(id: string, { job, until, born }: Held, what: string): void {
    const lives = this.#lives(job, born)
    const left = (until ?? 0) - this.#world.storeTime() - this.#world.options.skewMs
    if (id.startsWith('idem:') || until === undefined)
      must(!lives, `invariant 13: ${id} ${what}, and ${job} lives`)
    // Where its job is removed, or cancelled as it waits, so is its id.
    const holder = this.#world.jobs().get(job)
    const isGone = holder === undefined || holder.head.failedCode === 'CANCELLED'
    const isOver = left <= 0 || (id.startsWith('dedup:') && isGone)
    must(isOver, `invariant 13: ${id} ${what} ${left} ms before its time is over`)
  }

  #lives(name: string, born: number | undefined): boolean {
    const job = this.#world.jobs().get(name)
    if (job === undefined || FINISHED.test(job.lane)) return false
    return born === undefined || job.head.timestamp === born
  }
}
