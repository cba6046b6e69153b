/** How many jobs of one name a worker runs at once, and what becomes of those it has no room for. */
import * as fc from 'fast-check'
import { Worker, type WorkerOptions } from 'holdfast'
import { MemoryContent } from 'holdfast/memory'
import { virtualHost } from 'holdfast/testing'
import { describe, expect, test } from 'vitest'
import { type Stage, gate, lanesLeft, only, stage } from '../stage/stage.ts'

const jobsOf = (name: string, count: number, opts: object = {}) =>
  Array.from({ length: count }, (_, at) => ({
    name,
    data: at,
    opts: { ...opts, jobId: `${name}${at}` },
  }))

const parkedIn = ({ dump }: Stage): number => dump().lanes.get('parked:q')?.length ?? 0

/** Handlers that run, by name, and the most there ever were of each. */
function census() {
  const now = new Map<string, number>()
  const most = new Map<string, number>()
  return {
    most: (name: string) => most.get(name) ?? 0,
    begin: (name: string): void => {
      now.set(name, (now.get(name) ?? 0) + 1)
      most.set(name, Math.max(most.get(name) ?? 0, now.get(name)!))
    },
    end: (name: string) => void now.set(name, now.get(name)! - 1),
  }
}

/** A worker of 10 slots in which one slow job has place, with a backlog of those; nothing of it ends before the gate opens. */
async function backlog(count = 20) {
  const made = stage()
  const { host, queue, worker } = made
  const hold = gate()
  const w = worker((job) => (job.name === 'slow' ? hold.promise : job.id), {
    concurrency: 10,
    perName: { slow: { concurrency: 1 } },
  })
  await queue.addBulk(jobsOf('slow', count))
  await host.idle()
  return { ...made, hold, w }
}

