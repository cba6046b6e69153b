/** Changing a job that waits or runs: when it is due, its place, its data, its log lines; and the lists that show the places. */
import * as fc from 'fast-check'
import type { Job, Queue } from 'holdfast'
import { describe, expect, test } from 'vitest'
import { readyKey, withPriority } from '../../src/core/ready-key.ts'
import { gate, only, stage } from '../stage/stage.ts'

const ids = (jobs: readonly { readonly id: string }[]): string[] => jobs.map(({ id }) => id)

/** Adds a job and gives it as the queue has it. */
const adder =
  (queue: Queue) =>
  (jobId: string, opts: object = {}): Promise<Job> =>
    queue.add('n', 1, { jobId, ...opts }) as Promise<Job>

/** What a job's change of a state it is not in says. */
const refusal = (id: string, is: string, wanted: string) => ({
  code: 'JOB_STATE',
  outcome: 'failed',
  message: `job ${id} in q is ${is}, and not ${wanted}`,
})

describe('promote', () => {
  test('makes a delayed job due now, behind those that wait', async () => {
    const { host, queue, worker, said } = stage()
    const add = adder(queue)
    const late = await add('late', { delay: 60_000 })
    await add('first')
    await host.advance(10)
    await late.promote()
    expect(late).toMatchObject({ delay: 0 })
    expect(await late.getState()).toBe('waiting')
    await host.advance(10)
    await add('last')
    expect(ids(await queue.getWaiting())).toEqual(['first', 'late', 'last'])
    worker(() => 1)
    await host.idle()
    expect(only(said, 'active')).toEqual(['active first', 'active late', 'active last'])
  })

  test('ends a backoff', async () => {
    const { host, queue, worker, said } = stage()
    worker(({ attemptsMade }) => {
      if (attemptsMade === 0) throw new Error('no')
      return 1
    })
    await queue.add('n', 1, { jobId: 'j', attempts: 2, backoff: 60_000 })
    await host.idle()
    await (await queue.getJob('j'))!.promote()
    await host.idle()
    expect(only(said, 'completed')).toEqual(['completed j 1'])
  })

  test('is not possible for a job that is not delayed, or not there', async () => {
    const { host, queue, worker } = stage()
    const end = gate()
    const job = await adder(queue)('j')
    await expect(job.promote()).rejects.toMatchObject(refusal('j', 'waiting', 'delayed'))
    worker(() => end.promise)
    await host.idle()
    await expect(job.promote()).rejects.toMatchObject(refusal('j', 'active', 'delayed'))
    end.open()
    await host.idle()
    await expect(job.changeDelay(5)).rejects.toMatchObject(refusal('j', 'completed', 'delayed'))
    await job.remove()
    await expect(job.promote()).rejects.toMatchObject({
      code: 'JOB_NOT_FOUND',
      message: 'there is no job j in q',
    })
  })
})

