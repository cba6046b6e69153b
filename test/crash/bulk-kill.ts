/**
 * Bulks under kill -9: `tsx test/crash/bulk-kill.ts --kills 200 --seed 7`. A program adds bulks and is killed at a random
 * moment; what is in the store then is looked at through a queue of this process: each bulk is there as a whole or not at
 * all, and those that were acknowledged are there.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { ClassicLevel } from 'classic-level'
import { Queue } from 'holdfast'
import { levelStore } from 'holdfast/level'
import { lastBulkId } from '../../src/core/bulk-keys.ts'
import { sweepBulks } from '../../src/ledger/bulk.ts'
import { openLedger } from '../../src/ledger/ledger.ts'
import { type BulkOrders, sizeOfBulk } from './bulk-load.ts'
import { type Program, Succession } from './launch.ts'
import { chance } from './plan.ts'

export interface BulkCampaign {
  readonly store: BulkOrders['store']
  readonly looks: boolean
  readonly kills: number
  readonly seed: number
  /** Least and most jobs of a bulk. */
  readonly jobs: readonly [least: number, most: number]
  /** The longest that a program adds before it is killed, in ms. */
  readonly killWithin: number
  /** What is said when that time begins: that the first bulk is added, or that it was acknowledged. */
  readonly killAfter: 'TRY' | 'ACK'
}

export const BULK_CAMPAIGN: BulkCampaign = {
  store: 'level',
  looks: true,
  kills: 5,
  seed: 1,
  jobs: [1000, 5000],
  killWithin: 1500,
  killAfter: 'TRY',
}

export interface BulkTrial {
  /** What must not be, as sentences; empty is innocent. */
  readonly faults: readonly string[]
  readonly kills: number
  readonly acknowledged: number
  /** Bulks whose add was killed: how many of them were there, and how many not. */
  readonly cutAndThere: number
  readonly cutAndGone: number
  /** Counts that the programs took while bulks were being stored. */
  readonly looks: number
  /** The directory of the data, kept where there are faults. */
  readonly kept?: string
}

type Figures = { -readonly [K in Exclude<keyof BulkTrial, 'faults' | 'kept'>]: number }

const PAGE = 1000

export async function killBulks(campaign: BulkCampaign): Promise<BulkTrial> {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-bulks-'))
  const path = join(directory, 'data')
  const { store, looks, seed, jobs, killWithin, killAfter } = campaign
  const figures: Figures = { kills: 0, acknowledged: 0, cutAndThere: 0, cutAndGone: 0, looks: 0 }
  const faults: string[] = []
  await using programs = await Succession.of('crash/bulk-load.ts')
  let first = 1
  while (figures.kills < campaign.kills && faults.length === 0) {
    const given: BulkOrders = { path, store, looks, seed, first, jobs }
    const program = programs.begin(given)
    await program.said(killAfter)
    await sleep(chance(seed, 'kill', figures.kills) * killWithin)
    await program.kill()
    figures.kills++
    first = numbersOf(program, 'TRY').at(-1)! + 1
    judgeLooks(given, program, figures, faults)
    await judgeStore(given, program, figures, faults)
  }
  if (faults.length === 0) await judgeRemains(path, faults)
  if (faults.length > 0) return { ...figures, faults, kept: directory }
  await rm(directory, { recursive: true })
  return { ...figures, faults }
}

const numbersOf = ({ lines }: Program, word: string): number[] =>
  lines.filter((line) => line.startsWith(`${word} `)).map((line) => Number(line.split(' ')[1]))

/** What the program saw while it added: the bulks before, whole, and perhaps the one that was being added. */
function judgeLooks(given: BulkOrders, { lines }: Program, figures: Figures, faults: string[]): void {
  let [before, after] = [0, 0]
  for (const line of lines) {
    const [word, number] = line.split(' ')
    if (word === 'TRY') after = before + sizeOfBulk(given, Number(number))
    if (word === 'ACK') before = after
    if (word !== 'SEEN') continue
    figures.looks++
    if (Number(number) !== before && Number(number) !== after)
      faults.push(`${number} jobs were seen, while there were ${before} or ${after}`)
  }
}