describe('a limit of a name', () => {
  test('is never exceeded and always reached, whatever comes and goes', async () => {
    const arrivals = fc.array(
      fc.record({
        name: fc.constantFrom('slow', 'mail', 'other'),
        takes: fc.nat({ max: 40 }),
        pause: fc.nat({ max: 10 }),
        delay: fc.constantFrom(0, 0, 15),
        fails: fc.boolean(),
      }),
      { minLength: 30, maxLength: 60 },
    )
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 3 }),
        fc.constantFrom(4, 8, 70),
        arrivals,
        async (slow, mail, concurrency, plan) => {
          const { host, queue, worker, said } = stage()
          const { begin, end, most } = census()
          worker(
            async ({ name, data }) => {
              begin(name)
              await new Promise<void>((resolve) => host.timer(data.takes, resolve))
              end(name)
              if (data.fails) throw new Error('no')
            },
            { concurrency, perName: { slow: { concurrency: slow }, mail: { concurrency: mail } } },
          )
          for (const { name, pause, delay, ...data } of plan) {
            await queue.add(name, data, { delay })
            await host.advance(pause)
          }
          await host.advance(3000)
          expect(most('slow')).toBeLessThanOrEqual(slow)
          expect(most('mail')).toBeLessThanOrEqual(mail)
          expect(only(said, 'completed', 'failed')).toHaveLength(plan.length)
        },
      ),
      { numRuns: 15 },
    )
  })

  test('is reached where there are enough jobs', async () => {
    const { host, queue, worker } = stage()
    const { begin, most } = census()
    const hold = gate()
    worker(
      ({ name }) => {
        begin(name)
        return hold.promise
      },
      { concurrency: 10, perName: { a: { concurrency: 3 }, b: { concurrency: 2 } } },
    )
    await queue.addBulk([...jobsOf('a', 30), ...jobsOf('b', 30), ...jobsOf('c', 30)])
    await host.idle()
    expect(['a', 'b', 'c'].map(most)).toEqual([3, 2, 5])
    hold.open()
    await host.idle()
    expect(await queue.getJobCounts('completed', 'waiting')).toEqual({ completed: 90, waiting: 0 })
  })

  test('does not let its backlog hold up others', async () => {
    const { host, queue, said, hold } = await backlog(300)
    await queue.addBulk(jobsOf('quick', 5))
    await host.idle()
    expect(only(said, 'completed')).toHaveLength(5)
    expect(only(said, 'active slow')).toHaveLength(1)
    hold.open()
    await host.idle()
    expect(only(said, 'completed')).toHaveLength(305)
  })

  test('keeps the order of the name, priorities and all', async () => {
    const { host, queue, worker, said } = stage()
    const jobs = jobsOf('slow', 30).map((job, at) => ({
      ...job,
      opts: { ...job.opts, priority: at % 3, lifo: at % 5 === 0 },
    }))
    await queue.addBulk(jobs)
    const order = (await queue.getWaiting()).map(({ id }) => id)
    worker((job) => new Promise<void>((resolve) => host.timer(job.data % 2, resolve)), {
      concurrency: 8,
      perName: { slow: { concurrency: 1 } },
    })
    await host.advance(50)
    expect(only(said, 'active').map((line) => line.slice(7))).toEqual(order)
  })

  test('leaves no trace on jobs that had to wait', async () => {
    const { host, queue, hold, said } = await backlog()
    const waiting = (await queue.getJob('slow7'))!
    expect(waiting).toMatchObject({ attemptsMade: 0, attemptsStarted: 0, history: [], stalledCounter: 0 })
    expect([waiting.processedOn, waiting.processedBy]).toEqual([undefined, undefined])
    hold.open()
    await host.idle()
    const done = (await queue.getJob('slow7'))!
    expect(done).toMatchObject({ attemptsMade: 1, attemptsStarted: 1, stalledCounter: 0 })
    expect(done.history).toMatchObject([{ attempt: 1, outcome: 'completed' }])
    expect(only(said, 'active slow7', 'completed slow7', 'stalled', 'lockLost')).toEqual([
      'active slow7',
      'completed slow7 undefined',
    ])
  })

  test('of names that look like others, or like nothing', async () => {
    const { host, queue, worker, said } = stage()
    const names = ['a', 'a/b', 'a:b', 'A', 'ü', '0', 'a0', '%2F', '__proto__', 'constructor']
    const hold = gate()
    worker(() => hold.promise, {
      concurrency: 20,
      perName: Object.fromEntries(['a', 'a/b', 'ü', '0', '%2F'].map((name) => [name, { concurrency: 1 }])),
    })
    for (const name of names) await queue.addBulk([1, 2].map((data) => ({ name, data })))
    await host.idle()
    expect(only(said, 'active')).toHaveLength(15)
    hold.open()
    await host.idle()
    expect(only(said, 'completed')).toHaveLength(20)
  })
})

