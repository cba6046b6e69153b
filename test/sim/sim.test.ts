/** A share of the simulator for every run of the tests: what it once found, and some seeds. `npm run sim` runs as many as one likes. */
import { describe, expect, test } from 'vitest'
import { campaign } from './campaign.ts'
import { CASES } from './cases.ts'
import { drawPlan } from './plan.ts'
import { simulate } from './simulate.ts'

describe('found once', () => {
  test.each(Object.entries(CASES))('%s', async (_, plan) => {
    expect((await simulate(plan)).violation).toBeUndefined()
  })

  test('a second cycle claims beside a suspect whose end is on its way', async () => {
    expect((await simulate(drawPlan(696304329))).violation).toBeUndefined()
  })
})

/** It takes half a minute, and a machine that does much else may need some more. */
const timeout = 300_000

test('sixty seeds, each twice with the same trace', { timeout }, async () => {
  const { failure, shortcomings, seeds } = await campaign({ from: 1, seeds: 60 })
  expect(failure && `seed ${failure.seed}: ${failure.outcome.violation}`).toBeUndefined()
  expect(shortcomings).toEqual([])
  expect(seeds).toBe(60)
})
