/**
 * Stores with one flaw each, which prove that the conformance cases can fail. Not published: a store's author needs
 * the cases only.
 */
import { contentMutants } from './mutants/content.ts'
import type { Mutant, Mutants } from './mutants/flaws.ts'
import { judgingMutants } from './mutants/judging.ts'
import { livingMutants } from './mutants/living.ts'
import { movingMutants } from './mutants/moving.ts'
import { refusingMutants } from './mutants/refusing.ts'
import { watchingAndClockMutants } from './mutants/watching.ts'
import { plainStores } from './plain-store.ts'
import type { Open } from './stage.ts'

/** Every mutant, by the name of the case that has to catch it. */
export const mutants: Mutants = {
  ...contentMutants,
  ...judgingMutants,
  ...movingMutants,
  ...refusingMutants,
  ...livingMutants,
  ...watchingAndClockMutants,
}

export const openMutant = (mutant: Mutant): Open =>
  plainStores(typeof mutant === 'function' ? mutant() : mutant)
