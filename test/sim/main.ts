/**
 * The simulator as a command: `npm run sim -- --seeds 1000 [--from 1]` for a campaign, `--seed 7 [--trace]` for one seed. The last
 * line is the verdict.
 */
import { parseArgs } from 'node:util'
import { campaign } from './campaign.ts'
import { showFailure, showReport } from './show.ts'
import { drawPlan } from './plan.ts'
import { simulate } from './simulate.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    trace: { type: 'boolean', default: false },
  },
})

const say = (line: string): void => console.log(line)

if (values.seed !== undefined && values.trace) {
  const { lines } = await simulate(drawPlan(Number(values.seed)), true)
  for (const line of lines) say(line)
}
const one = values.seed !== undefined
const report = await campaign({
  from: Number(one ? values.seed : values.from),
  seeds: one ? 1 : Number(values.seeds),
  say,
})
showReport(report, say)
const { failure, shortcomings, seeds, hash } = report
if (failure !== undefined) {
  showFailure(failure, say)
  say(`FAILED seed ${failure.seed}: ${failure.outcome.violation}`)
} else if (!one && shortcomings.length > 0) say(`FAILED ${seeds} seeds: ${shortcomings.join('; ')}`)
else say(`ok ${seeds} seeds, hash ${hash}`)
process.exitCode = failure === undefined && (one || shortcomings.length === 0) ? 0 : 1