describe('changeDelay', () => {
  test('makes a job due later or earlier, on the millisecond, and in the place of that time', async () => {
    const { host, queue, worker, said } = stage()
    const add = adder(queue)
    const [a, b, c] = [
      await add('a', { delay: 1000 }),
      await add('b', { delay: 2000 }),
      await add('c', { delay: 3000 }),
    ]
    expect(ids(await queue.getDelayed())).toEqual(['a', 'b', 'c'])
    await a.changeDelay(4000)
    await c.changeDelay(500)
    expect(a.delay).toBe(4000)
    expect(ids(await queue.getDelayed())).toEqual(['c', 'b', 'a'])
    expect(await queue.getJob('a')).toMatchObject({ delay: 4000, opts: { delay: 4000 } })
    worker(() => 1)
    for (const [ms, done] of [
      [499, 0],
      [1, 1],
      [1499, 1],
      [1, 2],
      [1999, 2],
      [1, 3],
    ] as const) {
      await host.advance(ms)
      expect(only(said, 'completed')).toHaveLength(done)
    }
    expect(only(said, 'active')).toEqual(['active c', 'active b', 'active a'])
    expect(await b.getState()).toBe('completed')
  })

  test('to nothing is promote', async () => {
    const { host, queue, worker, said } = stage()
    worker(() => 1)
    const job = await adder(queue)('j', { delay: 60_000 })
    await host.idle()
    await job.changeDelay(0)
    await host.idle()
    expect(only(said, 'completed')).toEqual(['completed j 1'])
    expect((await queue.getJob('j'))!.delay).toBe(0)
  })

  test('counts from the moment it is asked, and keeps priority and lifo', async () => {
    const { host, queue } = stage()
    const add = adder(queue)
    const job = await add('j', { delay: 1000, priority: 3, lifo: true })
    await host.advance(700)
    await job.changeDelay(1000)
    const w = await add('other', { priority: 3, lifo: true, delay: 300 })
    await w.changePriority({ lifo: false })
    expect(ids(await queue.getDelayed())).toEqual(['other', 'j'])
    await host.advance(300)
    expect(await job.getState()).toBe('delayed')
    expect(await queue.getJob('j')).toMatchObject({ priority: 3, opts: { lifo: true } })
  })

  test.each([[-1], [0.5], ['5'], [undefined]])('of %j is refused', async (delay) => {
    const { queue } = stage()
    const job = await adder(queue)('j', { delay: 1000 })
    await expect(job.changeDelay(delay as number)).rejects.toMatchObject({
      code: 'OPTION_INVALID',
      message: expect.stringContaining(
        'delay must be a whole number of milliseconds from 0 to 3153600000000',
      ),
    })
  })

  test('by two at once ends with one of them, whole', async () => {
    const { queue } = stage()
    const job = await adder(queue)('j', { delay: 1000 })
    const again = (await queue.getJob('j'))!
    await Promise.all([job.changeDelay(5000), again.changeDelay(7000), job.changePriority({ priority: 4 })])
    const now = (await queue.getJob('j'))!
    expect([5000, 7000]).toContain(now.delay)
    expect(now.priority).toBe(4)
    expect(await queue.verify()).toMatchObject({ ok: true, jobs: 1 })
  })
})

describe('changePriority', () => {
  test('gives a job that waits another place, and the old one back', async () => {
    const { queue } = stage()
    const add = adder(queue)
    const jobs = [await add('a'), await add('b'), await add('c', { priority: 1 }), await add('d')]
    const [a, b] = jobs
    const order = async () => ids(await queue.getWaiting())
    await a!.changePriority({ priority: 2 })
    expect(await order()).toEqual(['b', 'd', 'c', 'a'])
    expect(await queue.getJob('a')).toMatchObject({ priority: 2, opts: { priority: 2 } })
    await b!.changePriority({ priority: 1 })
    expect(await order()).toEqual(['d', 'b', 'c', 'a'])
    await b!.changePriority({ lifo: true, priority: 0 })
    expect(await order()).toEqual(['b', 'd', 'c', 'a'])
    expect([b!.opts.lifo, b!.priority]).toEqual([true, 0])
    await b!.changePriority({ lifo: false })
    await a!.changePriority({ priority: 0 })
    expect(await order()).toEqual(['a', 'b', 'd', 'c'])
    await a!.changePriority({})
    await a!.changePriority({ priority: 0 })
    expect(await order()).toEqual(['a', 'b', 'd', 'c'])
  })

  test('there and back is the same key, for every job', () => {
    const ulid = fc.stringMatching(/^[0-9A-HJKMNP-TV-Z]{26}$/)
    const priority = fc.nat({ max: 2_097_151 })
    fc.assert(
      fc.property(
        priority,
        fc.boolean(),
        fc.nat({ max: 9_999_999_999_999 }),
        ulid,
        priority,
        fc.boolean(),
        (before, lifo, at, name, after, other) => {
          const key = readyKey(before, lifo, at, name)
          expect(withPriority(withPriority(key, after, other), before, lifo)).toBe(key)
          expect(withPriority(key, after, other)).toBe(readyKey(after, other, at, name))
        },
      ),
    )
  })

  test('of a delayed job holds once it is due', async () => {
    const { host, queue, worker, said } = stage()
    const add = adder(queue)
    await add('a', { delay: 1000 })
    const b = await add('b', { delay: 1000 })
    const c = await add('c', { delay: 1000 })
    await b.changePriority({ priority: 5 })
    await c.changePriority({ lifo: true })
    expect(await b.getState()).toBe('delayed')
    worker(() => 1)
    await host.advance(1000)
    expect(only(said, 'active')).toEqual(['active c', 'active a', 'active b'])
  })

  test('wakes nobody up for nothing, and is heard where it must be', async () => {
    const { host, queue, worker, said } = stage()
    const end = gate()
    worker((job) => (job.id === 'long' ? end.promise : 1))
    await adder(queue)('long')
    const low = await adder(queue)('low', { priority: 9 })
    await adder(queue)('high', { priority: 1 })
    await host.idle()
    await low.changePriority({ priority: 0 })
    end.open()
    await host.idle()
    expect(only(said, 'active')).toEqual(['active long', 'active low', 'active high'])
  })

  test('is not possible for a job that runs, is finished or gone', async () => {
    const { host, queue, worker } = stage()
    const end = gate()
    worker(() => end.promise)
    const job = await adder(queue)('j')
    await host.idle()
    const change = () => job.changePriority({ priority: 1 })
    await expect(change()).rejects.toMatchObject(refusal('j', 'active', 'waiting or delayed'))
    end.open()
    await host.idle()
    await expect(change()).rejects.toMatchObject(refusal('j', 'completed', 'waiting or delayed'))
    await job.remove()
    await expect(change()).rejects.toMatchObject({ code: 'JOB_NOT_FOUND' })
  })

  test.each([
    [{ priority: -1 }, 'priority must be a whole number from 0 to 2097151, not -1'],
    [{ lifo: 1 }, 'lifo must be true or false, not 1'],
    [{ prio: 1 }, 'changePriority has no option "prio"; it has priority, lifo'],
    [5, 'changePriority must be an object, not 5'],
  ])('with %j is refused', async (options, message) => {
    const { queue } = stage()
    const job = await adder(queue)('j')
    await expect(job.changePriority(options as never)).rejects.toMatchObject({
      code: 'OPTION_INVALID',
      message,
    })
  })
})

