/** Changing many jobs at once: draining, cleaning, removing the whole queue, retrying, promoting; and others at work meanwhile. */
import { type HoldfastError, Queue, Worker } from 'holdfast'
import { describe, expect, test } from 'vitest'
import { CALL_OPERATIONS } from '../../src/core/bounds.ts'
import { checkUnit } from '../../src/core/unit.ts'
import type { Change } from '../../src/store.ts'
import { overStore } from '../faults/over-store.ts'
import { type Stage, gate, lanesLeft, only, stage } from '../stage/stage.ts'

/** More than two pages. */
const MANY = 450

const named = (prefix: string, count: number, opts: object = {}) =>
  Array.from({ length: count }, (_, at) => ({
    name: prefix,
    data: at,
    opts: { ...opts, jobId: `${prefix}${at}` },
  }))

const KEEP_ALL = { removeOnComplete: false, removeOnFail: false }

/** Jobs in every state: `ok` completed, `bad` failed, `run` active until the gate opens, `wait` and `late` to come. */
async function mixed(count: number) {
  const made = stage()
  const { host, queue, worker } = made
  const hold = gate()
  const signals: AbortSignal[] = []
  const running = worker(
    (job, _, signal) => {
      if (job.name === 'bad') throw new Error('no')
      if (job.name !== 'run') return job.id
      signals.push(signal)
      return hold.promise
    },
    { concurrency: 20 },
  )
  await queue.addBulk([...named('ok', count, KEEP_ALL), ...named('bad', count, KEEP_ALL)])
  await host.advance(100)
  await queue.addBulk(named('run', 3))
  await host.idle()
  await queue.pause()
  await queue.addBulk([...named('wait', count), ...named('late', count, { delay: 10_000 })])
  return { ...made, hold, signals, running }
}

const countsOf = async ({ queue }: Stage): Promise<string> =>
  Object.values(await queue.getJobCounts('waiting', 'delayed', 'active', 'completed', 'failed')).join()

const removesSome = (changes: readonly Change[]): boolean =>
  changes.some(({ remove, delete: gone }) => remove !== undefined && gone !== undefined && gone.length > 0)

describe('drain', () => {
  test('removes what waits, and what is delayed where asked to; the rest stays', async () => {
    const made = await mixed(MANY)
    const { host, queue, hold, said } = made
    expect(await countsOf(made)).toBe('450,450,3,450,450')
    await queue.drain()
    expect(await countsOf(made)).toBe('0,450,3,450,450')
    await queue.drain(true)
    expect(await countsOf(made)).toBe('0,0,3,450,450')
    hold.open()
    await queue.resume()
    await host.idle()
    expect(await countsOf(made)).toBe('0,0,0,453,450')
    expect(only(said, 'completed run')).toHaveLength(3)
  })

  test('refuses what is neither true nor false', async () => {
    const { queue } = stage()
    await expect(queue.drain(1 as never)).rejects.toMatchObject({
      code: 'OPTION_INVALID',
      message: 'delayed must be true or false, not 1',
    })
  })
})

