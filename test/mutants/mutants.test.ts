/** The mutants are what they say: each alters the program as it is now, and the switch reaches the tests. */
import { existsSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { mutants } from './index.ts'
import { mutate, pathOf, sourceOf } from './mutant.ts'
import { NO_MUTANT } from './mutation.ts'
import { trial } from './trial.ts'

describe('every mutant', () => {
  test.each(mutants)('alters one place of the program: $name', (mutant) => {
    const source = sourceOf(mutant)
    expect(mutate(mutant, source)).not.toBe(source)
    expect(existsSync(pathOf(`test/${mutant.caughtBy.file}`))).toBe(true)
  })

  test('has a name of its own, and there are thirty at least', () => {
    expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length)
    expect(mutants.length).toBeGreaterThanOrEqual(30)
  })
})

test('a test that passes fails on its mutant', async () => {
  const { name, caughtBy } = mutants.find(({ caughtBy }) => caughtBy.file === 'core/keys.test.ts')!
  const [sound, mutated] = await Promise.all(
    [NO_MUTANT, name].map((one) => trial(one, caughtBy.file, [caughtBy.test])),
  )
  expect(sound, sound!.output).toMatchObject({ passed: [expect.stringContaining(caughtBy.test)], failed: [] })
  expect(mutated, mutated!.output).toMatchObject({
    passed: [],
    failed: [expect.stringContaining(caughtBy.test)],
  })
})
