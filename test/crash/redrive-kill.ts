/**
 * Dead letters sent back under kill -9: `tsx test/crash/redrive-kill.ts --letters 100000 --kills 3`. A program that redrives is
 * killed at a random moment, and another one goes on; in the end every job is back where it came from, once.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Queue, Worker } from 'holdfast'
import { levelStore } from 'holdfast/level'
import { Succession } from './launch.ts'
import { chance } from './plan.ts'

export interface RedriveCampaign {
  readonly letters: number
  readonly kills: number
  readonly seed: number
  /** The longest that a program redrives before it is killed, in ms. */
  readonly killWithin: number
}

export interface RedriveTrial {
  /** What must not be, as sentences; empty is innocent. */
  readonly faults: readonly string[]
  /** Programs that were killed while letters were left. */
  readonly kills: number
  /** Letters that were left at each kill. */
  readonly left: readonly number[]
}

const PAGE = 1000

export async function killRedrives(campaign: RedriveCampaign): Promise<RedriveTrial> {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-redrive-'))
  const path = join(directory, 'data')
  await writeLetters(path, campaign.letters)
  await using programs = await Succession.of('crash/redrive-load.ts')
  const left: number[] = []
  while (left.length < campaign.kills) {
    const program = programs.begin({ path })
    await program.said('OPEN')
    await sleep(chance(campaign.seed, 'kill', left.length) * campaign.killWithin)
    await program.kill()
    const letters = await lettersLeft(path)
    if (letters === 0) break
    left.push(letters)
  }
  const last = programs.begin({ path })
  await last.said('BACK')
  await last.ended
  const faults = await judge(path, campaign.letters)
  await rm(directory, { recursive: true })
  return { faults, kills: left.length, left }
}

/** Jobs that fail at once, each with a letter. */
async function writeLetters(path: string, count: number): Promise<void> {
  const store = levelStore(path, { durability: 'process' })
  const queue = new Queue('work', { store, defaultJobOptions: { deadLetter: 'dead' } })
  const letters = new Queue('dead', { store })
  await queue.addBulk(
    Array.from({ length: count }, (_, at) => ({ name: 'n', data: at, opts: { jobId: `${at}` } })),
  )
  const fails = (): never => {
    throw new Error('no')
  }
  const worker = new Worker('work', fails, { store, concurrency: 400 })
  while ((await letters.count()) < count)
    await new Promise<void>((resolve) => worker.once('drained', () => resolve()))
  await worker.close()
  await store.close()
}

async function lettersLeft(path: string): Promise<number> {
  const store = levelStore(path)
  const count = await new Queue('dead', { store }).count()
  await store.close()
  return count
}

/** Every job is back under its id, with its data, and nothing is anywhere else. */
async function judge(path: string, count: number): Promise<string[]> {
  const store = levelStore(path)
  const [queue, letters] = [new Queue('work', { store }), new Queue('dead', { store })]
  const faults: string[] = []
  const seen = new Set<number>()
  for (let at = 0; ; at += PAGE) {
    const jobs = await queue.getJobs('waiting', at, at + PAGE - 1, true)
    for (const { id, data, attemptsMade } of jobs) {
      if (id !== `${data}` || attemptsMade !== 0) faults.push(`job ${id} is ${JSON.stringify(data)}`)
      if (seen.has(data)) faults.push(`job ${id} is there twice`)
      seen.add(data)
    }
    if (jobs.length < PAGE) break
  }
  if (seen.size !== count) faults.push(`${seen.size} of ${count} jobs are back`)
  for (const one of [queue, letters]) faults.push(...(await one.verify()).problems)
  if ((await letters.count()) > 0) faults.push('there are letters left')
  await store.close()
  return faults
}

if (import.meta.filename === process.argv[1]) {
  const { values } = parseArgs({
    options: {
      letters: { type: 'string', default: '100000' },
      kills: { type: 'string', default: '3' },
      seed: { type: 'string', default: String(Date.now() % 1e6) },
      within: { type: 'string', default: '3000' },
    },
  })
  const began = performance.now()
  const { faults, ...figures } = await killRedrives({
    letters: Number(values.letters),
    kills: Number(values.kills),
    seed: Number(values.seed),
    killWithin: Number(values.within),
  })
  const seconds = ((performance.now() - began) / 1000).toFixed(1)
  console.log(`seed ${values.seed}: ${JSON.stringify(figures)} in ${seconds} s, ${faults.length} faults`)
  for (const fault of faults.slice(0, 20)) console.log(`  ${fault}`)
  if (faults.length > 0) process.exit(1)
}
