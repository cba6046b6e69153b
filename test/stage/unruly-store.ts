/** A store in front of another that has moods, which a test sets: while one lasts, every call goes wrong in its way. */
import type { Store } from 'holdfast'
import type { Change } from '../../src/store.ts'
import { FaultStore } from '../faults/fault-store.ts'
import type { Fault } from '../faults/plan.ts'

/**
 * `failed`: certainly not applied. `lost before`, `lost after`: commits are not applied, or are, and their answer is lost;
 * looks fail. `hung`: no answer until it ends.
 */
export type Mood = 'well' | 'failed' | 'lost before' | 'lost after' | 'hung'

const FAULTS: Readonly<Record<Mood, Omit<Fault, 'call'> | undefined>> = {
  well: undefined,
  failed: { kind: 'before' },
  'lost before': { kind: 'lost' },
  'lost after': { kind: 'after' },
  hung: { kind: 'delay', ms: Infinity },
}

export class UnrulyStore extends FaultStore {
  /** Asked before each commit; the first mood that is not `well` holds for it. */
  moodOf: (changes: readonly Change[]) => Mood = () => 'well'
  #mood: Mood = 'well'

  constructor(inner: Store) {
    super(inner)
    this.arm({
      commits: (_, changes) => FAULTS[this.#mood === 'well' ? this.moodOf(changes) : this.#mood],
      looks: () => {
        if (this.#mood === 'well') return undefined
        return this.#mood === 'hung' ? { kind: 'delay', ms: Infinity } : { kind: 'fail' }
      },
    })
  }

  get mood(): Mood {
    return this.#mood
  }

  set mood(mood: Mood) {
    this.#mood = mood
    if (mood !== 'hung') this.release()
  }
}
