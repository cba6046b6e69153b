/** Which job runs when: priority, last in first out, time due; how many at once; and clocks that do odd things. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { gate, only, stage } from '../stage/stage.ts'

const DAY = 86_400_000

test('priority first, then the newest of those that jump the line, then in the order added', async () => {
  const { host, queue, worker } = stage()
  const add = (jobId: string, opts = {}) => queue.add('n', 1, { jobId, ...opts })
  await add('first')
  await add('low', { priority: 9 })
  await add('second')
  await add('lifo1', { lifo: true })
  await add('high', { priority: 1 })
  await add('lifo2', { lifo: true })
  await add('low lifo', { priority: 9, lifo: true })
  const ran: string[] = []
  worker((job) => void ran.push(job.id))
  await host.idle()
  expect(ran).toEqual(['lifo2', 'lifo1', 'first', 'second', 'high', 'low lifo', 'low'])
})

test('jobs of one moment run in the order in which they were added, bulk or not', async () => {
  const { host, queue, worker } = stage()
  const ids = Array.from({ length: 50 }, (_, at) => `j${at}`)
  await queue.addBulk(ids.slice(0, 20).map((jobId) => ({ name: 'n', data: 1, opts: { jobId } })))
  for (const jobId of ids.slice(20)) await queue.add('n', 1, { jobId })
  const ran: string[] = []
  worker((job) => void ran.push(job.id))
  await host.idle()
  expect(ran).toEqual(ids)
})

test('a delayed job takes the place of one added when it fell due', async () => {
  const { host, queue, worker } = stage()
  const ran: string[] = []
  const w = worker((job) => void ran.push(job.id), { autorun: false })
  await queue.add('n', 1, { jobId: 'delayed', delay: 1000 })
  await host.advance(999)
  await queue.add('n', 1, { jobId: 'before' })
  await host.advance(2)
  await queue.add('n', 1, { jobId: 'after' })
  void w.run()
  await host.idle()
  expect(ran).toEqual(['before', 'delayed', 'after'])
})

describe('how many run at once', () => {
  test('is never above the concurrency, whatever comes and goes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(fc.integer({ min: 1, max: 7 }), fc.constantFrom(63, 64, 90)),
        fc.array(fc.record({ takes: fc.nat({ max: 60 }), pause: fc.nat({ max: 20 }), fails: fc.boolean() }), {
          minLength: 20,
          maxLength: 40,
        }),
        async (concurrency, plan) => {
          const { host, queue, worker, said } = stage()
          let now = 0
          let most = 0
          worker(
            async ({ data }) => {
              most = Math.max(most, ++now)
              await new Promise<void>((resolve) => host.timer(data.takes, resolve))
              now--
              if (data.fails) throw new Error('no')
            },
            { concurrency },
          )
          for (const { pause, ...data } of plan) {
            await queue.add('n', data)
            await host.advance(pause)
          }
          await host.advance(3000)
          expect(most).toBeLessThanOrEqual(concurrency)
          expect(most).toBeGreaterThan(0)
          expect(only(said, 'completed', 'failed')).toHaveLength(plan.length)
        },
      ),
      { numRuns: 15 },
    )
  })

  test('reaches it, and follows it while the worker runs', async () => {
    const { host, queue, worker } = stage()
    await queue.addBulk(Array.from({ length: 60 }, () => ({ name: 'n', data: 1 })))
    let now = 0
    const w = worker(
      async () => {
        now++
        await new Promise<void>((resolve) => host.timer(100, resolve))
        now--
      },
      { concurrency: 3 },
    )
    await host.advance(50)
    expect(now).toBe(3)
    w.concurrency = 6
    await host.idle()
    expect(now).toBe(6)
    w.concurrency = 1
    await host.advance(250)
    expect(now).toBe(1)
    expect(() => (w.concurrency = 0)).toThrow('concurrency')
    expect(w.concurrency).toBe(1)
  })

  test('a thousand slots take a thousand jobs', async () => {
    const { host, queue, worker } = stage()
    for (let bulk = 0; bulk < 5; bulk++)
      await queue.addBulk(Array.from({ length: 250 }, () => ({ name: 'n', data: 1 })))
    const end = gate()
    let now = 0
    worker(
      async () => {
        now++
        await end.promise
      },
      { concurrency: 1000 },
    )
    await host.idle()
    expect(now).toBe(1000)
    end.open()
    await host.idle()
    expect(await queue.getJobCounts('completed', 'waiting')).toEqual({ completed: 1000, waiting: 0 })
  })
})

describe('delays', () => {
  test('of sixty days end on the millisecond', async () => {
    const { host, queue, said, worker } = stage()
    worker(() => 1)
    await queue.add('n', 1, { delay: 60 * DAY, jobId: 'j' })
    await host.idle()
    host.jump(60 * DAY - 31_000)
    await host.advance(30_999)
    expect(await queue.getJobState('j')).toBe('delayed')
    expect(only(said, 'active')).toEqual([])
    await host.advance(1)
    expect(await queue.getJobState('j')).toBe('completed')
  })

  test('that pass without a jump end on the millisecond too, and nothing is asked of the store meanwhile', async () => {
    const { host, queue, store, worker } = stage()
    worker(() => 1)
    await queue.add('n', 1, { delay: 2 * DAY, jobId: 'j' })
    await host.idle()
    const before = store.calls
    await host.advance(2 * DAY - 1)
    expect(store.calls).toBe(before)
    await host.advance(1)
    expect(await queue.getJobState('j')).toBe('completed')
  })

  test('hundreds at one moment all run', async () => {
    const { host, queue, worker } = stage()
    await queue.addBulk(Array.from({ length: 350 }, () => ({ name: 'n', data: 1, opts: { delay: 500 } })))
    worker(() => 1, { concurrency: 7 })
    await host.advance(500)
    expect(await queue.getJobCounts('completed', 'waiting', 'delayed')).toEqual({
      completed: 350,
      waiting: 0,
      delayed: 0,
    })
  })

  test('a job that is due earlier than the one waited for is not kept waiting', async () => {
    const { host, queue, worker } = stage()
    worker(() => 1)
    await queue.add('n', 1, { delay: 10_000, jobId: 'late' })
    await host.advance(10)
    await queue.add('n', 1, { runAt: host.wall() + 100, jobId: 'early' })
    await host.advance(100)
    expect(await queue.getJobState('early')).toBe('completed')
    expect(await queue.getJobState('late')).toBe('delayed')
  })

  test('a time in the past is now', async () => {
    const { host, queue, worker } = stage()
    worker(() => 1)
    const job = await queue.add('n', 1, { runAt: new Date(0) })
    await host.idle()
    expect(await job.getState()).toBe('completed')
  })
})

describe('a wall clock that jumps', () => {
  test('forward: what is due is seen within half a minute, and leases that live are renewed, not reaped', async () => {
    const { host, queue, said, worker } = stage()
    await queue.add('n', 1, { jobId: 'long' })
    await queue.add('n', 1, { jobId: 'delayed', delay: 3_600_000 })
    worker(
      (job) => (job.id === 'long' ? new Promise((resolve) => host.timer(60_000, () => resolve(1))) : 1),
      {
        concurrency: 2,
      },
    )
    await host.advance(1000)
    host.jump(3_600_000)
    await host.advance(30_000)
    expect(await queue.getJobState('delayed')).toBe('completed')
    await host.advance(60_000)
    expect(only(said, 'stalled', 'lockLost')).toEqual([])
    expect(await queue.getJobState('long')).toBe('completed')
  })

  test('backward: time goes on, nothing freezes and nothing comes early', async () => {
    const { host, queue, said, worker } = stage()
    worker(() => 1)
    await queue.add('n', 1, { jobId: 'j', delay: 5000 })
    await host.advance(1000)
    host.jump(-3_600_000)
    await host.advance(3999)
    expect(await queue.getJobState('j')).toBe('delayed')
    await host.advance(1)
    expect(await queue.getJobState('j')).toBe('completed')
    await queue.add('n', 1, { jobId: 'k' })
    await host.idle()
    expect(only(said, 'completed')).toHaveLength(2)
  })
})
