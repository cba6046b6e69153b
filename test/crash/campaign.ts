/**
 * The kill -9 witness as a command, for long campaigns: `tsx test/crash/campaign.ts --kills 2000 --seed 7`. It goes in laps
 * of at most 50 kills, each on a directory of its own, and stops at the first fault.
 */
import { parseArgs } from 'node:util'
import { CAMPAIGN, type Campaign, conduct } from './rounds.ts'

const KILLS_PER_LAP = 50
const FAULTS_SHOWN = 20

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: String(CAMPAIGN.kills) },
    seed: { type: 'string', default: String(Date.now() % 1e6) },
    within: { type: 'string', default: String(CAMPAIGN.killWithin) },
    concurrency: { type: 'string', default: String(CAMPAIGN.concurrency) },
    units: { type: 'string' },
    bytes: { type: 'string' },
    eager: { type: 'boolean', default: false },
  },
})
const bytes =
  values.bytes === undefined ? CAMPAIGN.bytes : ([Number(values.bytes), Number(values.bytes)] as const)
const campaign: Campaign = {
  ...CAMPAIGN,
  store: values.eager ? 'eager' : 'level',
  killWithin: Number(values.within),
  concurrency: Number(values.concurrency),
  bytes,
  mixed: values.bytes === undefined,
  units: values.units === undefined ? undefined : Number(values.units),
}

let seed = Number(values.seed)
for (let left = Number(values.kills); left > 0; left -= KILLS_PER_LAP) {
  const began = performance.now()
  const { faults, kept, ...figures } = await conduct({
    ...campaign,
    seed,
    kills: Math.min(left, KILLS_PER_LAP),
  })
  const seconds = ((performance.now() - began) / 1000).toFixed(1)
  console.log(`seed ${seed}: ${JSON.stringify(figures)} in ${seconds} s, ${faults.length} faults`)
  if (faults.length > 0) {
    for (const fault of faults.slice(0, FAULTS_SHOWN)) console.log(`  ${fault}`)
    console.log(`what is left of it, and the ledger: ${kept}`)
    process.exit(1)
  }
  seed++
}
