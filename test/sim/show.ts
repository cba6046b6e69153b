/** A campaign's figures and a failure, as people read them. */
import type { Failure, Report } from './campaign.ts'
import { SHARES, SOMETIMES } from './counters.ts'

const DAY_MS = 86_400_000
/** Of a long trace its end tells most. */
const LINES_SHOWN = 300

export function showReport({ seeds, tally, ms, seconds }: Report, say: (line: string) => void): void {
  const perMinute = (amount: number): string => ((amount / seconds) * 60).toPrecision(4)
  const of = (what: string): number => tally.get(what) ?? 0
  say(`${seeds} seeds, each twice, in ${seconds.toFixed(1)} s`)
  say(
    `per minute: ${perMinute(seeds)} seeds, ${perMinute(ms / DAY_MS)} simulated days, ${perMinute(of('faults'))} faults`,
  )
  for (const [name, good, all] of SHARES)
    say(`${((100 * of(good)) / Math.max(1, of(all))).toFixed(1)} % of ${of(all)}: ${name}`)
  for (const what of [...tally.keys()].sort())
    if (!hidden.has(what)) say(`${String(of(what)).padStart(9)} ${what}`)
  const missing = SOMETIMES.filter((what) => of(what) === 0)
  if (missing.length > 0) say(`never seen: ${missing.join('; ')}`)
}

const hidden: ReadonlySet<string> = new Set(SHARES.flatMap(([, good, all]) => [good, all]))

export function showFailure({ seed, plan, outcome, shrunk }: Failure, say: (line: string) => void): void {
  say(`seed ${seed}: ${outcome.violation}`)
  say(`options ${JSON.stringify(plan.options)}`)
  if (shrunk === undefined) return
  const { plan: small } = shrunk
  say(`made small in ${shrunk.runs} runs: ${shrunk.outcome.violation}`)
  const named = new Set(
    small.calls.flatMap((call) => ('jobs' in call ? call.jobs : 'job' in call ? [call.job] : [])),
  )
  say(`options ${JSON.stringify(small.options)}`)
  say(`jobs ${JSON.stringify(small.jobs.filter(({ n }) => named.has(n)))}`)
  for (const list of ['calls', 'faults', 'crashes', 'pauses', 'jumps', 'stops'] as const)
    say(`${list} ${JSON.stringify(small[list] ?? [])}`)
  const { lines } = shrunk.outcome
  if (lines.length > LINES_SHOWN) say(`trace, the last ${LINES_SHOWN} of ${lines.length} lines:`)
  for (const line of lines.slice(-LINES_SHOWN)) say(line)
}
