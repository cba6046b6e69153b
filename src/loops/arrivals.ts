/** Jobs that come into line in the unit of a claim, before it: those that fell due, and those that were parked and have room now. */
import { PROMOTE_JOBS } from '../core/bounds.ts'
import type { Limits } from '../core/limits.ts'
import { planPromotion } from '../ledger/claim.ts'
import type { Answer, Block } from '../ledger/commit.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Result } from '../store.ts'
import type { DueLane } from './due.ts'
import type { Names } from './names.ts'

/** One move into line. */
export interface Arrival {
  readonly block: Block
  /** Takes note of what came of it; whether there was any job. */
  readonly answered: (moved: Result) => boolean
}

/** What may come into line before a claim of so many slots; without a claim what is parked stays, as others would only park it again. */
export function planArrivals(
  ledger: Ledger,
  due: DueLane,
  names: Names,
  slots: number,
  limits: Limits,
): Arrival[] {
  const parked = names.plan(slots, limits)
  return due.isDue ? [promotion(ledger, due), ...parked] : parked
}

const promotion = (ledger: Ledger, due: DueLane): Arrival => ({
  block: planPromotion(ledger),
  answered: (moved) => {
    if (moved === false || moved.length < PROMOTE_JOBS) due.served()
    return moved !== false
  },
})

/** Whether any job came. */
export function noteArrivals(arrivals: readonly Arrival[], answers: readonly Answer[]): boolean {
  let some = false
  arrivals.forEach(({ answered }, at) => {
    const answer = answers[at]!
    if (Array.isArray(answer) && answered((answer as readonly Result[]).at(-1)!)) some = true
  })
  return some
}
