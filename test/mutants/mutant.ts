/**
 * A mutant: the program with one line of it wrong. It is data; who applies it is `mutation.ts`, and who runs the test that must
 * notice it is `trial.ts`.
 */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export interface Mutant {
  /** What the program does wrong. */
  readonly name: string
  /** What it breaks for a user. */
  readonly why: string
  /** The file that is altered, from the root of the repository. */
  readonly file: string
  /** Stands in the file exactly once. */
  readonly find: string
  readonly replace: string
  readonly caughtBy: Killer
}

/** A test that must fail on a mutant, and passes without it. */
export interface Killer {
  /** From `test`. */
  readonly file: string
  /** The test's name, or part of it. */
  readonly test: string
}

/** The tests by what they play on: `unit` is what needs no worker. */
export const layerOf = ({ file }: Killer): string => {
  const [folder = ''] = file.split('/')
  return ['core', 'ledger', 'queue', 'adapters', 'host'].includes(folder) ? 'unit' : folder
}

export const pathOf = (file: string): string => fileURLToPath(new URL(`../../${file}`, import.meta.url))

export const sourceOf = ({ file }: Mutant): string => readFileSync(pathOf(file), 'utf8')

/** The source with the mistake in it. @throws Error where the mutant is stale: the line it alters is no longer there. */
export function mutate({ name, file, find, replace }: Mutant, source: string): string {
  const [before = '', after, ...more] = source.split(find)
  if (after === undefined || more.length > 0) {
    const times = after === undefined ? 'not' : `${more.length + 1} times`
    throw new Error(`the mutant "${name}" is stale: its text stands ${times} in ${file}`)
  }
  return before + replace + after
}
