/** Jobs that have waited too long to begin. */
import { expect, test } from 'vitest'
import { Queue } from 'holdfast'
import { gate, only, stage } from '../stage/stage.ts'

test('a job that has not begun in time fails, without a handler and without an attempt', async () => {
  const { host, queue, said, worker } = stage()
  const held = gate()
  worker(() => held.promise)
  await queue.add('n', 1)
  await host.idle()
  await queue.add('n', 1, { jobId: 'late', ttl: 1000 })
  await queue.add('n', 1, { jobId: 'later', ttl: 1000, delay: 500 })
  await host.advance(999)
  expect(await queue.getJobState('late')).toBe('waiting')
  await host.advance(1)
  expect((await queue.getJob('late'))!).toMatchObject({
    failedCode: 'EXPIRED',
    failedReason: 'not begun within 1000 ms of its time',
    attemptsMade: 0,
    attemptsStarted: 0,
  })
  expect(await queue.getJobState('later')).toBe('waiting')
  await host.advance(500)
  expect(await queue.getJobState('later')).toBe('failed')
  expect(only(said, 'failed')).toEqual([
    'failed late not begun within 1000 ms of its time',
    'failed later not begun within 1000 ms of its time',
  ])
  held.open()
})

test('one that has begun once does not expire, and leaves no key', async () => {
  const { host, queue, store, worker } = stage()
  let runs = 0
  worker(() => {
    if (++runs < 3) throw new Error('no')
    return runs
  })
  await queue.add('n', 1, { jobId: 'j', ttl: 1000, attempts: 3, backoff: 5000 })
  await host.advance(20_000)
  expect((await queue.getJob('j'))!.returnvalue).toBe(3)
  expect(await store.count([{ lane: 'ttl:q' }])).toEqual([0])
})

test('one that is claimed too late is not run', async () => {
  const { host, queue, worker } = stage()
  await queue.add('n', 1, { jobId: 'j', ttl: 1000 })
  await queue.add('n', 1, { jobId: 'k', ttl: 1000 })
  await host.advance(5000)
  expect(await worker(null as never).getNextJob()).toBeUndefined()
  expect(await queue.getJobCounts()).toMatchObject({ failed: 2 })
})

test('what expired while no worker ran fails when one starts, in bounded steps', async () => {
  const { host, queue, said, worker } = stage()
  await queue.addBulk(Array.from({ length: 430 }, (_, n) => ({ name: 'n', data: n, opts: { ttl: 1000 } })))
  await queue.pause()
  await host.advance(10 * 365 * 24 * 3_600_000)
  worker(() => 'ran')
  await host.advance(5000)
  await host.advance(5000)
  expect(await queue.getJobCounts()).toMatchObject({ failed: 430, waiting: 0 })
  expect(only(said, 'failed')).toHaveLength(430)
})

test('it goes to the dead letters, and comes back with its time anew', async () => {
  const { host, queue, store, worker } = stage()
  const letters = new Queue('dead', { store })
  await queue.pause()
  worker(() => 'ran')
  await queue.add('n', 'x'.repeat(3000), {
    jobId: 'j',
    ttl: 1000,
    deadLetter: { queue: 'dead', maxDepth: 0 },
  })
  await host.advance(1000)
  expect((await letters.getJob('q:j'))!.origin).toMatchObject({ failedCode: 'EXPIRED', history: [] })
  expect(await letters.redrive()).toEqual({ redriven: 1, skipped: 0 })
  await host.advance(999)
  expect(await queue.getJobState('j')).toBe('waiting')
  await host.advance(1)
  expect(await letters.count()).toBe(1)
})

test('a key of a job that is gone, or was added anew, is dropped', async () => {
  const { host, queue, store, worker } = stage()
  await queue.add('n', 1, { jobId: 'gone', ttl: 1000 })
  await queue.add('n', 1, { jobId: 'new', ttl: 1000 })
  await queue.remove('gone')
  await queue.remove('new')
  await host.advance(500)
  await queue.pause()
  await queue.add('n', 1, { jobId: 'new', ttl: 1000 })
  worker(() => 'ran')
  await host.advance(500)
  expect(await queue.getJobState('new')).toBe('waiting')
  await host.advance(500)
  expect(await queue.getJobState('new')).toBe('failed')
  expect(await store.count([{ lane: 'ttl:q' }])).toEqual([0])
})

test('retried by hand it waits as long as it takes', async () => {
  const { host, queue, worker } = stage()
  await queue.pause()
  worker(() => 'ran')
  const job = await queue.add('n', 1, { jobId: 'j', ttl: 1000 })
  await host.advance(1000)
  await job.retry()
  await host.advance(5000)
  await queue.resume()
  await host.idle()
  expect((await queue.getJob('j'))!.returnvalue).toBe('ran')
})

test('cancelled before, it is not said to expire', async () => {
  const { host, queue, said, worker } = stage()
  await queue.pause()
  worker(() => 'ran')
  await queue.add('n', 1, { jobId: 'j', ttl: 1000 })
  await queue.cancel('j')
  await host.advance(5000)
  expect((await queue.getJob('j'))!.failedCode).toBe('CANCELLED')
  expect(only(said, 'failed')).toEqual([])
})

test('made due at another time it waits as long from then', async () => {
  const { host, queue, store, worker } = stage()
  await queue.pause()
  worker(() => 'ran')
  const later = await queue.add('n', 1, { jobId: 'later', delay: 1000, ttl: 1000 })
  const now = await queue.add('n', 1, { jobId: 'now', delay: 60_000, ttl: 1000 })
  await later.changeDelay(10_000)
  await now.promote()
  await host.advance(999)
  expect(await queue.getJobState('now')).toBe('waiting')
  await host.advance(1)
  expect(await queue.getJobState('now')).toBe('failed')
  await host.advance(9999)
  expect(await queue.getJobState('later')).toBe('waiting')
  await host.advance(1)
  expect((await queue.getJob('later'))!.failedCode).toBe('EXPIRED')
  await host.advance(60_000)
  expect(await store.count([{ lane: 'ttl:q' }])).toEqual([0])
})

test('a delayed job that becomes what was added has the time of that', async () => {
  const { host, queue, worker } = stage()
  const add = (ttl: number | undefined, delay: number) =>
    queue.add('n', 1, { ttl, delay, deduplication: { id: 'd', replace: true } })
  await queue.pause()
  worker(() => 'ran')
  const { id } = await add(1000, 1000)
  await add(undefined, 1000)
  await host.advance(900)
  await add(50, 5000)
  await host.advance(5049)
  expect(await queue.getJobState(id)).toBe('waiting')
  await host.advance(1)
  expect(await queue.getJobState(id)).toBe('failed')
})

test('added anew for the same time it expires then, and an obliterated queue remembers no time', async () => {
  const { host, queue, store, worker } = stage()
  const runAt = host.wall() + 1000
  const add = () => queue.add('n', 1, { jobId: 'j', runAt, ttl: 1000 })
  await add()
  await queue.remove('j')
  await add()
  await queue.obliterate()
  expect(await store.count([{ lane: 'ttl:q' }])).toEqual([0])
  await add()
  await queue.pause()
  worker(() => 'ran')
  await host.advance(2000)
  expect(await queue.getJobState('j')).toBe('failed')
})