describe('updateData', () => {
  const LARGE = 'x'.repeat(5000)

  test('replaces data of any size by data of any size', async () => {
    const { queue, content } = stage()
    const job = await adder(queue)('j')
    for (const data of [LARGE, { small: true }, `${LARGE}y`, `${LARGE}z`, [1]]) {
      await job.updateData(data)
      expect(job.data).toEqual(data)
      expect((await queue.getJob('j'))!.data).toEqual(data)
      expect(content.records.has('payload:q:j')).toBe(JSON.stringify(data).length > 1024)
    }
    await job.remove()
    expect(content.records.size).toBe(0)
  })

  test('in every state', async () => {
    const { host, queue, worker } = stage()
    const end = gate()
    const w = worker((job) => {
      if (job.id === 'bad') throw new Error('no')
      return job.id === 'run' ? end.promise : 1
    })
    await adder(queue)('ok')
    await adder(queue)('bad')
    await adder(queue)('run')
    await host.idle()
    await queue.pause()
    await adder(queue)('wait')
    await adder(queue)('late', { delay: 5000 })
    for (const [id, state] of [
      ['ok', 'completed'],
      ['bad', 'failed'],
      ['run', 'active'],
      ['wait', 'waiting'],
      ['late', 'delayed'],
    ] as const) {
      for (const data of [LARGE, 'small']) {
        await (await queue.getJob(id))!.updateData(data)
        expect(await queue.getJob(id)).toMatchObject({ data })
        expect(await queue.getJobState(id)).toBe(state)
      }
    }
    end.open()
    await w.close()
    expect(await queue.getJobState('run')).toBe('completed')
  })

  test('while the job runs does not keep it from ending, and a next attempt has it', async () => {
    const { host, queue, worker, said } = stage()
    const begun = gate()
    const end = gate()
    const had: unknown[] = []
    worker(async (job) => {
      had.push(job.data)
      begun.open()
      if (had.length > 1) return job.data
      await end.promise
      await job.log('still writing')
      throw new Error('again')
    })
    const job = await queue.add('n', 'old', { jobId: 'j', attempts: 2 })
    await begun.promise
    await job.updateData(LARGE)
    await job.updateData('new')
    end.open()
    await host.idle()
    expect(had).toEqual(['old', 'new'])
    expect(only(said, 'completed', 'lockLost')).toEqual(['completed j "new"'])
    expect((await queue.getJob('j'))!).toMatchObject({ data: 'new', attemptsMade: 2 })
  })

  test('in the handler is there for the next attempt', async () => {
    const { host, queue, worker, said } = stage()
    worker(async (job) => {
      if (job.data.step === 3) return 'done'
      await job.updateData({ step: job.data.step + 1, pad: job.data.step % 2 === 0 ? LARGE : '' })
      await job.updateProgress(job.data.step)
      await job.log(`step ${job.data.step}`)
      throw new Error('more')
    })
    await queue.add('n', { step: 0 }, { jobId: 'j', attempts: 9 })
    await host.idle()
    expect(only(said, 'completed')).toEqual(['completed j "done"'])
    const job = (await queue.getJob('j'))!
    expect(job.data.step).toBe(3)
    expect((await job.getLogs()).logs).toEqual(['step 1', 'step 2', 'step 3'])
  })

  test('in the handler and from outside, at once, leave one of them, and the job ends', async () => {
    const { host, queue, worker, said } = stage()
    const begun = gate()
    worker(async (job) => {
      begun.open()
      for (let at = 0; at < 10; at++) await job.updateData({ inside: at })
    })
    const job = await queue.add('n', { inside: -1 }, { jobId: 'j' })
    await begun.promise
    for (let at = 0; at < 10; at++) await job.updateData({ outside: at })
    await host.idle()
    expect(only(said, 'completed', 'lockLost', 'failed')).toEqual(['completed j undefined'])
    expect([{ inside: 9 }, { outside: 9 }]).toContainEqual((await queue.getJob('j'))!.data)
  })

  test('is refused once the lease is lost, and to whoever has a job that is gone', async () => {
    const { host, queue, store, worker } = stage()
    const told: unknown[] = []
    const well = gate()
    worker(
      async (job, _, signal) => {
        if (told.length > 0) return 1
        await new Promise((resolve) => signal.addEventListener('abort', resolve))
        await well.promise
        told.push(await job.updateData('late').catch((error: unknown) => error))
        throw new Error('lost')
      },
      { lockDuration: 1000 },
    )
    const job = await queue.add('n', 'data', { jobId: 'j' })
    await host.idle()
    await queue.pause()
    store.mood = 'failed'
    await host.advance(1500)
    store.mood = 'well'
    await host.advance(5000)
    well.open()
    await host.idle()
    expect(told).toMatchObject([{ code: 'LOCK_LOST', outcome: 'failed' }])
    expect((await queue.getJob('j'))!.data).toBe('data')
    await job.remove({ force: true })
    await expect(job.updateData('x')).rejects.toMatchObject({ code: 'JOB_NOT_FOUND' })
  })

  test.each([
    [1n, 'PAYLOAD_NOT_JSON'],
    ['x'.repeat(300 * 1024), 'PAYLOAD_TOO_LARGE'],
  ])('with what is no data is refused', async (data, code) => {
    const { queue } = stage()
    const job = await adder(queue)('j')
    await expect(job.updateData(data)).rejects.toMatchObject({ code, outcome: 'failed' })
    expect((await queue.getJob('j'))!.data).toBe(1)
  })
})

