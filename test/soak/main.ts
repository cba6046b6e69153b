/**
 * `npm run soak -- --minutes 20 [--only model,sim] [--seed 7]`: the campaigns of the tests for as long as there is time, each its share, and what
 * they reached. Ends at the first that fails. The last line is the verdict.
 */
import { parseArgs } from 'node:util'
import { CAMPAIGNS, type CampaignName } from './campaigns.ts'

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '10' }, only: { type: 'string' }, seed: { type: 'string' } },
})
const minutes = Number(values.minutes)
const known = Object.keys(CAMPAIGNS) as CampaignName[]
const names = values.only === undefined ? known : (values.only.split(',') as CampaignName[])
const unknown = names.filter((name) => !known.includes(name))
if (!(minutes > 0) || unknown.length > 0)
  throw new Error(`--minutes N [--only name,...]; there are ${known.join(', ')}`)
const seed = Number(values.seed ?? Date.now() % 1_000_000_000)
console.log(`seed ${seed}`)

let failed: string | undefined
for (const name of names) {
  const began = performance.now()
  const end = began + (minutes * 60_000) / names.length
  try {
    const reached = await CAMPAIGNS[name]({
      seed,
      isOver: () => performance.now() > end,
      leftMs: () => Math.max(1, end - performance.now()),
    })
    console.log(`${name}: ${reached} in ${((performance.now() - began) / 1000).toFixed(0)} s`)
  } catch (error) {
    const { message, cause } = error as Error
    console.log(`${name}: ${message}`)
    if (cause !== undefined) console.log(cause)
    failed = name
    break
  }
}
console.log(failed === undefined ? `ok ${names.join(', ')}` : `FAILED ${failed}`)
process.exit(failed === undefined ? 0 : 1)
