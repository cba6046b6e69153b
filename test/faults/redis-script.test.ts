/** The script of faults on a real server, some of its faults in each scene; soak has all of them. */
import { expect, test } from 'vitest'
import { redisDisk } from '../model/harness.ts'
import { campaign, callsOfScript, lookSingles, showCampaign, singles, some } from './enumerate.ts'
import { SCENES } from './script.ts'

/** Shares no factor with the kinds of faults at one call. */
const EVERY = 61

test.each(SCENES)('%s', { timeout: 120_000 }, async (scene) => {
  const staging = { scenes: [scene], disk: redisDisk }
  const { commits, looks } = await callsOfScript(staging)
  const plans = [...some(singles(commits), EVERY), ...some(lookSingles(looks), EVERY)]
  const reached = await campaign(plans, staging)
  console.log(`${commits} commits, ${looks} looks: ${showCampaign(reached)}`)
  expect(reached.violations.slice(0, 10)).toEqual([])
})