describe('jobs that are parked', () => {
  test('wait, in every count and list', async () => {
    const made = await backlog()
    const { queue, hold } = made
    expect(parkedIn(made)).toBeGreaterThan(0)
    expect(await queue.getJobCounts('waiting', 'active')).toEqual({ waiting: 19, active: 1 })
    expect(await queue.getWaiting()).toHaveLength(19)
    expect(await queue.getJobState('slow12')).toBe('waiting')
    expect(await (await queue.getJob('slow12'))!.isWaiting()).toBe(true)
    expect(await queue.count()).toBe(19)
    expect(await queue.verify()).toEqual({ ok: true, jobs: 20, problems: [] })
    hold.open()
  })

  test('are removed, changed and drained like others', async () => {
    const made = await backlog()
    const { host, queue, hold, said } = made
    const parked = made
      .dump()
      .lanes.get('parked:q')!
      .map((key) => key.slice(key.lastIndexOf(':') + 1))
    const [first, second, third] = [parked[0]!, parked[1]!, parked.at(-1)!]
    expect(await queue.remove(first)).toBe(1)
    await (await queue.getJob(second))!.updateData('new')
    await (await queue.getJob(third))!.changePriority({ lifo: true })
    await expect((await queue.getJob(second))!.promote()).rejects.toMatchObject({
      code: 'JOB_STATE',
      message: `job ${second} in q is waiting, and not delayed`,
    })
    hold.open()
    await host.idle()
    expect(said).not.toContain(`active ${first}`)
    expect(only(said, 'active')[1]).toBe(`active ${third}`)
    expect(await queue.getJob(second)).toMatchObject({ data: 'new', attemptsMade: 1 })
    expect(only(said, 'completed')).toHaveLength(19)
  })

  test.each(['drain', 'clean', 'obliterate'] as const)('are reached by %s', async (how) => {
    const made = await backlog()
    const { host, queue, hold, content, said } = made
    expect(parkedIn(made)).toBeGreaterThan(0)
    if (how === 'drain') await queue.drain()
    else if (how === 'clean') expect(await queue.clean(0, 0, 'waiting')).toHaveLength(19)
    else await queue.obliterate({ force: true })
    expect(await queue.getWaitingCount()).toBe(0)
    if (how === 'obliterate') expect([content.records.size, lanesLeft(content).length]).toEqual([0, 0])
    hold.open()
    await host.idle()
    expect(only(said, 'active')).toHaveLength(1)
  })

  test('stay while the queue is paused, and go on after it', async () => {
    const { host, queue, hold, said } = await backlog()
    await queue.pause()
    hold.open()
    await host.advance(10_000)
    expect(only(said, 'active')).toHaveLength(1)
    expect(await queue.getWaitingCount()).toBe(19)
    await queue.resume()
    await host.idle()
    expect(only(said, 'completed')).toHaveLength(20)
  })

  test('survive their worker: the next one takes them, with a limit or without', async () => {
    for (const perName of [undefined, { slow: { concurrency: 2 } }, { other: { concurrency: 1 } }]) {
      const content = new MemoryContent()
      const host = virtualHost()
      const first = stage({ content, host })
      // Not one of the stage's, which are closed: nobody hears of this one again.
      void new Worker('q', () => new Promise(() => {}), {
        store: first.store,
        concurrency: 5,
        perName: { slow: { concurrency: 1 } },
      })
      await first.queue.addBulk([...jobsOf('slow', 9), ...jobsOf('zz', 3)])
      await host.idle()
      expect(parkedIn(first)).toBeGreaterThan(0)
      first.store.die()
      const second = stage({ content, host })
      second.worker(() => 1, { concurrency: 4, perName: perName as WorkerOptions['perName'] })
      await host.advance(5000)
      expect(only(second.said, 'completed')).toHaveLength(12)
      expect(parkedIn(second)).toBe(0)
    }
  })

  test('are taken by another worker that has room', async () => {
    const { host, queue, worker, said, hold } = await backlog()
    const { begin, end, most } = census()
    const quick = worker(
      async ({ name }) => {
        begin(name)
        await new Promise<void>((resolve) => host.timer(10, resolve))
        end(name)
      },
      { concurrency: 5, perName: { slow: { concurrency: 3 } }, name: 'quick' },
    )
    await host.advance(1000)
    expect(most('slow')).toBe(3)
    expect(only(said, 'completed')).toHaveLength(19)
    hold.open()
    await quick.close()
    expect(await queue.getCompletedCount()).toBe(20)
  })

  test('are heard of by a worker without limits that was idle', async () => {
    const { host, queue, worker, said, store } = stage()
    const hold = gate()
    worker(() => 1, { concurrency: 5, name: 'free' })
    await host.advance(60_000)
    worker(() => hold.promise, { concurrency: 5, perName: { slow: { concurrency: 1 } }, name: 'tight' })
    await queue.addBulk(jobsOf('slow', 40))
    await host.advance(1000)
    expect(await queue.getWaitingCount()).toBe(0)
    expect(only(said, 'completed').length).toBeGreaterThanOrEqual(39 - 1)
    hold.open()
    await host.advance(1000)
    expect(only(said, 'completed')).toHaveLength(40)
    // The reapers look once more for what expired.
    await host.advance(60_000)
    const before = store.calls
    await host.advance(3_600_000)
    expect(store.calls).toBe(before)
  })

  test('cost nothing while there is no room for them, and nothing once there are none', async () => {
    const { host, queue, store, hold, said } = await backlog()
    const renewals = (): Promise<number> => callsOf(store, () => host.advance(20_000))
    await host.advance(20_000)
    // The lease that lives is renewed, and nothing else is asked.
    expect(await renewals()).toBeLessThanOrEqual(6)
    hold.open()
    await host.advance(60_000)
    expect(only(said, 'completed')).toHaveLength(20)
    expect(await callsOf(store, () => host.advance(86_400_000))).toBe(0)
    await queue.add('slow', 1, { jobId: 'new' })
    await host.idle()
    expect(only(said, 'completed new')).toHaveLength(1)
  })

  test('with a priority are counted, listed and cleaned with those that are prioritized', async () => {
    const made = stage()
    const { host, queue, worker } = made
    const hold = gate()
    worker((job) => (job.data === 'first' ? hold.promise : job.id), {
      concurrency: 5,
      perName: { slow: { concurrency: 1 }, 'slow-er': { concurrency: 1 } },
    })
    for (const name of ['slow', 'slow-er']) await queue.add(name, 'first')
    await host.idle()
    for (const name of ['slow', 'slow-er', 'slow'])
      for (const priority of [0, 2, 1]) await queue.add(name, priority, { priority })
    await host.idle()
    expect(parkedIn(made)).toBe(9)
    await queue.pause()
    await queue.add('slow', 3, { priority: 3 })
    expect(await queue.getJobCounts('waiting', 'prioritized')).toEqual({ waiting: 10, prioritized: 7 })
    const listed = await queue.getJobs('prioritized', 0, -1, true)
    expect(listed.map(({ name, priority }) => `${name} ${priority}`)).toEqual([
      ...['slow-er 1', 'slow-er 2', 'slow 1', 'slow 1', 'slow 2', 'slow 2', 'slow 3'],
    ])
    expect(await queue.clean(0, 0, 'prioritized')).toHaveLength(7)
    expect(await queue.getJobCounts('waiting', 'prioritized')).toEqual({ waiting: 3, prioritized: 0 })
    hold.open()
    await queue.resume()
  })

  test('are not lost where the store fails at any moment', async () => {
    for (const mood of ['failed', 'lost before', 'lost after'] as const) {
      for (let at = 0; at < 12; at++) {
        const { host, queue, store, worker, said } = stage()
        const { begin, end, most } = census()
        await queue.addBulk([...jobsOf('slow', 8), ...jobsOf('quick', 4)])
        let commits = 0
        store.moodOf = () => (commits++ === at ? mood : 'well')
        worker(
          async ({ name }) => {
            begin(name)
            await new Promise<void>((resolve) => host.timer(5, resolve))
            end(name)
          },
          { concurrency: 4, perName: { slow: { concurrency: 1 } }, lockDuration: 5000 },
        )
        await host.advance(30_000)
        expect(only(said, 'completed')).toHaveLength(12)
        expect(most('slow')).toBe(1)
        expect(await queue.getJobCounts('waiting', 'active', 'completed')).toEqual({
          waiting: 0,
          active: 0,
          completed: 12,
        })
      }
    }
  })
})

async function callsOf(store: { readonly calls: number }, during: () => Promise<void>): Promise<number> {
  const before = store.calls
  await during()
  return store.calls - before
}

test.each([
  [{ slow: { concurrency: 0 } }],
  [{ slow: { concurrency: 1.5 } }],
  [{ slow: 5 }],
  [{ slow: { most: 1 } }],
  [[]],
  ['slow'],
])('perName %j is refused', (perName) => {
  const { worker } = stage()
  expect(() => worker(() => 1, { perName: perName as never })).toThrow(/perName/)
})
