/**
 * A fixed script survives every fault at every commit, look and hint, and pairs of them: nothing lost, invented or half done. Its
 * scenes are played one by one here, with every single fault; soak has the whole script, and all pairs.
 */
import { describe, expect, test } from 'vitest'
import {
  type Campaign,
  callsOfScript,
  campaign,
  hintPlans,
  lookSingles,
  pairs,
  showCampaign,
  singles,
} from './enumerate.ts'
import type { Effect } from './fault-store.ts'
import { SCENES } from './script.ts'

/** Shares no factor with the 64 kinds of pairs. */
const EVERY = 499
/** These take seconds; a machine that does much else may need some more. */
const timeout = 300_000

function clean(what: string, reached: Campaign, effects: readonly Effect[] = []): Campaign {
  console.log(`${what}: ${showCampaign(reached)}`)
  expect(reached.violations.slice(0, 10)).toEqual([])
  for (const effect of effects) expect(reached.tally.get(effect) ?? 0, effect).toBeGreaterThan(0)
  return reached
}

const ALL: readonly Effect[] = [
  'failed',
  'unknown applied',
  'unknown not applied',
  'ghost applied',
  'ghost refused',
  'double applied',
  'double refused',
  'delayed',
  'answered late',
]

test('the whole script without faults, and with hints that are dropped, doubled and stormed', async () => {
  await callsOfScript()
  clean('hints', await campaign(hintPlans), ['hint dropped', 'hint doubled', 'hint storm'])
})

describe.each(SCENES)('%s', (scene) => {
  test('every single fault', { timeout }, async () => {
    const { commits } = await callsOfScript({ scenes: [scene] })
    const reached = await campaign(singles(commits), { scenes: [scene] })
    clean(`${commits} commits`, reached, ['failed', 'unknown applied', 'delayed', 'answered late'])
    // Each plan aims at one call of a script that is the same up to there.
    expect(reached.faults).toBe(reached.runs)
  })

  test('every single fault of a look', { timeout }, async () => {
    const { looks } = await callsOfScript({ scenes: [scene] })
    const reached = await campaign(lookSingles(looks), { scenes: [scene] })
    clean(`${looks} looks`, reached, ['look failed', 'look delayed'])
    expect(reached.faults).toBe(reached.runs)
  })
})

test(`one pair of faults in ${EVERY} of the whole script`, { timeout }, async () => {
  const { commits } = await callsOfScript()
  clean(`pairs of ${commits} commits`, await campaign(pairs(commits, EVERY), { watched: false }), ALL)
})
