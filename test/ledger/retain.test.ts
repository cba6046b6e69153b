/** Retention: how many finished jobs are left, whoever removes them. */
import { Queue, Worker } from 'holdfast'
import { memoryStore } from 'holdfast/memory'
import { virtualHost } from 'holdfast/testing'
import { expect, test } from 'vitest'
import { PAGE_KEYS } from '../../src/core/bounds.ts'
import { openLedger } from '../../src/ledger/ledger.ts'
import { pruneStep } from '../../src/ledger/retain.ts'
import { overStore } from '../faults/over-store.ts'

test('two that prune at once keep no fewer than they should', async () => {
  const host = virtualHost()
  const store = memoryStore({ host })
  const queue = new Queue('q', { store })
  const worker = new Worker('q', () => {}, { store, concurrency: 50 })
  for (let n = 0; n < 30; n++) await queue.add('a', {}, { removeOnComplete: false })
  await host.advance(1000)
  await worker.close()
  const slow = overStore(store, {
    count: async (spans) => {
      const counted = await store.count(spans)
      await host.idle()
      return counted
    },
  })
  const kept = { count: 20, ageMs: Infinity }
  const steps = [slow, store].map((one) => pruneStep(openLedger(one, 'q'), 'done', kept))
  await Promise.all(steps)
  expect(await queue.getJobCounts('completed')).toEqual({ completed: 20 })
})

test('what is too old goes a page at a time, however many are kept by number', async () => {
  const host = virtualHost()
  const store = memoryStore({ host })
  const queue = new Queue('q', { store, defaultJobOptions: { removeOnComplete: false } })
  const worker = new Worker('q', () => {}, { store, concurrency: 100 })
  const jobs = Array.from({ length: 250 }, () => ({ name: 'a', data: {} }))
  await queue.addBulk(jobs)
  await host.advance(1000)
  await queue.addBulk(jobs.slice(0, 5))
  await host.advance(0)
  await worker.close()
  const ledger = openLedger(store, 'q')
  const old = { count: 1000, ageMs: 1000 }
  expect(await pruneStep(ledger, 'done', old)).toBe(true)
  expect(await queue.getJobCounts('completed')).toEqual({ completed: 255 - PAGE_KEYS })
  expect(await pruneStep(ledger, 'done', old)).toBe(false)
  expect(await queue.getJobCounts('completed')).toEqual({ completed: 5 })
  expect(await pruneStep(ledger, 'done', { count: Infinity, ageMs: 1000 })).toBe(false)
  expect(await queue.getJobCounts('completed')).toEqual({ completed: 5 })
})

test('two that prune by age at once each remove what is left, and no job that finished since', async () => {
  const host = virtualHost()
  const store = memoryStore({ host })
  const queue = new Queue('q', { store, defaultJobOptions: { removeOnComplete: false } })
  const worker = new Worker('q', () => {}, { store, concurrency: 50 })
  for (let n = 0; n < 30; n++) await queue.add('a', {}, { jobId: `j${n}` })
  await host.advance(5000)
  const again = (await queue.getJob('j7'))!
  const slow = overStore(store, {
    read: async (ids) => {
      const records = await store.read(ids)
      await again.retry().catch(() => undefined)
      await host.idle()
      return records
    },
  })
  const kept = { count: Infinity, ageMs: 5000 }
  await Promise.all([slow, store].map((one) => pruneStep(openLedger(one, 'q'), 'done', kept)))
  const left = await queue.getJobs('completed')
  expect(left.map(({ id }) => id).filter((id) => id !== 'j7')).toEqual([])
  await worker.close()
  expect((await queue.verify()).problems).toEqual([])
})
