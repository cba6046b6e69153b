/** Limits and groups that once kept jobs waiting for longer than they say, each as the fixed case that shows it. */
import { RateLimitError } from 'holdfast'
import { MemoryContent } from 'holdfast/memory'
import { virtualHost } from 'holdfast/testing'
import { expect, test } from 'vitest'
import { gate, only, stage } from '../stage/stage.ts'

const HOUR_MS = 3_600_000

test('a wait that is longer than the window of a limit is waited out', async () => {
  const { host, queue, worker, said } = stage()
  await queue.add('n', 1, { jobId: 'a' })
  let tries = 0
  worker(
    () => {
      if (tries++ === 0) throw new RateLimitError(5000)
    },
    { limiter: { max: 3, duration: 200 }, concurrency: 3 },
  )
  await host.advance(5100)
  expect(only(said, 'completed')).toEqual(['completed a undefined'])
})

test('a job that held its group up goes on in a queue with a limit', async () => {
  const { host, queue, worker, said } = stage()
  for (const jobId of ['a', 'b'])
    await queue.add('n', 1, { jobId, attempts: 2, backoff: 1000, group: { id: 'g' } })
  worker(
    (job) => {
      if (job.id === 'a' && job.attemptsMade === 0) throw new Error('once')
    },
    { limiter: { max: 10, duration: 100 }, group: { strict: true } },
  )
  await host.advance(1500)
  expect(only(said, 'completed')).toEqual(['completed a undefined', 'completed b undefined'])
})

test('room that is made while a worker asks what it waits for is used', async () => {
  const { host, queue, store, worker, said } = stage()
  await queue.setGlobalConcurrency(1)
  const open = gate()
  const first = worker((job) => (job.id === 'a' ? open.promise : 1))
  await queue.add('n', 1, { jobId: 'a', group: { id: 'g' } })
  await host.idle()
  await first.pause(true)
  const scan = store.inner.scan.bind(store.inner)
  let isFirst = true
  store.inner.scan = async (pages) => {
    const found = await scan(pages)
    const isOfLimits = pages.length === 2 && pages[1]!.lane === 'grouped:q'
    if (!isOfLimits || !isFirst) return found
    isFirst = false
    open.open()
    await new Promise<void>((resolve) => void host.timer(100, resolve))
    return found
  }
  worker(() => 1)
  await queue.add('n', 1, { jobId: 'b', group: { id: 'g' } })
  await host.advance(1000)
  expect(only(said, 'completed')).toEqual(['completed a undefined', 'completed b 1'])
})

test('maxSize: of a bulk with jobs of the group that do not say it nothing is added either', async () => {
  const { queue } = stage()
  const group = { id: 'g' }
  const bulk = [
    { name: 'n', data: 1, opts: { group } },
    { name: 'n', data: 2, opts: { group: { ...group, maxSize: 1 } } },
  ]
  await expect(queue.addBulk(bulk)).rejects.toMatchObject({ code: 'GROUP_FULL', outcome: 'failed' })
  expect(await queue.getGroupsJobsCount()).toBe(0)
  await queue.addBulk(bulk.toReversed())
  expect(await queue.getGroupsJobsCount()).toBe(2)
})

test.each([
  ['turns of groups', { group: { concurrency: 2 } }],
  ['the starts of a queue', { limiter: { max: 1, duration: 1000 } }],
  ['the starts of a group', { group: { limit: { max: 1, duration: 1000 } } }],
])('%s do not wait for the clock of an earlier opening, which was set back', async (_, options) => {
  const content = new MemoryContent()
  const host = virtualHost()
  const before = stage({ content, host })
  const early = before.worker(() => 1, options)
  const group = { id: 'g' }
  await before.queue.add('n', 1, { jobId: 'a', group })
  await host.idle()
  await before.queue.pause()
  for (const jobId of ['b', 'c']) await before.queue.add('n', 1, { jobId, group })
  await before.passing(1000, early.close())
  await before.store.close()
  host.jump(-HOUR_MS)
  const after = stage({ content, host })
  after.worker(() => 1, options)
  await after.queue.resume()
  await host.advance(5000)
  expect(await after.queue.getJobCounts('completed')).toEqual({ completed: 3 })
})

test('a worker that others are always ahead of at a group without budget leaves it to them for a moment', async () => {
  const { host, queue, store, worker } = stage()
  for (const jobId of ['a', 'b']) await queue.add('n', 1, { jobId, group: { id: 'g' } })
  const commit = store.inner.commit.bind(store.inner)
  let ahead = 0
  store.inner.commit = async (changes) => {
    const postpones = changes.some(({ remove, add }) => remove?.[0]?.[0] === 'turn:q' && add !== undefined)
    // Another worker takes the pointer to the end of the line; were there no end to it, no time would pass.
    if (postpones && ++ahead <= 500) {
      const to = [{ lane: 'turn:q', drop: 1, prefix: `${host.wall()}.${String(500_000 + ahead)}000/` }]
      await commit([{ move: { from: { lane: 'turn:q', limit: 1 }, to } }])
    }
    return commit(changes)
  }
  worker(() => 1, { group: { limit: { max: 1, duration: 10_000 } } })
  await host.advance(5000)
  expect(ahead).toBeLessThan(400)
})
