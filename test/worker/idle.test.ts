/** What an idle worker costs, what is kept of finished jobs, and what is left when nothing is to be done. */
import { describe, expect, test } from 'vitest'
import { only, stage } from '../stage/stage.ts'

const DAY = 86_400_000

describe('an idle worker', () => {
  test('asks the store nothing for a day after its first claims', async () => {
    const { host, store, worker } = stage()
    worker(() => 1, { concurrency: 10 })
    await host.idle()
    const before = store.calls
    await host.advance(DAY)
    expect(store.calls).toBe(before)
  })

  test('is awake at once', async () => {
    const { host, queue, worker, said } = stage()
    worker(() => 1)
    await host.advance(DAY)
    await queue.add('n', 1, { jobId: 'j' })
    await host.idle()
    expect(only(said, 'completed')).toEqual(['completed j 1'])
  })

  test('asks nothing more once it has done its work', async () => {
    const { host, queue, store, worker } = stage()
    worker(() => 1)
    await queue.addBulk(Array.from({ length: 20 }, () => ({ name: 'n', data: 1 })))
    await host.advance(60_000)
    const before = store.calls
    await host.advance(DAY)
    expect(store.calls).toBe(before)
  })
})

describe('finished jobs', () => {
  const run = async (opts: object, count: number, fails = false) => {
    const made = stage()
    const { host, queue, worker } = made
    worker(
      () => {
        if (fails) throw new Error('no')
        return 1
      },
      { concurrency: 3 },
    )
    let least = Infinity
    for (let at = 0; at < count; at += 10) {
      await queue.addBulk(
        Array.from({ length: 10 }, (_, n) => ({
          name: 'n',
          data: 1,
          opts: { ...opts, jobId: `j${at + n}` },
        })),
      )
      // Jobs of one millisecond have no newest.
      await host.advance(1)
      const { completed, failed } = await queue.getJobCounts('completed', 'failed')
      if (at > count / 2) least = Math.min(least, completed + failed)
    }
    await host.advance(1000)
    return { ...made, least, counts: await queue.getJobCounts('completed', 'failed') }
  }

  test('go at once where none are to be kept', async () => {
    const { content, counts } = await run({ removeOnComplete: true }, 50)
    expect(counts).toEqual({ completed: 0, failed: 0 })
    expect(content.records.size).toBe(0)
    const failing = await run({ removeOnFail: 0 }, 50, true)
    expect(failing.counts).toEqual({ completed: 0, failed: 0 })
    expect(failing.content.records.size).toBe(0)
  })

  test('stay where all are', async () => {
    expect((await run({ removeOnComplete: false }, 1200)).counts.completed).toBe(1200)
  })

  test('are the newest of the count that is to be kept, never fewer, and exactly so when idle', async () => {
    const { counts, least, queue } = await run({ removeOnComplete: 15 }, 300)
    expect(counts.completed).toBe(15)
    expect(least).toBeGreaterThanOrEqual(15)
    expect(await queue.getJobState('j299')).toBe('completed')
    expect(await queue.getJobState('j0')).toBe('unknown')
    const failing = await run({ removeOnFail: { count: 15 } }, 300, true)
    expect(failing.counts.failed).toBe(15)
  })

  test('are 1,000 by default', async () => {
    expect((await run({}, 1400)).counts.completed).toBe(1000)
  })

  test('of each kind have a rule of their own', async () => {
    const { host, queue, worker } = stage()
    worker(({ data }) => {
      if (data % 2 === 1) throw new Error('no')
    })
    const opts = { removeOnComplete: 3, removeOnFail: 5 }
    await queue.addBulk(Array.from({ length: 40 }, (_, data) => ({ name: 'n', data, opts })))
    await host.idle()
    expect(await queue.getJobCounts('completed', 'failed')).toEqual({ completed: 3, failed: 5 })
  })

  test('take their logs, results and progress along', async () => {
    const { host, queue, worker, content } = stage()
    worker(async (job) => {
      await job.log('line')
      await job.updateProgress({ half: true })
      return 'x'.repeat(3000)
    })
    await queue.addBulk(
      Array.from({ length: 30 }, () => ({
        name: 'n',
        data: 'y'.repeat(3000),
        opts: { removeOnComplete: 1 },
      })),
    )
    await host.idle()
    expect(await queue.getJobCounts('completed')).toEqual({ completed: 1 })
    expect(content.records.size).toBe(6)
  })

  test('whose log is written while they are pruned leave nothing behind', async () => {
    const { host, queue, store, worker, dump } = stage()
    const jobs = Array.from({ length: 12 }, (_, at) => ({
      name: 'n',
      data: 1,
      opts: { jobId: `j${at}`, removeOnComplete: 1 },
    }))
    await queue.addBulk(jobs)
    let written = false
    const job = (await queue.getJob('j0'))!
    const inner = store.inner.commit.bind(store.inner)
    store.inner.commit = async (changes) => {
      const prunes = changes.some(
        ({ remove, add }) => add === undefined && remove?.some(([lane]) => lane === 'done:q'),
      )
      if (prunes && !written) {
        written = true
        await job.log('late')
      }
      return inner(changes)
    }
    worker(() => 1)
    await host.advance(1000)
    expect(written).toBe(true)
    await queue.add('n', 1, { removeOnComplete: 1 })
    await host.advance(1000)
    expect([...dump().records.keys()].filter((id) => id.startsWith('log'))).toEqual([])
  })
})
