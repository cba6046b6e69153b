/** Jobs that are taken and ended by hand, without a loop. */
import { SnoozeError, UnrecoverableError, Worker } from 'holdfast'
import { describe, expect, test } from 'vitest'
import { gate, stage } from '../stage/stage.ts'

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

test('a handler logs through its context', async () => {
  const { queue, worker, host } = stage()
  worker(async (_, { log }) => void (await log('from the context')))
  const job = await queue.add('n', 1)
  await host.idle()
  expect((await job.getLogs()).logs).toEqual(['from the context'])
})