describe('clean', () => {
  test.each([
    ['completed', 'ok', '450,450,3,0,450'],
    ['failed', 'bad', '450,450,3,450,0'],
    ['waiting', 'wait', '0,450,3,450,450'],
    ['delayed', 'late', '450,0,3,450,450'],
  ] as const)('removes what is %s, and says which', async (state, prefix, left) => {
    const made = await mixed(MANY)
    const { queue, hold } = made
    const cleaned: unknown[] = []
    queue.on('cleaned', (ids, of) => void cleaned.push([ids.length, of]))
    const ids = await queue.clean(0, 0, state)
    expect(ids.toSorted()).toEqual(
      named(prefix, MANY)
        .map(({ opts }) => opts.jobId)
        .toSorted(),
    )
    expect(cleaned).toEqual([[MANY, state]])
    expect(await countsOf(made)).toBe(left)
    expect(await queue.clean(0, 0, state)).toEqual([])
    expect(cleaned).toHaveLength(1)
    hold.open()
  })

  test('keeps what ended, or was added, less than grace ago, and removes no more than its limit, the oldest first', async () => {
    const { host, queue, worker } = stage()
    const w = worker((job) => {
      if (job.name === 'bad') throw new Error('no')
    })
    for (let at = 0; at < 6; at++) {
      await queue.add('ok', 1, { jobId: `ok${at}` })
      await queue.add('bad', 1, { jobId: `bad${at}` })
      await host.advance(1000)
    }
    await w.close()
    expect(await queue.clean(5001)).toEqual(['ok0'])
    expect(await queue.clean(5000)).toEqual(['ok1'])
    expect(await queue.clean(0, 2)).toEqual(['ok2', 'ok3'])
    expect(await queue.clean(1000, 1, 'failed')).toEqual(['bad0'])
    for (const [state, opts] of [
      ['waiting', {}],
      ['delayed', { delay: 3_600_000 }],
    ] as const) {
      for (let at = 0; at < 4; at++) {
        await queue.add('n', 1, { jobId: `${state}${at}`, ...opts })
        await host.advance(1000)
      }
      expect(await queue.clean(3001, 0, state)).toEqual([`${state}0`])
      expect(await queue.clean(0, 2, state)).toEqual([`${state}1`, `${state}2`])
      expect(await queue.clean(10_000, 0, state)).toEqual([])
    }
    expect(await queue.getJobCounts('completed', 'failed', 'waiting', 'delayed')).toEqual({
      completed: 2,
      failed: 5,
      waiting: 1,
      delayed: 1,
    })
  })

  test('tells prioritised jobs from others', async () => {
    const { queue } = stage()
    await queue.addBulk([...named('plain', 3), ...named('first', 3, { priority: 2 })])
    expect(await queue.clean(0, 2, 'prioritized')).toEqual(['first0', 'first1'])
    expect(await queue.clean(0, 0, 'prioritized')).toEqual(['first2'])
    expect(await queue.getWaitingCount()).toBe(3)
  })

  test.each([
    [[-1], 'grace must be a whole number of milliseconds from 0 to 3153600000000, not -1'],
    [[0, 1.5], 'limit must be a whole number from 0 to 9007199254740991, not 1.5'],
    [[0, 0, 'active'], 'state must be one of completed, failed, waiting, prioritized, delayed, not "active"'],
  ])('of %j is refused', async (given, message) => {
    const { queue } = stage()
    const refusal = { code: 'OPTION_INVALID', message }
    await expect(queue.clean(...(given as [number]))).rejects.toMatchObject(refusal)
  })
})

describe('a suspect', () => {
  /** One whose next stall would end it, delayed for a while. */
  async function suspicious() {
    const made = stage()
    const { host, queue, store, worker } = made
    worker(() => new Promise(() => {}), { maxStalledCount: 1, lockDuration: 1000, name: 'lost' })
    await queue.add('n', 1, { jobId: 'suspect', backoff: 5000, priority: 1 })
    await queue.add('n', 1, { jobId: 'other', delay: 60_000 })
    await host.idle()
    await queue.pause()
    store.mood = 'failed'
    await host.advance(1500)
    store.mood = 'well'
    for (let second = 0; second < 10 && (await queue.getJobState('suspect')) === 'active'; second++)
      await host.advance(500)
    expect([...made.dump().lanes.keys()]).toContain('suspect:q')
    expect(await queue.getJobState('suspect')).toBe('delayed')
    return made
  }

  test('is drained and cleaned as what it is at that time', async () => {
    for (const due of [false, true]) {
      const drained = await suspicious()
      if (due) await drained.host.advance(6000)
      const state = due ? 'waiting' : 'delayed'
      expect(await drained.queue.getJobState('suspect')).toBe(state)
      expect(await drained.queue.getPrioritizedCount()).toBe(due ? 1 : 0)
      await drained.queue.drain()
      expect(await drained.queue.getJobState('suspect')).toBe(due ? 'unknown' : 'delayed')
      await drained.queue.drain(true)
      expect(await drained.queue.count()).toBe(0)
      const cleaned = await suspicious()
      if (due) await cleaned.host.advance(6000)
      expect(await cleaned.queue.clean(0, 0, due ? 'delayed' : 'waiting')).toEqual(due ? ['other'] : [])
      expect(await cleaned.queue.clean(0, 0, state)).toContain('suspect')
    }
  })

  test('that is due waits, so it is neither promoted nor delayed', async () => {
    const { host, queue, dump } = await suspicious()
    await host.advance(6000)
    const job = (await queue.getJob('suspect'))!
    const refusal = { code: 'JOB_STATE', message: 'job suspect in q is waiting, and not delayed' }
    const before = dump()
    await expect(job.promote()).rejects.toMatchObject(refusal)
    await expect(job.changeDelay(5000)).rejects.toMatchObject(refusal)
    expect(dump()).toEqual(before)
    expect(await queue.promoteJobs()).toBe(1)
    expect(await queue.getJobCounts('waiting', 'delayed')).toEqual({ waiting: 2, delayed: 0 })
  })

  test('is promoted and runs, alone', async () => {
    const { host, queue, worker, said } = await suspicious()
    expect(await queue.promoteJobs()).toBe(2)
    expect(await queue.getJobCounts('waiting', 'delayed')).toEqual({ waiting: 2, delayed: 0 })
    await queue.resume()
    worker(() => 1, { name: 'sound' })
    await host.idle()
    expect(only(said, 'completed').toSorted()).toEqual(['completed other 1', 'completed suspect 1'])
  })
})

