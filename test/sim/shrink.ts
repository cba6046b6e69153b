/** Finding the smallest plan that still fails: entries are taken out, in ever smaller groups, as long as it fails the same way. */
import type { Options } from './options.ts'
import type { Plan } from './plan.ts'
import { type Outcome, simulate } from './simulate.ts'

export interface Shrunk {
  readonly plan: Plan
  readonly outcome: Outcome
  readonly runs: number
}

type List = 'faults' | 'crashes' | 'pauses' | 'jumps' | 'stops' | 'calls'
const LISTS: readonly List[] = ['faults', 'crashes', 'pauses', 'jumps', 'stops', 'calls']

/** What is wrong, without the names and numbers in it. */
const kindOf = (violation: string): string =>
  /^invariant \d+/.exec(violation)?.[0] ?? violation.replaceAll(/\d+/g, '#').slice(0, 40)

export async function shrink(plan: Plan, failed: Outcome, mostRuns = 400): Promise<Shrunk> {
  const search = new Search({ ...plan, faults: failed.faults }, failed, mostRuns)
  await search.begin()
  return search.best
}

class Search {
  best: Shrunk
  readonly #kind: string
  readonly #mostRuns: number
  #runs = 0

  constructor(plan: Plan, outcome: Outcome, mostRuns: number) {
    this.best = { plan, outcome, runs: 0 }
    this.#kind = kindOf(outcome.violation!)
    this.#mostRuns = mostRuns
  }

  async begin(): Promise<void> {
    for (let before = Infinity; this.#size() < before && this.#runs < this.#mostRuns; ) {
      before = this.#size()
      for (const simpler of SIMPLER) await this.#try(simplified(this.best.plan, simpler))
      for (const list of LISTS) await this.#thin(list)
      await this.#shorten()
    }
  }

  #size(): number {
    const { plan } = this.best
    return (
      LISTS.reduce((sum, list) => sum + (plan[list]?.length ?? 0), 0) +
      JSON.stringify(plan.options).length / 1000
    )
  }

  /** Takes entries out of one list: halves first, then quarters, down to single ones. */
  async #thin(list: List): Promise<void> {
    for (let share = Math.ceil(this.#entries(list).length / 2); share >= 1; share = Math.floor(share / 2)) {
      for (let at = 0; at < this.#entries(list).length; ) {
        const entries = this.#entries(list)
        const fewer = { ...this.best.plan, [list]: [...entries.slice(0, at), ...entries.slice(at + share)] }
        if (!(await this.#try(fewer))) at += share
      }
    }
  }

  /** A safety phase that ends soon after what it is for. */
  async #shorten(): Promise<void> {
    for (const part of [0.25, 0.5, 0.75]) {
      const { options } = this.best.plan
      const safetyMs = Math.round(options.safetyMs * part)
      if (await this.#try({ ...this.best.plan, options: { ...options, safetyMs } })) return
    }
  }

  #entries(list: List): readonly unknown[] {
    return this.best.plan[list] ?? []
  }

  async #try(plan: Plan): Promise<boolean> {
    if (this.#runs >= this.#mostRuns) return false
    this.#runs++
    const outcome = await simulate(plan, true)
    if (outcome.violation === undefined || kindOf(outcome.violation) !== this.#kind) return false
    this.best = { plan, outcome, runs: this.#runs }
    return true
  }
}

/** What is said of limits and groups goes with them: nobody would take it back in the end. */
function simplified(plan: Plan, simpler: Partial<Options>): Plan {
  const options = { ...plan.options, ...simpler }
  const calls = options.flow === undefined ? plan.calls.filter(({ kind }) => kind !== 'bound') : plan.calls
  return { ...plan, options, calls }
}

/** Options that make a world smaller or plainer. */
const SIMPLER: readonly Partial<Options>[] = [
  { hintsLost: 0, hintsNoisy: 0, deaf: false },
  { latencyMs: 0 },
  { skewMs: 0 },
  { wallErrorMs: 0 },
  { workers: 1 },
  { machines: 1 },
  { machines: 2 },
  { concurrency: 1 },
  { flow: undefined },
]
