/**
 * Every fault at every call of the script, and every pair of faults: plans one by one, and what a campaign over them came to.
 * The soak script runs them all; a test runs the singles and every so many pairs.
 */
import type { Effect } from './fault-store.ts'
import { type Staging, type Verdict, judged } from './judge.ts'
import { FAULT_KINDS, type Fault, HINT_FAULTS, LOOK_FAULT_KINDS, showFault } from './plan.ts'
import { LONG_MS, SHORT_MS, type ScriptPlan } from './setting.ts'

type Wrong = Omit<Fault, 'call'>

const KINDS: readonly Wrong[] = FAULT_KINDS.map((kind) => ({
  kind,
  ms: ['ghost', 'delay', 'late', 'hang'].includes(kind) ? SHORT_MS : undefined,
}))
/** The same, and those that take time once more, longer than a lease lasts. */
const VARIANTS: readonly Wrong[] = [
  ...KINDS,
  { kind: 'double', ms: SHORT_MS },
  ...(['ghost', 'double', 'delay', 'late', 'hang'] as const).map((kind) => ({ kind, ms: LONG_MS })),
]

/** How many calls there are to go wrong, when none does. */
export async function callsOfScript(staging: Staging = {}): Promise<{ commits: number; looks: number }> {
  const { commits, looks, violations } = await judged({}, staging)
  if (violations.length > 0) throw new Error(`without faults: ${violations.join('; ')}`)
  return { commits, looks }
}

export function* singles(commits: number): Generator<ScriptPlan> {
  for (let call = 0; call < commits; call++)
    for (const variant of VARIANTS) yield { commits: [{ call, ...variant }] }
}

/**
 * Each pair once, or every so many of them: a number that shares no factor with the kinds reaches all sorts. `from`: the commit of
 * the later fault to begin with, plus one.
 */
export function* pairs(commits: number, every = 1, from = 0): Generator<ScriptPlan> {
  let at = 0
  for (let turn = 0; turn < commits - 1; turn++) {
    const second = 1 + ((turn + from) % (commits - 1))
    for (let first = 0; first < second; first++) {
      for (const one of KINDS) {
        for (const other of KINDS)
          if (at++ % every === 0)
            yield {
              commits: [
                { call: first, ...one },
                { call: second, ...other },
              ],
            }
      }
    }
  }
}

export function* lookSingles(looks: number): Generator<ScriptPlan> {
  for (let call = 0; call < looks; call++) {
    for (const kind of LOOK_FAULT_KINDS) yield { looks: [{ call, kind, ms: SHORT_MS }] }
    yield { looks: [{ call, kind: 'delay', ms: LONG_MS }] }
  }
}

/** Every so many of some plans, from one on. */
export function* some<Plan>(plans: Iterable<Plan>, every: number, from = 0): Generator<Plan> {
  let at = from
  for (const plan of plans) if (at++ % every === 0) yield plan
}

export const hintPlans: readonly ScriptPlan[] = HINT_FAULTS.map((hints) => ({ hints }))

export interface Campaign {
  readonly runs: number
  /** Faults that happened; others were aimed at calls that an earlier fault kept from being made. */
  readonly faults: number
  readonly tally: ReadonlyMap<Effect, number>
  readonly stalledToDeath: number
  /** Different end states that were reached. */
  readonly ends: number
  /** Each with its plan. */
  readonly violations: readonly string[]
}

/** Runs plans one after the other, until there are none left or `enough` says so. */
export async function campaign(
  plans: Iterable<ScriptPlan>,
  { enough = () => false, ...staging }: Staging & { readonly enough?: () => boolean } = {},
): Promise<Campaign> {
  const tally = new Map<Effect, number>()
  const violations: string[] = []
  const ends = new Set<string>()
  let [runs, faults, stalledToDeath] = [0, 0, 0]
  for (const plan of plans) {
    if (enough()) break
    const verdict: Verdict = await judged(plan, staging)
    runs++
    faults += verdict.happened
    stalledToDeath += verdict.stalledToDeath
    ends.add(verdict.text)
    for (const [effect, count] of verdict.tally) tally.set(effect, (tally.get(effect) ?? 0) + count)
    for (const violation of verdict.violations) violations.push(`${showPlan(plan)}: ${violation}`)
  }
  return { runs, faults, tally, stalledToDeath, ends: ends.size, violations }
}

const showPlan = ({ commits = [], looks = [], hints }: ScriptPlan): string =>
  [
    ...commits.map(showFault),
    ...looks.map((look) => `look ${showFault(look)}`),
    ...(hints === undefined ? [] : [`hints ${String(hints)}`]),
  ].join(', ')

/** One line of what a campaign reached. */
export const showCampaign = ({ runs, faults, tally, stalledToDeath, ends, violations }: Campaign): string =>
  `${runs} runs, ${faults} faults (${[...tally].map(([effect, count]) => `${effect} ${count}`).join(', ')}), ` +
  `${ends} different ends, ${stalledToDeath} jobs stalled too often, ${violations.length} violations`

/** All single faults on the script, then all pairs, from one on, as long as there is time. @throws Error that tells what was violated. */
export async function everyFault({
  enough,
  from,
  disk,
}: Pick<Staging, 'disk'> & { readonly enough: () => boolean; readonly from: number }): Promise<string> {
  const { commits, looks } = await callsOfScript({ disk })
  const told: string[] = []
  for (const [plans, watched] of [
    [singles(commits), true],
    [lookSingles(looks), true],
    [pairs(commits, 1, from), false],
  ] as const) {
    const reached = await campaign(plans, { watched, enough, disk })
    if (reached.violations.length > 0) throw new Error(reached.violations.slice(0, 5).join('; '))
    told.push(showCampaign(reached))
  }
  return told.join('; ')
}
