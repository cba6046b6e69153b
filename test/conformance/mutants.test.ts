/** Every case passes on a sound store, and fails on each store that breaks the promise the case is about. */
import { describe, expect, test } from 'vitest'
import { cases } from './index.ts'
import { mutants, openMutant } from './mutants.ts'
import { plainStores } from './plain-store.ts'

describe('the store that mutants are made of passes', () => {
  for (const { name, run } of cases) test(name, () => run(plainStores()))
})

describe('a mutant is caught', () => {
  for (const [caseName, flaws] of Object.entries(mutants)) {
    for (const [flaw, mutant] of Object.entries(flaws)) {
      test(`that ${flaw}: ${caseName}`, async () => {
        const failing = cases.find(({ name }) => name === caseName)
        await expect(failing!.run(openMutant(mutant))).rejects.toThrow()
      })
    }
  }
})

test('every case catches a mutant, and every mutant names a case', () => {
  expect(Object.keys(mutants).toSorted()).toEqual(cases.map(({ name }) => name).toSorted())
})
