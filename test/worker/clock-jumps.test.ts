/** A wall clock that is set forward, as after a laptop slept: leases of workers that are alive stay theirs. */
import { Queue, Worker } from 'holdfast'
import { memoryStore } from 'holdfast/memory'
import { virtualHost } from 'holdfast/testing'
import { expect, test } from 'vitest'
import { claimName } from '../../src/core/keys.ts'
import { planClaim } from '../../src/ledger/claim.ts'
import { openLedger } from '../../src/ledger/ledger.ts'

test('no living worker loses a job to a clock set forward', async () => {
  for (let jumpsAt = 1; jumpsAt < 60; jumpsAt += 3) {
    const host = virtualHost()
    const store = memoryStore({ host })
    const queue = new Queue('q', { store })
    const handler = (job: { data: { ms: number } }): Promise<void> =>
      new Promise((resolve) => host.timer(job.data.ms, resolve))
    const workers = [1, 2].map(() => new Worker('q', handler, { store }))
    const lost: string[] = []
    for (const worker of workers) worker.on('lockLost', ({ id }) => lost.push(id))
    await queue.add('a', { ms: 1000 })
    await host.advance(20_000)
    await queue.add('a', { ms: 60_000 }, { jobId: 'long' })
    await host.advance(jumpsAt * 1000)
    host.jump(3_600_000)
    await host.advance(120_000)
    const job = await queue.getJob('long')
    expect([lost, await job?.getState(), job?.stalledCounter], `after ${jumpsAt} s`).toEqual([
      [],
      'completed',
      0,
    ])
    await Promise.all(workers.map((worker) => worker.close()))
  }
})

test('a lease whose holder is gone ends all the same, a lease length later', async () => {
  const host = virtualHost()
  const store = memoryStore({ host })
  const queue = new Queue('q', { store })
  await queue.add('a', {}, { jobId: 'a' })
  const claim = claimName({
    grantedAt: store.now(),
    epoch: store.epoch ?? '0',
    counter: 1,
    worker: 'gone.000000',
  })
  const nothingSet = { raw: undefined, config: {} }
  await store.commit(
    planClaim(openLedger(store, 'q'), nothingSet, { claim, limit: 1, until: store.now() + 30_000 }),
  )
  const worker = new Worker('q', () => {}, { store })
  await host.advance(5000)
  host.jump(3_600_000)
  await host.advance(70_000)
  const job = await queue.getJob('a')
  expect([await job?.getState(), job?.stalledCounter]).toEqual(['completed', 1])
  await worker.close()
})
