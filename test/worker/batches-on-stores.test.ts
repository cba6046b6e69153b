/** Batches on every store: what they are made of, waiting for enough jobs, sharing them, and what is left when their process ends. */
import { afterEach, describe, expect, test } from 'vitest'
import { type Job, type JobOptions, Queue, type Store, Worker, type WorkerOptions } from 'holdfast'
import { virtualHost } from 'holdfast/testing'
import { isGathered } from '../../src/core/keys.ts'
import { Ground } from '../faults/ground.ts'
import { viewOf } from '../model/queue-view.ts'
import { type Disk, levelDisk, memoryDisk, redisDisk } from '../model/harness.ts'
import { checkQueue } from '../model/invariants.ts'

const many = (count: number, opts: JobOptions = {}, from = 0) =>
  Array.from({ length: count }, (_, n) => ({
    name: 'n',
    data: n + from,
    opts: { jobId: `j${n + from}`, ...opts },
  }))

let closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

const STEP_MS = 20
/** More than a worker waits before it looks for what no hint told it. */
const MOST_MS = 60_000

/** A queue whose time passes only while no call of its store is under way. */
async function placeOn(open: () => Promise<Disk>) {
  const [host, disk] = [virtualHost(), await open()]
  const ground = new Ground(disk)
  let store: Store = await ground.open(host)
  const workers: Worker[] = []
  const place = {
    host,
    queue: new Queue('q', { store }),
    batches: [] as string[][],
    /** Lets time pass until it holds. */
    until: async (holds: () => unknown): Promise<void> => {
      for (let passed = 0; passed < MOST_MS; passed += STEP_MS) {
        await ground.settle(host)
        if ((await holds()) === true) return
        await host.advance(STEP_MS)
      }
      expect.fail('it never held')
    },
    worker: (options: Partial<WorkerOptions>, work: (job: Job) => unknown = () => 1): Worker => {
      const take = (job: Job): unknown => {
        place.batches.push(job.getBatch().map(({ id }) => id))
        return work(job)
      }
      const worker = new Worker('q', take, { store, name: 'w', ...options })
      worker.on('error', () => undefined)
      workers.push(worker)
      return worker
    },
    /** The process ends, and another opens the same store. */
    restart: async (): Promise<void> => {
      const dead = store
      await disk.kill()
      store = await ground.open(host)
      place.queue = new Queue('q', { store })
      await dead.close().catch(() => undefined)
    },
    gathering: async (): Promise<number> => {
      const parked = (await disk.dump()).lanes.get('parked:q') ?? []
      return parked.filter(isGathered).length
    },
    count: async (state: 'completed' | 'waiting' | 'failed'): Promise<number> =>
      (await place.queue.getJobCounts(state))[state],
  }
  closing.push(async () => {
    let isClosed = false
    void Promise.all(workers.map((worker) => worker.close(true))).then(() => (isClosed = true))
    await place.until(() => isClosed)
    const dump = await disk.dump()
    checkQueue(dump, viewOf(dump, 'q'), store.epoch)
    expect((await place.queue.verify()).problems).toEqual([])
    await store.close()
    await disk.dispose()
  })
  return place
}

describe.each([
  ['memory', memoryDisk],
  ['LevelDB', levelDisk],
  ['Redis', redisDisk],
])('on %s', (_, disk) => {
  test('a batch is up to so many jobs, which end one by one or together', async () => {
    const { queue, batches, worker, until, count } = await placeOn(disk)
    await queue.addBulk(many(5))
    worker({ batch: { size: 3 } }, (job) => {
      const [, second] = job.getBatch()
      second?.setAsFailed(new Error('bad'))
      if (job.id === 'j3') throw new Error('all')
      return 'done'
    })
    await until(async () => (await count('completed')) === 2 && (await count('failed')) === 3)
    expect(batches).toEqual([
      ['j0', 'j1', 'j2'],
      ['j3', 'j4'],
    ])
    expect(await queue.getJob('j1')).toMatchObject({ failedReason: 'bad', attemptsMade: 1 })
    expect(await queue.getJob('j2')).toMatchObject({ returnvalue: 'done', attemptsMade: 1 })
    expect(await queue.getJob('j3')).toMatchObject({ failedReason: 'all' })
  })

  test('jobs that are too few gather until there are enough, in the order of the queue, or until it is too late', async () => {
    const { queue, batches, worker, until, count, host } = await placeOn(disk)
    worker({ batch: { size: 4, minSize: 3, timeout: 5000 } })
    await queue.addBulk(many(2, { priority: 5 }))
    const began = host.monotonic()
    await until(() => host.monotonic() >= began + 1000)
    expect(batches).toEqual([])
    await queue.addBulk(many(1, {}, 2))
    await until(async () => (await count('completed')) === 3)
    expect(batches).toEqual([['j2', 'j0', 'j1']])
    await queue.addBulk(many(1, {}, 3))
    await until(async () => (await count('completed')) === 4)
    expect(host.monotonic() - began).toBeGreaterThanOrEqual(6000)
  })

  test('what one waits for another takes, alone or for a smaller batch, within the limits of the queue', async () => {
    const { queue, batches, worker, until, count, gathering } = await placeOn(disk)
    await queue.setGlobalConcurrency(2)
    worker({ batch: { size: 5, minSize: 5 } })
    await queue.addBulk(many(4))
    await until(async () => (await gathering()) === 4)
    worker({ batch: { size: 3, minSize: 2 } })
    await until(async () => (await count('completed')) === 4)
    expect(batches.flat().sort()).toEqual(['j0', 'j1', 'j2', 'j3'])
    for (const batch of batches) expect(batch.length).toBeLessThanOrEqual(2)
  })

  test('a process that ends leaves what gathered in line, and what it ran to whoever comes next', async () => {
    const place = await placeOn(disk)
    const { batches, worker, until, count } = place
    await place.queue.addBulk(many(3))
    const options = { batch: { size: 3, minSize: 3 }, lockDuration: 1000 }
    worker(options, () => new Promise(() => undefined))
    await until(() => batches.length === 1)
    await place.queue.addBulk(many(2, {}, 3))
    await place.restart()
    place.worker({ ...options, batch: { size: 5, minSize: 5 } })
    await until(async () => (await count('completed')) === 5)
    expect(batches[1]!.toSorted()).toEqual(['j0', 'j1', 'j2', 'j3', 'j4'])
    expect(await place.queue.getJob('j0')).toMatchObject({ stalledCounter: 1, attemptsMade: 1 })
  })
})