/** Opens what the program left, looks at its bulks, and takes away what is there, so that the next one begins at nothing. */
async function judgeStore(
  given: BulkOrders,
  program: Program,
  figures: Figures,
  faults: string[],
): Promise<void> {
  const store = levelStore(given.path)
  const queue = new Queue('bulks', { store })
  const there = await jobsByBulk(queue)
  const acknowledged = new Set(numbersOf(program, 'ACK'))
  figures.acknowledged += acknowledged.size
  for (const bulk of numbersOf(program, 'TRY')) {
    const [size, found] = [sizeOfBulk(given, bulk), there.get(bulk) ?? 0]
    there.delete(bulk)
    if (found !== 0 && found !== size) faults.push(`${found} of the ${size} jobs of bulk ${bulk} are there`)
    else if (acknowledged.has(bulk)) {
      if (found === 0) faults.push(`bulk ${bulk} was acknowledged and is lost`)
    } else if (found === 0) figures.cutAndGone++
    else figures.cutAndThere++
  }
  for (const bulk of there.keys())
    faults.push(`jobs of bulk ${bulk} are there, which is none of this program's`)
  const { problems } = await queue.verify()
  faults.push(...problems)
  if (faults.length === 0) await queue.drain(true)
  await store.close()
}

async function jobsByBulk(queue: Queue): Promise<Map<number, number>> {
  const found = new Map<number, number>()
  for (let at = 0; ; at += PAGE) {
    const jobs = await queue.getJobs(['waiting', 'delayed'], at, at + PAGE - 1, true)
    for (const { id, data } of jobs) {
      const bulk = id === data ? Number(id.split('.')[0]) : Number.NaN
      found.set(bulk, (found.get(bulk) ?? 0) + 1)
    }
    if (jobs.length < PAGE) return found
  }
}

/** What dead producers left goes with a sweep: then there is nothing at all. */
async function judgeRemains(path: string, faults: string[]): Promise<void> {
  const store = levelStore(path)
  await store.ready()
  const ledger = openLedger(store, 'bulks')
  for (let staged = Infinity; staged > 0; ) {
    await sweepBulks(ledger)
    const [left = 0] = await store.count([{ lane: ledger.lanes.staged }])
    if (left >= staged) faults.push(`${left} bulks are still being stored after the sweep`)
    staged = left < staged ? left : 0
  }
  await store.commit([{ delete: [lastBulkId('bulks')] }])
  await store.close()
  const db = new ClassicLevel(path)
  const records = await db.keys({ gte: 'r ', lt: 'r!' }).all()
  const keys = await db.keys({ gte: 'k ', lt: 'k!' }).all()
  await db.close()
  // What was done by hand stays.
  const others = keys.filter((key) => !key.startsWith('k audit:'))
  for (const left of [...records, ...others]) faults.push(`${left} is left`)
}

if (import.meta.filename === process.argv[1]) {
  const { values } = parseArgs({
    options: {
      kills: { type: 'string', default: String(BULK_CAMPAIGN.kills) },
      seed: { type: 'string', default: String(Date.now() % 1e6) },
      within: { type: 'string', default: String(BULK_CAMPAIGN.killWithin) },
      most: { type: 'string', default: String(BULK_CAMPAIGN.jobs[1]) },
    },
  })
  const began = performance.now()
  const { faults, ...figures } = await killBulks({
    ...BULK_CAMPAIGN,
    kills: Number(values.kills),
    seed: Number(values.seed),
    killWithin: Number(values.within),
    jobs: [BULK_CAMPAIGN.jobs[0], Number(values.most)],
  })
  const seconds = ((performance.now() - began) / 1000).toFixed(1)
  console.log(`seed ${values.seed}: ${JSON.stringify(figures)} in ${seconds} s, ${faults.length} faults`)
  for (const fault of faults.slice(0, 20)) console.log(`  ${fault}`)
  if (faults.length > 0) process.exit(1)
}