describe('obliterate', () => {
  test('removes everything, settings included', async () => {
    const made = await mixed(MANY)
    const { host, queue, content, hold, worker, said } = made
    hold.open()
    await host.idle()
    await queue.addBulk(named('more', 900, { priority: 3, delay: 5 }))
    const [job] = await queue.getWaiting(0, 0)
    await job!.log('x')
    await job!.updateProgress({ x: 1 })
    await queue.obliterate()
    expect([content.records.size, lanesLeft(content)]).toEqual([0, []])
    expect(await queue.isPaused()).toBe(false)
    worker(() => 1)
    await queue.add('n', 1, { jobId: 'new' })
    await host.idle()
    expect(only(said, 'completed new')).toHaveLength(1)
  })

  test('is refused while jobs run, and leaves the queue as it was', async () => {
    for (const paused of [true, false]) {
      const made = await mixed(5)
      const { host, queue, hold, said } = made
      if (!paused) await queue.resume()
      const refusal = {
        code: 'JOB_STATE',
        outcome: 'failed',
        message: '3 jobs of the queue q are being run: wait for them, or obliterate it with { force: true }',
      }
      if (!paused) await host.idle()
      const before = await countsOf(made)
      await expect(queue.obliterate()).rejects.toMatchObject(refusal)
      expect(await countsOf(made)).toBe(before)
      expect(await queue.isPaused()).toBe(paused)
      hold.open()
      if (paused) await queue.resume()
      await host.idle()
      expect(only(said, 'completed wait')).toHaveLength(5)
    }
  })

  test('by force ends leases, and tells the handlers', async () => {
    const { host, queue, content, hold, signals, said } = await mixed(5)
    await queue.obliterate({ force: true })
    await host.idle()
    expect(signals.map(({ aborted, reason }) => [aborted, (reason as HoldfastError).code])).toEqual(
      Array.from({ length: 3 }, () => [true, 'LOCK_LOST']),
    )
    expect(only(said, 'lockLost')).toHaveLength(3)
    expect([content.records.size, lanesLeft(content)]).toEqual([0, []])
    hold.open()
    await queue.add('ok', 1, { jobId: 'after' })
    await host.idle()
    expect(only(said, 'completed after', 'completed run')).toEqual(['completed after "after"'])
    expect(await queue.getCompletedCount()).toBe(1)
  })

  test('interrupted anywhere it leaves the queue paused; it is called again, or the queue resumed', async () => {
    let interrupted = 0
    for (const again of [true, false]) {
      for (let at = 0; ; at++) {
        const { host, queue, store, content, hold, worker, said } = await mixed(20)
        hold.open()
        await host.idle()
        let commits = 0
        store.moodOf = () => (commits++ === at ? 'failed' : 'well')
        const whole = await queue.obliterate().then(
          () => true,
          () => false,
        )
        store.moodOf = () => 'well'
        if (whole) break
        interrupted++
        expect(await queue.isPaused()).toBe(true)
        const left = await queue.count()
        worker(() => 1, { concurrency: 50 })
        await host.idle()
        expect(await queue.count()).toBe(left)
        if (again) {
          await queue.obliterate()
          expect([content.records.size, lanesLeft(content)]).toEqual([0, []])
        } else {
          said.length = 0
          await queue.resume()
          await host.advance(10_000)
          expect(only(said, 'completed')).toHaveLength(left)
        }
      }
    }
    expect(interrupted).toBeGreaterThanOrEqual(10)
  })

  test('a pause from before an interruption ends with it', async () => {
    const { queue, store } = stage()
    await queue.addBulk(named('n', 3))
    await queue.pause()
    store.moodOf = (changes) => (removesSome(changes) ? 'failed' : 'well')
    await expect(queue.obliterate()).rejects.toMatchObject({ code: 'STORE_FULL', outcome: 'unknown' })
    expect(await queue.getWaitingCount()).toBe(3)
    await queue.resume()
    expect(await queue.isPaused()).toBe(false)
  })

  test('that was interrupted and is refused then does not leave its own pause behind', async () => {
    const { queue, store, hold } = await mixed(5)
    await queue.resume()
    store.moodOf = (changes) => (removesSome(changes) ? 'failed' : 'well')
    await expect(queue.obliterate({ force: true })).rejects.toMatchObject({ code: 'STORE_FULL' })
    store.moodOf = () => 'well'
    expect(await queue.isPaused()).toBe(true)
    await expect(queue.obliterate()).rejects.toMatchObject({ code: 'JOB_STATE' })
    expect(await queue.isPaused()).toBe(false)
    hold.open()
  })

  test('of an empty queue, twice, and by two at once', async () => {
    const { queue, content } = stage()
    await queue.obliterate()
    await queue.addBulk(named('n', MANY))
    await Promise.all([queue.obliterate(), queue.obliterate({ force: true })])
    expect([content.records.size, lanesLeft(content)]).toEqual([0, []])
  })

  test.each([[{ force: 1 }], [{ hard: true }], [null]])('with %j is refused', async (options) => {
    const { queue } = stage()
    await expect(queue.obliterate(options as never)).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  })
})

