/**
 * The switch: `HOLDFAST_MUTANT=<name>` makes vitest load the program with that mutant in it. It is here and not in the sources,
 * so nothing of it can be shipped.
 */
import type { Plugin } from 'vitest/config'
import { mutants } from './index.ts'
import { mutate, pathOf } from './mutant.ts'

export const MUTANT_VARIABLE = 'HOLDFAST_MUTANT'
/** The program as it is, under the conditions of a mutant. */
export const NO_MUTANT = 'none'

export function mutation(name: string): Plugin {
  const mutant = mutants.find((one) => one.name === name)
  if (mutant === undefined && name !== NO_MUTANT) throw new Error(`there is no mutant "${name}"`)
  return {
    name: 'holdfast-mutant',
    enforce: 'pre',
    transform(code, id) {
      const [file] = id.split('?')
      return mutant === undefined || file !== pathOf(mutant.file) ? undefined : mutate(mutant, code)
    },
  }
}
