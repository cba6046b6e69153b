/**
 * Idempotency keys as the store was told of them: whom they are given to, and that nobody takes one whose time is not over or whose
 * job lives (invariant 13).
 */
import { decodeIdempotency } from '../../src/core/idempotency.ts'
import { idempotencyId, queueOf } from '../../src/core/keys.ts'
import type { Change } from '../../src/store.ts'
import { must } from '../model/invariants.ts'
import type { BookedJob } from './booked.ts'
import type { Options } from './options.ts'

interface Held {
  readonly job: string
  /** It is the job's until then in any case, ms since the epoch. */
  readonly until: number
  /** When that job was added. */
  readonly born: number
  /** When it is looked at whether anybody needs it still. */
  readonly lapsesAt: number
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

  /** Keys whose time was over by then. */
  lapsedBy(time: number): string[] {
    return [...this.#held].flatMap(([id, { lapsesAt }]) => (lapsesAt <= time ? [id] : []))
  }

  #given(id: string, held: Held): void {
    const before = this.#held.get(id)
    const { job } = held
    this.#held.set(id, held)
    if (before === undefined || before.job === job) return
    this.#mustBeFree(id, before, `is given to ${job}`)
    this.#world.count('idem taken over')
  }

  #mustBeFree(id: string, { job, until, born }: Held, what: string): void {
    const left = until - this.#world.storeTime() - this.#world.options.skewMs
    must(!this.#lives(job, born), `invariant 13: ${id} ${what}, and ${job} lives`)
    must(left <= 0, `invariant 13: ${id} ${what} ${left} ms before its time is over`)
  }

  #lives(name: string, born: number): boolean {
    const job = this.#world.jobs().get(name)
    return job !== undefined && !FINISHED.test(job.lane) && job.head.timestamp === born
  }
}
