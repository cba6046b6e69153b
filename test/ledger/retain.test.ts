/** Retention: how many finished jobs are left, whoever removes them. */
import { Queue, Worker } from 'holdfast'
import { memoryStore } from 'holdfast/memory'
import { virtualHost } from 'holdfast/testing'
import { expect, test } from 'vitest'
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
  const steps = [pruneStep(openLedger(slow, 'q'), 'done', 20), pruneStep(openLedger(store, 'q'), 'done', 20)]
  await Promise.all(steps)
  expect(await queue.getJobCounts('completed')).toEqual({ completed: 20 })
})
