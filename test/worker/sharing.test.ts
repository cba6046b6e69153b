/** One store, many objects: queues that share nothing whatever their names are, and workers that share everything. */
import { describe, expect, test } from 'vitest'
import { Queue, Worker } from 'holdfast'
import { memoryStore } from 'holdfast/memory'
import { type Dump, textOf } from '../model/dump.ts'
import { only, stage } from '../stage/stage.ts'

const NAMES = [
  'a',
  'a:b',
  'a/b',
  'a%3Ab',
  'A',
  'é',
  'e\u0301',
  '😀',
  ' ',
  '*',
  '__proto__',
  'constructor',
  'queue',
  'config',
  '..',
  'a'.repeat(128),
]

const partOf = (dump: Dump, part: string): Dump => ({
  records: new Map([...dump.records].filter(([id]) => id.split(':').includes(part))),
  lanes: new Map([...dump.lanes].filter(([lane]) => lane.split(':')[1] === part)),
})

describe('queues of one store', () => {
  test('see their own jobs only, whatever their names are', async () => {
    const { host, store, worker, said } = stage()
    const queues = NAMES.map((name) => new Queue(name, { store }))
    for (const [at, queue] of queues.entries()) {
      await queue.add(NAMES[at]!, { at }, { jobId: 'same' })
      await queue.add('n', { at }, { jobId: NAMES[at]!.slice(0, 40), delay: 1000 })
    }
    for (const [at, queue] of queues.entries()) {
      expect(await queue.getJobCounts('waiting', 'delayed')).toEqual({ waiting: 1, delayed: 1 })
      expect((await queue.getJob('same'))!.data).toEqual({ at })
    }
    await queues[1]!.pause()
    expect(await Promise.all(queues.map((queue) => queue.isPaused()))).toEqual(NAMES.map((_, at) => at === 1))
    for (const name of NAMES) worker(({ queueName, data }) => ({ queueName, at: data.at }), {}, name)
    await host.advance(1000)
    expect(only(said, 'completed')).toHaveLength(2 * NAMES.length - 2)
    for (const [at, queue] of queues.entries()) {
      if (at === 1) continue
      expect((await queue.getJob('same'))!.returnvalue).toEqual({ queueName: NAMES[at], at })
      expect((await queue.verify()).problems).toEqual([])
    }
  })

  test('are not touched by what is done to another', async () => {
    const { host, store, worker, dump } = stage()
    const [mine, other] = [new Queue('a', { store }), new Queue('a:b', { store })]
    for (const queue of [mine, other])
      await queue.addBulk(
        ['x', 'y', 'z'].map((jobId) => ({ name: 'n', data: 1, opts: { jobId, removeOnFail: 1 } })),
      )
    const before = textOf(partOf(dump(), 'a%3Ab'))
    worker(
      async (job) => {
        await job.log('line')
        await job.updateProgress(3)
        throw new Error('no')
      },
      {},
      'a',
    )
    await host.idle()
    await (await mine.getJobs('failed'))[0]!.retry()
    await mine.pause()
    await host.idle()
    await mine.remove('z')
    await mine.resume()
    await host.idle()
    expect(textOf(partOf(dump(), 'a%3Ab'))).toBe(before)
  })
})

describe('workers of one queue', () => {
  test('share its jobs: each runs once', async () => {
    const { host, queue, worker, said } = stage()
    await queue.addBulk(
      Array.from({ length: 200 }, (_, at) => ({ name: 'n', data: at, opts: { jobId: `j${at}` } })),
    )
    const ran: string[] = []
    const by: Record<string, number> = {}
    for (const name of ['one', 'two', 'three']) {
      worker(
        async (job) => {
          ran.push(job.id)
          by[name] = (by[name] ?? 0) + 1
          await new Promise<void>((resolve) => host.timer(5, resolve))
        },
        { concurrency: 7, name },
      )
    }
    await host.advance(1000)
    expect(ran).toHaveLength(200)
    expect(new Set(ran).size).toBe(200)
    expect(Object.values(by).every((count) => count > 20)).toBe(true)
    expect(only(said, 'stalled', 'lockLost', 'error')).toEqual([])
  })

  test('of one name and one process are told apart: their claims never meet', async () => {
    const { host, queue, worker } = stage()
    const tokens: string[] = []
    await queue.addBulk(Array.from({ length: 20 }, () => ({ name: 'n', data: 1 })))
    for (let at = 0; at < 2; at++) {
      worker((_, { token }) => {
        tokens.push(token)
        return new Promise<void>((resolve) => host.timer(5, resolve))
      })
    }
    await host.advance(1000)
    expect(new Set(tokens).size).toBe(20)
  })

  test('close one by one; the others go on', async () => {
    const { host, queue, worker, passing, said } = stage()
    const first = worker(() => 1)
    worker(() => 2)
    await host.idle()
    await passing(100, first.close())
    await queue.add('n', 1, { jobId: 'j' })
    await host.idle()
    expect(only(said, 'completed')).toEqual(['completed j 2'])
  })
})

test('a queue and a worker on the real clock come to an end by themselves', async () => {
  const store = memoryStore()
  const queue = new Queue<{ double: { data: number; result: number } }>('q', { store })
  const results: number[] = []
  const worker = new Worker<{ double: { data: number; result: number } }>(
    'q',
    { double: (job) => job.data * 2 },
    { store },
  )
  const drained = new Promise<void>((resolve) => worker.on('drained', resolve))
  worker.on('completed', (_, result) => void results.push(result))
  await queue.addBulk([1, 2, 3].map((data) => ({ name: 'double' as const, data })))
  await drained
  await worker.close()
  await queue.close()
  await store.close()
  expect(results).toEqual([2, 4, 6])
})
