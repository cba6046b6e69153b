/** Jobs that are taken and ended by hand, without a loop. */
import { SnoozeError, UnrecoverableError, Worker } from 'holdfast'
import { describe, expect, test } from 'vitest'
import { gate, only, stage } from '../stage/stage.ts'

const hands = (store: ReturnType<typeof stage>['store']): Worker =>
  new Worker('q', null, { store, name: 'h', lockDuration: 1000 })

describe('getNextJob', () => {
  test('gives the jobs of the queue in order, then nothing', async () => {
    const { queue, store } = stage()
    const worker = hands(store)
    await queue.add('n', 'second', { jobId: 'b' })
    await queue.add('n', 'first', { jobId: 'a', lifo: true })
    const given = [await worker.getNextJob(), await worker.getNextJob()]
    expect(given.map((job) => [job?.id, job?.data, job?.attemptsStarted])).toEqual([
      ['a', 'first', 1],
      ['b', 'second', 1],
    ])
    expect(await worker.getNextJob()).toBeUndefined()
    for (const job of given) await job!.moveToCompleted(job!.data)
    expect(await queue.getJobCounts('active', 'completed')).toEqual({ active: 0, completed: 2 })
    expect((await queue.getJob('a'))?.returnvalue).toBe('first')
    await worker.close()
  })

  test('gives none of a paused queue, and what is due or parked', async () => {
    const { queue, store, host } = stage()
    const worker = hands(store)
    await queue.add('n', 1, { delay: 100 })
    expect(await worker.getNextJob()).toBeUndefined()
    await host.advance(100)
    await queue.pause()
    expect(await worker.getNextJob()).toBeUndefined()
    await queue.resume()
    await (await worker.getNextJob())!.moveToCompleted(1)
    await worker.close()
  })

  test('leaves a lease to itself: it expires, and the next call takes it away', async () => {
    const { queue, store, host } = stage()
    const worker = hands(store)
    await queue.add('n', 1, { jobId: 'a' })
    const job = (await worker.getNextJob('mine'))!
    await host.advance(600)
    await job.extendLock('mine', 1000)
    await host.advance(900)
    expect(await worker.getNextJob()).toBeUndefined()
    expect(await job.getState()).toBe('active')
    await host.advance(200)
    expect(await worker.getNextJob()).toBeUndefined()
    expect(await job.getState()).toBe('delayed')
    await expect(job.moveToCompleted(1)).rejects.toMatchObject({ code: 'LOCK_LOST', outcome: 'failed' })
    await expect(job.extendLock('mine', 1000)).rejects.toMatchObject({ code: 'LOCK_LOST' })
    expect((await queue.getJob('a'))?.stalledCounter).toBe(1)
    await worker.close()
  })

  test('is refused once the worker is closed, and a worker without a handler does not run', async () => {
    const { store } = stage()
    const worker = hands(store)
    await expect(worker.run()).rejects.toMatchObject({ code: 'NOT_SUPPORTED' })
    await worker.close()
    await expect(worker.getNextJob()).rejects.toMatchObject({ code: 'CLOSING' })
  })
})