describe('clearLogs', () => {
  const logged = async (keepLogs: number, lines: number) => {
    const made = stage()
    const job = await adder(made.queue)('j', { keepLogs })
    for (let line = 0; line < lines; line++) await job.log(`${line}`)
    return { ...made, job }
  }
  const lines = async (job: Job): Promise<string> => (await job.getLogs()).logs.join()

  test('removes all lines, or all but the newest; what is written later is kept', async () => {
    const { job, content } = await logged(5, 7)
    expect(await lines(job)).toBe('2,3,4,5,6')
    await job.clearLogs(2)
    expect(await lines(job)).toBe('5,6')
    expect(await job.getLogs()).toMatchObject({ count: 2 })
    expect(await job.log('7')).toBe(3)
    expect(await lines(job)).toBe('5,6,7')
    await job.clearLogs(9)
    expect(await lines(job)).toBe('5,6,7')
    await job.clearLogs()
    expect(await job.getLogs()).toEqual({ logs: [], count: 0 })
    expect([...content.records.keys()].filter((id) => id.startsWith('log:'))).toEqual([])
    const counts: number[] = []
    for (let line = 8; line < 16; line++) counts.push(await job.log(`${line}`))
    expect(counts).toEqual([1, 2, 3, 4, 5, 5, 5, 5])
    expect(await lines(job)).toBe('11,12,13,14,15')
    await job.remove()
    expect(content.records.size).toBe(0)
  })

  test('of a job without lines, or without lines to keep, does nothing', async () => {
    for (const keepLogs of [0, 5]) {
      const { job } = await logged(keepLogs, keepLogs === 0 ? 3 : 0)
      await job.clearLogs()
      expect(await lines(job)).toBe('')
    }
  })

  test('while lines are being written loses none that came after it', async () => {
    const { job } = await logged(50, 10)
    const written = Promise.all(Array.from({ length: 10 }, (_, at) => job.log(`n${at}`)))
    await job.clearLogs()
    await written
    const { logs } = await job.getLogs()
    expect(logs).toEqual(Array.from({ length: 10 }, (_, at) => `n${at}`).slice(10 - logs.length))
  })

  test('of a job that is gone, or to keep no number, is refused', async () => {
    const { job, queue } = await logged(5, 1)
    await expect(job.clearLogs(-1)).rejects.toMatchObject({
      code: 'OPTION_INVALID',
      message: 'keep must be a whole number from 0 to 9007199254740991, not -1',
    })
    await queue.remove('j')
    await expect(job.clearLogs()).rejects.toMatchObject({ code: 'JOB_NOT_FOUND' })
  })
})