describe('retryJobs', () => {
  test('puts failed jobs back in line as they ended, behind those that wait; attempts are kept', async () => {
    const { host, queue, worker, said } = stage()
    const w = worker(
      () => {
        throw new Error('no')
      },
      { concurrency: 20 },
    )
    await queue.addBulk(named('bad', MANY, { ...KEEP_ALL, attempts: 2 }))
    await host.advance(100)
    await w.close()
    await queue.add('n', 1, { jobId: 'first' })
    await host.advance(1)
    expect(await queue.retryJobs()).toBe(MANY)
    expect(await queue.getJobCounts('waiting', 'failed')).toEqual({ waiting: MANY + 1, failed: 0 })
    expect((await queue.getWaiting(0, 0))[0]!.id).toBe('first')
    const job = (await queue.getJob('bad7'))!
    expect(job).toMatchObject({ attemptsMade: 2, attemptsStarted: 2, data: 7 })
    expect([job.failedReason, job.failedCode, job.finishedOn]).toEqual([undefined, undefined, undefined])
    expect(await queue.retryJobs()).toBe(0)
    worker(() => 1, { concurrency: 50 })
    await host.idle()
    expect(only(said, 'completed')).toHaveLength(MANY + 1)
    expect((await queue.getJob('bad7'))!).toMatchObject({ attemptsMade: 3, attemptsStarted: 3 })
  })

  test('takes those of a state that finished by a time', async () => {
    const { host, queue, worker } = stage()
    const w = worker((job) => {
      if (job.name === 'bad') throw new Error('no')
    })
    const ends: number[] = []
    for (let at = 0; at < 4; at++) {
      await queue.addBulk([...named(`ok${at}`, 1), { name: 'bad', data: 1, opts: { jobId: `bad${at}` } }])
      await host.idle()
      ends.push(host.wall())
      await host.advance(1000)
    }
    await w.close()
    expect(await queue.retryJobs({ timestamp: ends[0]! - 1 })).toBe(0)
    expect(await queue.retryJobs({ timestamp: ends[1]! })).toBe(2)
    expect((await queue.getWaiting()).map(({ id }) => id)).toEqual(['bad0', 'bad1'])
    expect(await queue.retryJobs({ state: 'completed', timestamp: ends[0]! })).toBe(1)
    expect(await queue.retryJobs({ state: 'completed' })).toBe(3)
    expect(await queue.getJobCounts('waiting', 'completed', 'failed')).toEqual({
      waiting: 6,
      completed: 0,
      failed: 2,
    })
  })

  test.each([
    [{ state: 'waiting' }, `state must be 'failed' or 'completed', not "waiting"`],
    [
      { timestamp: -5 },
      'timestamp must be a whole number of milliseconds from 0 to 9007199254740991, not -5',
    ],
    [
      { why: 5 },
      'retryJobs has no option "why"; it has by, reason, state, name, from, to, code, resetAttempts, timestamp, count',
    ],
  ])('of %j is refused', async (options, message) => {
    const { queue } = stage()
    const refusal = { code: 'OPTION_INVALID', message }
    await expect(queue.retryJobs(options as never)).rejects.toMatchObject(refusal)
  })
})

