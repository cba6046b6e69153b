/** What was written and what was known when: batches in order, and facts by the number of batches there were. */
import type { Dump } from '../model/dump.ts'
import { viewOf } from '../model/queue-view.ts'
import { checkPartition, checkQueue, must } from '../model/invariants.ts'
import type { Batch } from './recording-level.ts'
import { dataOf, resultOf } from './script.ts'
import { QUEUE } from './setting.ts'

/**
 * A call that begins (`adding`, `removing`, `retrying`, `pausing`, `resuming`) may show in any later batch; one that was
 * answered (`added`, ...) must from then on. `finished`: a handler came to its end. `completed`: a worker said so.
 */
export type What =
  | 'adding'
  | 'added'
  | 'removing'
  | 'removed'
  | 'retrying'
  | 'pausing'
  | 'paused'
  | 'resuming'
  | 'resumed'
  | 'finished'
  | 'completed'

interface Fact {
  readonly what: What
  readonly id: string
  /** Batches that had been given to the database by then. */
  readonly at: number
}

export interface Moment {
  readonly batch: Batch
  /** The wall clock, ms since the epoch. */
  readonly wall: number
}

export class Chronicle {
  readonly moments: Moment[] = []
  readonly facts: Fact[] = []
  /** Jobs that were added by one call. */
  readonly together: string[][] = []

  note(what: What, id = ''): void {
    this.facts.push({ what, id, at: this.moments.length })
  }

  /** All there was when so many batches had been written, and no more. */
  upTo(count: number): Chronicle {
    const past = new Chronicle()
    past.moments.push(...this.moments.slice(0, count))
    past.together.push(...this.together)
    past.facts.push(...this.facts.filter(({ what, at }) => (BEGINNINGS.has(what) ? at < count : at <= count)))
    return past
  }

  /** @throws Violation where what is stored is not what was known. */
  check(dump: Dump, epoch: string | undefined): void {
    checkPartition(dump, [QUEUE])
    const view = viewOf(dump, QUEUE)
    checkQueue(dump, view, epoch)
    for (const { id, lane, data, result } of view.jobs.values()) {
      must(this.#has('adding', id), `${id} is there, and nobody added it`)
      must(!this.#has('removed', id), `${id} is there, and was removed`)
      must(data === `j${JSON.stringify(dataOf(id))}`, `the data of ${id} became ${data.slice(0, 80)}`)
      if (lane === 'done')
        must(result === `j${JSON.stringify(resultOf(id))}`, `the result of ${id} is ${result.slice(0, 80)}`)
      const isFinal = this.#has('completed', id) && !this.#has('retrying', id)
      must(!isFinal || lane === 'done', `${id} had completed, and is in ${lane}`)
    }
    for (const { what, id } of this.facts) {
      if (what !== 'added' || view.jobs.has(id) || this.#has('removing', id)) continue
      must(this.#has('finished', id), `${id} was acknowledged, and is lost`)
    }
    for (const ids of this.together) {
      const seen = ids.filter((id) => view.jobs.has(id) || this.#has('finished', id))
      must(seen.length === 0 || seen.length === ids.length, `only ${seen.join()} of ${ids.join()} were added`)
    }
    if (this.#last('paused') > this.#last('resuming')) must(view.paused, 'the queue was paused, and is not')
    if (this.#last('resumed') > this.#last('pausing')) must(!view.paused, 'the queue was resumed, and is not')
  }

  #has(what: What, id: string): boolean {
    return this.facts.some((fact) => fact.what === what && fact.id === id)
  }

  #last(what: What): number {
    return this.facts.findLastIndex((fact) => fact.what === what)
  }
}

/** What can show only in a batch after it. */
const BEGINNINGS: ReadonlySet<What> = new Set<What>([
  'adding',
  'removing',
  'retrying',
  'pausing',
  'resuming',
  'finished',
])