describe('lists of one state', () => {
  test('are in the order of the queue, finished ones the newest first; and so are their pages', async () => {
    const { host, queue, worker } = stage()
    const end = gate()
    const w = worker(
      (job) => {
        if (job.data === 'bad') throw new Error('no')
        return job.data === 'run' ? end.promise : 1
      },
      { concurrency: 2 },
    )
    for (let at = 0; at < 5; at++) {
      await queue.add('n', 'ok', { jobId: `ok${at}` })
      await queue.add('n', 'bad', { jobId: `bad${at}` })
      await host.advance(1)
    }
    await queue.add('n', 'run', { jobId: 'run0' })
    await queue.add('n', 'run', { jobId: 'run1' })
    await host.idle()
    await queue.pause()
    for (let at = 0; at < 3; at++) {
      await queue.add('n', 1, { jobId: `late${at}`, delay: 5000 - at })
      await queue.add('n', 1, { jobId: `low${at}`, priority: 3 - at })
      await queue.add('n', 1, { jobId: `wait${at}` })
    }
    const lists: readonly [string[], (start?: number, end?: number) => Promise<Job[]>, Promise<number>][] = [
      [
        ['wait0', 'wait1', 'wait2', 'low2', 'low1', 'low0'],
        (...range) => queue.getWaiting(...range),
        queue.getWaitingCount(),
      ],
      [['low2', 'low1', 'low0'], (...range) => queue.getPrioritized(...range), queue.getPrioritizedCount()],
      [['late2', 'late1', 'late0'], (...range) => queue.getDelayed(...range), queue.getDelayedCount()],
      [['run0', 'run1'], (...range) => queue.getActive(...range), queue.getActiveCount()],
      [
        ['ok4', 'ok3', 'ok2', 'ok1', 'ok0'],
        (...range) => queue.getCompleted(...range),
        queue.getCompletedCount(),
      ],
      [
        ['bad4', 'bad3', 'bad2', 'bad1', 'bad0'],
        (...range) => queue.getFailed(...range),
        queue.getFailedCount(),
      ],
      [[], (...range) => queue.getWaitingChildren(...range), queue.getWaitingChildrenCount()],
    ]
    for (const [wanted, list, count] of lists) {
      expect(ids(await list())).toEqual(wanted)
      expect(await count).toBe(wanted.length)
      for (let start = 0; start <= wanted.length; start++) {
        expect(ids(await list(start))).toEqual(wanted.slice(start))
        expect(ids(await list(start, start + 1))).toEqual(wanted.slice(start, start + 2))
      }
    }
    expect(await queue.getJobCounts('waiting', 'prioritized')).toEqual({ waiting: 6, prioritized: 3 })
    expect(await queue.getJobCounts()).not.toHaveProperty('prioritized')
    expect(await queue.count()).toBe(9)
    end.open()
    await w.close()
  })

  test('refuse what is no state and no range', async () => {
    const { queue } = stage()
    await expect(queue.getWaiting(-1)).rejects.toMatchObject({
      code: 'OPTION_INVALID',
      message: 'start must be a whole number from 0 to 9007199254740991, not -1',
    })
    await expect(queue.getFailed(0, 1.5)).rejects.toMatchObject({
      message: 'end must be a whole number from -1 to 9007199254740991, not 1.5',
    })
    await expect(queue.getJobs('paused' as never)).rejects.toMatchObject({
      message:
        'there is no state "paused"; there are waiting, delayed, active, waiting-children, completed, failed, prioritized',
    })
  })
})
