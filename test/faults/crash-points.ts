/**
 * Crashes at units: a fixed scenario on LevelDB whose batches are written down; for each prefix of them a directory is made
 * that holds just these, opened, held against what had been acknowledged, and worked on until nothing is open. Then the same
 * inside the recovery: at each of the batches that it wrote.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkCounts, must } from '../model/invariants.ts'
import { Chronicle } from './chronicle.ts'
import { Life } from './life.ts'
import { dataOf } from './script.ts'

const job = (id: string, options = {}) => ({ name: 'n', data: dataOf(id), opts: { jobId: id, ...options } })

const add = (life: Life, id: string, options = {}): Promise<void> =>
  life.call('adding', 'added', [id], () => life.queue.add('n', dataOf(id), job(id, options).opts))

/** Two lives: the first is killed while it runs a job, the second opens the directory again and goes on. */
async function scenario(): Promise<Chronicle> {
  const chronicle = new Chronicle()
  await inFolder(async (path) => {
    const first = await Life.begin(path, chronicle, undefined)
    await firstLife(first)
    await first.kill()
    const second = await Life.begin(path, chronicle, undefined)
    await secondLife(second)
    await second.close()
  })
  return chronicle
}

async function firstLife(life: Life): Promise<void> {
  const { queue } = life
  await add(life, 'plain')
  const ids = ['big', 'later', 'vanishing']
  life.chronicle.together.push(ids)
  await life.call('adding', 'added', ids, () =>
    queue.addBulk([
      job('big'),
      job('plain'),
      job('later', { delay: 300 }),
      job('vanishing', { removeOnComplete: true }),
    ]),
  )
  life.work()
  await life.untilFinal(...ids)
  await add(life, 'flaky', { attempts: 3, backoff: 200 })
  await add(life, 'chatty')
  await life.untilFinal('flaky', 'chatty')
  await life.call('pausing', 'paused', [''], () => queue.pause())
  await add(life, 'held')
  await add(life, 'unwanted', { delay: 3000 })
  const unwanted = (await life.answered(queue.getJob('unwanted')))!
  await life.answered(unwanted.log('so that there is more to remove'))
  await life.call('removing', 'removed', ['unwanted'], () => queue.remove('unwanted'))
  await life.call('resuming', 'resumed', [''], () => queue.resume())
  await add(life, 'broken')
  await life.untilFinal('held', 'broken')
  await add(life, 'orphan')
  await life.pass(100)
}

async function secondLife(life: Life): Promise<void> {
  life.mended = true
  const broken = (await life.queue.getJob('broken'))!
  await life.call('retrying', undefined, ['broken'], () => broken.retry({ resetAttempts: true }))
  life.work()
  await life.untilFinal('orphan', 'broken')
  await life.pass(100)
  await add(life, 'last', { removeOnComplete: 2 })
  await life.until('retention', async () => (await life.queue.getJobCounts('completed')).completed === 2)
  await life.untilAllFinal()
}

/** Stalls that the workers of these lives, which do not say otherwise, let a job have. */
const STALLS = 3

/**
 * Opens what there was at a moment, checks it, and goes on until nothing is open; what that wrote is in the chronicle given back.
 * `deaths`: lives that may have been cut short; a job that was being run at more of them than it may stall has failed for good.
 */
async function recover(past: Chronicle, deaths: number): Promise<Chronicle> {
  const chronicle = past.upTo(past.moments.length)
  await inFolder(async (path) => {
    const life = await Life.begin(path, chronicle, past)
    await judge(life)
    life.mended = true
    if (await life.answered(life.queue.isPaused()))
      await life.call('resuming', 'resumed', [''], () => life.queue.resume())
    must((await life.leases()).own === 0, 'a lease of an earlier life is taken for one of this')
    life.work()
    await life.pass(500)
    must((await life.leases()).others === 0, 'a lease of an earlier life has to expire first')
    await life.untilAllFinal()
    await judge(life)
    for (const { id, finishedOn, failedCode, stalledCounter } of await life.queue.getJobs()) {
      must(finishedOn !== undefined, `${id} is not final`)
      const isWornOut = deaths > STALLS && failedCode === 'STALLED' && stalledCounter > STALLS
      must(failedCode === undefined || id === 'broken' || isWornOut, `${id} failed: ${failedCode}`)
    }
    await life.close()
    must(life.host.timers === 0, `${life.host.timers} timers are left`)
  })
  return chronicle
}

async function judge(life: Life): Promise<void> {
  const dump = await life.dump()
  life.chronicle.check(dump, life.store.epoch)
  await checkCounts(life.store, dump)
  const { problems } = await life.answered(life.queue.verify())
  must(problems.length === 0, `verify() says ${problems.join('; ')}`)
}

async function inFolder(act: (path: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-crash-points-'))
  try {
    await act(join(folder, 'db'))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

export interface Reached {
  /** Batches of the scenario. */
  readonly batches: number
  /** Moments that were opened and recovered: of the scenario, of its recoveries, of theirs, ... */
  readonly depths: number[]
  readonly violations: string[]
}

/** All moments of the scenario, and of recoveries down to `depth`, until `enough` says so. */
export async function crashPoints({
  depth = 2,
  enough = () => false,
}: {
  readonly depth?: number
  readonly enough?: () => boolean
} = {}): Promise<Reached> {
  const whole = await scenario()
  const depths = Array.from({ length: depth }, () => 0)
  const violations: string[] = []
  const descend = async (name: string, past: Chronicle, from: number, level: number): Promise<void> => {
    const last = past.moments.length
    for (let count = from; count <= last && !enough(); count++) {
      depths[level]!++
      const here = `${name} ${count - from + 1} of ${last - from + 1}`
      try {
        // The first life of the scenario, and one for each level.
        const recovery = await recover(past.upTo(count), level + 2)
        if (level + 1 < depth) await descend(`${here},`, recovery, count + 1, level + 1)
      } catch (error) {
        violations.push(`${here}: ${(error as Error).message}`)
      }
    }
  }
  await descend('moment', whole, 0, 0)
  return { batches: whole.moments.length, depths, violations }
}
