/** Many seeds, each run twice: what they reached, and the first that fails, made small. */
import { type Tally, addTally, count, shortcomings } from './counters.ts'
import { type Plan, drawPlan } from './plan.ts'
import { type Shrunk, shrink } from './shrink.ts'
import { type Outcome, simulate } from './simulate.ts'

export interface Assignment {
  /** The first seed. */
  readonly from: number
  /** How many; or until something is so. */
  readonly seeds?: number
  readonly until?: () => boolean
  /** Told what happens, line by line. */
  readonly say?: (line: string) => void
}

export interface Failure {
  readonly seed: number
  readonly plan: Plan
  readonly outcome: Outcome
  /** Absent where the two runs differ: then nothing can be shrunk. */
  readonly shrunk?: Shrunk
}

export interface Report {
  readonly seeds: number
  /** Of all seeds' traces. */
  readonly hash: string
  readonly tally: Tally
  /** Virtual milliseconds, of one run of each seed. */
  readonly ms: number
  /** Real seconds of all. */
  readonly seconds: number
  readonly failure?: Failure | undefined
  /** What the campaign failed to show. */
  readonly shortcomings: readonly string[]
}

const SEEDS_PER_LINE = 500

export async function campaign({
  from,
  seeds = Infinity,
  until = () => false,
  say = () => undefined,
}: Assignment): Promise<Report> {
  const began = performance.now()
  const seconds = (): number => (performance.now() - began) / 1000
  const tally: Tally = new Map()
  let hash = 0
  let ms = 0
  let done = 0
  let failure: Failure | undefined
  const isOver = (): boolean => done >= seeds || until()
  while (failure === undefined && !isOver()) {
    const seed = from + done
    const plan = drawPlan(seed)
    const outcome = await simulate(plan)
    failure = await judge(plan, outcome)
    addTally(tally, outcome.tally)
    count(tally, `shape: ${plan.options.shape}`)
    count(tally, `trouble: ${plan.options.trouble}`)
    hash = (Math.imul(hash, 31) + Number.parseInt(outcome.hash, 16)) >>> 0
    ms += outcome.ms
    done++
    if (done % SEEDS_PER_LINE === 0) say(`${done} seeds in ${seconds().toFixed(0)} s`)
  }
  return {
    seeds: done,
    hash: hash.toString(16).padStart(8, '0'),
    tally,
    ms,
    seconds: seconds(),
    failure,
    shortcomings: failure === undefined ? shortcomings(tally, done) : [],
  }
}

/** Runs a plan a second time: the same must come out. Then, where it fails, makes it small. */
async function judge(plan: Plan, outcome: Outcome): Promise<Failure | undefined> {
  const again = await simulate(plan)
  if (again.hash !== outcome.hash) {
    const violation = `two runs of the seed differ: ${outcome.hash} and ${again.hash}`
    return { seed: plan.seed, plan, outcome: { ...outcome, violation } }
  }
  if (outcome.violation === undefined) return undefined
  return { seed: plan.seed, plan, outcome, shrunk: await shrink(plan, outcome) }
}