describe('promoteJobs', () => {
  test('makes every delayed job due now, in the order in which they would have been', async () => {
    const { host, queue, worker, said } = stage()
    await queue.add('n', 1, { jobId: 'first' })
    const jobs = named('late', MANY).map((job, at) => ({
      ...job,
      opts: { ...job.opts, delay: 1000 + ((at * 7) % MANY) },
    }))
    await queue.addBulk(jobs)
    expect(await queue.promoteJobs()).toBe(MANY)
    expect(await queue.promoteJobs()).toBe(0)
    expect(await queue.getJobCounts('waiting', 'delayed')).toEqual({ waiting: MANY + 1, delayed: 0 })
    expect(await queue.getJob('late3')).toMatchObject({ delay: 0 })
    worker(() => 1)
    await host.idle()
    const order = jobs.toSorted((a, b) => a.opts.delay - b.opts.delay).map(({ opts }) => opts.jobId)
    expect(only(said, 'active').map((line) => line.slice(7))).toEqual(['first', ...order])
  })

  test('wakes a worker that waits for their time, and keeps priorities', async () => {
    const { host, queue, worker, said } = stage()
    worker(() => 1)
    await host.idle()
    await queue.addBulk([
      { name: 'n', data: 1, opts: { jobId: 'low', delay: 5000, priority: 7 } },
      { name: 'n', data: 1, opts: { jobId: 'high', delay: 9000, priority: 2 } },
    ])
    await queue.pause()
    expect(await queue.promoteJobs()).toBe(2)
    await queue.resume()
    await host.idle()
    expect(only(said, 'active')).toEqual(['active high', 'active low'])
  })
})