describe('the end', () => {
  test('of a failure follows the options of the job', async () => {
    const { queue, store, host } = stage()
    const worker = hands(store)
    await queue.add('n', 1, { jobId: 'a', attempts: 3, backoff: 500 })
    const first = (await worker.getNextJob())!
    await first.moveToFailed(new Error('no'))
    expect([await first.getState(), first.attemptsMade, first.failedReason]).toEqual(['delayed', 1, 'no'])
    await host.advance(500)
    const second = (await worker.getNextJob())!
    await second.moveToFailed(new SnoozeError(50))
    expect([await second.getState(), second.attemptsMade]).toEqual(['delayed', 1])
    await host.advance(50)
    const third = (await worker.getNextJob())!
    await third.moveToFailed(new UnrecoverableError('never'))
    expect([await third.getState(), third.failedCode]).toEqual(['failed', 'UNRECOVERABLE'])
    expect((await queue.getJob('a'))?.history.map(({ outcome }) => outcome)).toEqual([
      'failed',
      'snoozed',
      'failed',
    ])
    await worker.close()
  })

  test('can be later, at a point in time, with no attempt burnt', async () => {
    const { queue, store, host } = stage()
    const worker = hands(store)
    await queue.add('n', 1)
    const job = (await worker.getNextJob())!
    await job.moveToDelayed(store.now() + 5000)
    expect([await job.getState(), job.attemptsMade]).toEqual(['delayed', 0])
    await host.advance(5000)
    await (await worker.getNextJob())!.moveToCompleted(undefined)
    await worker.close()
  })

  test('is of one caller: another token, a second end, a handler and a stranger are refused', async () => {
    const { queue, store, worker: loop } = stage()
    const worker = hands(store)
    await queue.add('n', 1, { jobId: 'a' })
    const job = (await worker.getNextJob('mine'))!
    await expect(job.moveToCompleted(1, 'theirs')).rejects.toMatchObject({ code: 'LOCK_LOST' })
    await expect(job.moveToCompleted(1, 'mine', true)).rejects.toMatchObject({ code: 'NOT_SUPPORTED' })
    await job.moveToCompleted(1, 'mine')
    await expect(job.moveToCompleted(1, 'mine')).rejects.toMatchObject({ code: 'LOCK_LOST' })
    await expect((await queue.getJob('a'))!.moveToFailed(new Error('no'))).rejects.toMatchObject({
      code: 'NOT_SUPPORTED',
    })
    const { promise, open } = gate<unknown>()
    loop(async (own, context) => own.moveToCompleted(1, context).then(open, open))
    await queue.add('n', 2)
    expect(await promise).toMatchObject({ code: 'NOT_SUPPORTED' })
    await worker.close()
  })

  test('whose answer was lost is found out by asking again', async () => {
    const { queue, store } = stage()
    const worker = hands(store)
    await queue.add('n', 1, { jobId: 'a' })
    const job = (await worker.getNextJob())!
    store.moodOf = () => 'lost after'
    await expect(job.moveToCompleted('done')).rejects.toMatchObject({ outcome: 'unknown' })
    store.moodOf = () => 'well'
    await job.moveToCompleted('done')
    expect((await queue.getJob('a'))?.returnvalue).toBe('done')
    await worker.close()
  })
})

describe('a lease whose extension got no answer', () => {
  test.each(['lost before', 'lost after'] as const)('(%s) can be extended again, and ended', async (mood) => {
    const { queue, store, host, dump } = stage()
    const worker = hands(store)
    await queue.add('n', 1)
    for (const extensions of [0, 1]) {
      const job = (await worker.getNextJob())!
      store.moodOf = () => mood
      for (const ms of [2000, 3000])
        await expect(job.extendLock(undefined, ms)).rejects.toMatchObject({ outcome: 'unknown' })
      store.moodOf = () => 'well'
      for (let extension = 0; extension < extensions; extension++) {
        await job.extendLock(undefined, 5000)
        await host.advance(4000)
        expect(await job.getState()).toBe('active')
      }
      await job.moveToDelayed(store.now() + 1)
      expect(dump().lanes.get('claims:q')).toBeUndefined()
      await host.advance(1)
    }
    await worker.close()
  })
})

describe('what a handler writes and does not wait for', () => {
  test('is stored before its job ends', async () => {
    const { queue, worker, host, store, said } = stage()
    worker(
      (job) => {
        void job.log('first')
        void job.updateProgress(50)
        void job.log('second')
        if (job.data === 'fail') throw new Error('no')
      },
      { concurrency: 2 },
    )
    const jobs = [await queue.add('n', 1, { jobId: 'a' }), await queue.add('n', 'fail', { jobId: 'b' })]
    await host.idle()
    for (const job of jobs) {
      expect((await job.getLogs()).logs).toEqual(['first', 'second'])
      expect((await queue.getJob(job.id))?.progress).toBe(50)
    }
    expect(only(said, 'completed', 'failed', 'lockLost')).toHaveLength(2)
    expect(store.calls).toBeGreaterThan(0)
  })

  test('and cannot be stored does nobody harm', async () => {
    const unheard: unknown[] = []
    const hear = (error: unknown): void => void unheard.push(error)
    process.on('unhandledRejection', hear)
    const { queue, worker, host, store, said } = stage()
    store.moodOf = (changes) =>
      changes.some(({ set }) => set?.some(([id]) => id.startsWith('log'))) ? 'failed' : 'well'
    worker((job) => void job.log('lost'))
    const job = await queue.add('n', 1, { jobId: 'a' })
    await host.idle()
    await job.log('lost').catch(() => undefined)
    await new Promise((resolve) => setImmediate(resolve))
    process.off('unhandledRejection', hear)
    expect(only(said, 'completed')).toHaveLength(1)
    expect(unheard).toEqual([])
  })
})

test('a handler logs through its context', async () => {
  const { queue, worker, host } = stage()
  worker(async (_, { log }) => void (await log('from the context')))
  const job = await queue.add('n', 1)
  await host.idle()
  expect((await job.getLogs()).logs).toEqual(['from the context'])
})