describe('others in the middle of a page', () => {
  /** Does something between the look at a page and the commit of it, once. */
  function between({ store }: Stage, meddle: () => Promise<unknown>): { happened: boolean } {
    const done = { happened: false }
    store.moodOf = (changes) => {
      if (changes.length < 20 || done.happened) return 'well'
      done.happened = true
      store.moodOf = () => 'well'
      // Sent before the page itself goes on, as its commit is held.
      void meddle().then(() => store.release())
      return 'hung'
    }
    return done
  }

  test('what is drained and moved away meanwhile is gone, or has its new place', async () => {
    const made = await mixed(50)
    const { queue, hold } = made
    const jobs = await queue.getWaiting(0, 3)
    const seen = between(made, async () => {
      await jobs[0]!.updateData('changed')
      await jobs[1]!.remove()
      await jobs[2]!.changePriority({ priority: 4 })
      await queue.add('n', 1, { jobId: jobs[1]!.id })
    })
    await queue.drain()
    expect(seen.happened).toBe(true)
    expect(await countsOf(made)).toMatch(/^[012],50,3,50,50$/)
    expect(await queue.verify()).toMatchObject({ ok: true })
    await queue.drain()
    expect(await countsOf(made)).toBe('0,50,3,50,50')
    hold.open()
  })

  test('what is cleaned and retried meanwhile is not removed', async () => {
    const made = await mixed(50)
    const { queue, hold } = made
    const [, newest] = await queue.getFailed(0, 1)
    const seen = between(made, () => newest!.retry())
    expect(await queue.clean(0, 0, 'failed')).toHaveLength(49)
    expect(seen.happened).toBe(true)
    expect(await newest!.getState()).toBe('waiting')
    hold.open()
  })

  test('where some vanish, others of their page are cleaned in their place', async () => {
    const made = await mixed(50)
    const { queue, hold } = made
    const oldest = await queue.getJobs('failed', 0, 24, true)
    const seen = between(made, () => Promise.all(oldest.slice(5).map((job) => job.remove())))
    expect(await queue.clean(0, 25, 'failed')).toHaveLength(25)
    expect(seen.happened).toBe(true)
    expect(await countsOf(made)).toBe('50,50,3,50,5')
    hold.open()
  })

  test('what is cleaned and annotated meanwhile goes with what it was given', async () => {
    const made = await mixed(50)
    const { queue, hold, content } = made
    const [job] = await queue.getCompleted(0, 0)
    const seen = between(made, async () => {
      await job!.updateData('d'.repeat(5000))
      await job!.log('x')
    })
    expect(await queue.clean(0)).toHaveLength(50)
    expect(seen.happened).toBe(true)
    expect([...content.records.keys()].filter((id) => id.endsWith(`:${job!.id}`))).toEqual([])
    hold.open()
  })

  test('what is retried by two is retried once', async () => {
    const made = await mixed(50)
    const { queue, hold } = made
    let others = 0
    const seen = between(made, async () => (others = await queue.retryJobs()))
    const mine = await queue.retryJobs()
    expect(seen.happened).toBe(true)
    expect([mine + others, others]).toEqual([50, 50])
    expect(await countsOf(made)).toBe('100,50,3,50,0')
    hold.open()
  })

  test('what is promoted and delayed anew meanwhile is promoted, or waits for its new time', async () => {
    const made = await mixed(50)
    const { queue, hold } = made
    const [first, second] = await queue.getDelayed(0, 1)
    const seen = between(made, async () => {
      await first!.changeDelay(77_000)
      await second!.updateData('new')
    })
    const promoted = await queue.promoteJobs()
    expect(seen.happened).toBe(true)
    const { waiting, delayed } = await queue.getJobCounts('waiting', 'delayed')
    expect([waiting, delayed]).toEqual([50 + promoted, 50 - promoted])
    expect(promoted).toBeGreaterThanOrEqual(49)
    expect(await queue.getJob(second!.id)).toMatchObject({ data: 'new', delay: 0 })
    expect(await queue.getJobState(second!.id)).toBe('waiting')
    hold.open()
  })

  test('a page of which the store takes nothing leaves what was done before, and can be called again', async () => {
    for (const mood of ['failed', 'lost before', 'lost after'] as const) {
      const made = await mixed(MANY)
      const { queue, hold, store } = made
      let pages = 0
      store.moodOf = (changes) => (changes.length >= 20 && pages++ === 1 ? mood : 'well')
      await expect(queue.clean(0, 0, 'failed')).rejects.toMatchObject({ outcome: 'unknown' })
      store.moodOf = () => 'well'
      const left = await queue.getFailedCount()
      expect(left).toBeGreaterThan(0)
      expect(left).toBeLessThan(MANY)
      expect(await queue.clean(0, 0, 'failed')).toHaveLength(left)
      expect(await countsOf(made)).toBe('450,450,3,450,0')
      hold.open()
    }
  })
})

test('what many jobs need is done in calls that keep a server from others for a moment only', async () => {
  const { host, store } = stage()
  const calls: number[] = []
  const watched = overStore(store, {
    commit: (changes) => {
      calls.push(checkUnit(changes).operations)
      return store.commit(changes)
    },
  })
  const queue = new Queue('many', { store: watched, defaultJobOptions: { removeOnComplete: false } })
  await queue.addBulk(named('a', 1000))
  const worker = new Worker('many', async () => undefined, { store: watched, concurrency: 50 })
  await host.idle()
  await worker.close()
  expect(await queue.clean(0, 0, 'completed')).toHaveLength(1000)
  await queue.addBulk(named('b', 1000))
  await queue.obliterate()
  // A cycle of the worker: the ends of fifty jobs, of three operations each, and a claim.
  expect(Math.max(...calls)).toBeLessThanOrEqual(CALL_OPERATIONS * 1.5)
  expect(calls.reduce((sum, operations) => sum + operations, 0)).toBeGreaterThan(10_000)
})
