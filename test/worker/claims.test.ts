/** Claims of several jobs: their leases stand and fall with one entry, and no worker holds more of them than it has slots. */
import { type Job, Queue, Worker } from 'holdfast'
import { expect, test } from 'vitest'
import { overStore } from '../faults/over-store.ts'
import { renews, settles } from '../faults/units.ts'
import { only, stage } from '../stage/stage.ts'

const LEASE_MS = 1000

test('the lease of a job outlives the end of its neighbours', async () => {
  const { host, queue, said, worker } = stage()
  await queue.addBulk(['long', 'short'].map((jobId) => ({ name: 'n', data: 1, opts: { jobId } })))
  const work = (job: Job) =>
    job.id === 'short' || new Promise((resolve) => host.timer(5 * LEASE_MS, () => resolve(true)))
  worker(work, { concurrency: 2, lockDuration: LEASE_MS })
  await host.advance(6 * LEASE_MS)
  expect(only(said, 'completed', 'stalled', 'lockLost')).toEqual([
    'completed short true',
    'completed long true',
  ])
})

test('a claim given up for lost whose renewal was applied does expire, whatever else of it ends', async () => {
  const { host, queue, store, said, worker } = stage()
  await queue.addBulk(['lost', 'ended'].map((jobId) => ({ name: 'n', data: 1, opts: { jobId } })))
  let runs = 0
  const work = (job: Job) => job.id === 'ended' || ++runs > 1 || new Promise(() => {})
  worker(work, { concurrency: 2, lockDuration: LEASE_MS, lockRenewTime: 400 })
  store.moodOf = (changes) => (renews(changes) ? 'lost after' : settles(changes) ? 'failed' : 'well')
  await host.advance(2 * LEASE_MS)
  expect(only(said, 'lockLost', 'completed')).toEqual(['lockLost lost'])
  store.moodOf = () => 'well'
  await host.advance(10 * LEASE_MS)
  expect(only(said, 'completed')).toEqual(['completed ended true', 'completed lost true'])
})

test('a renewal that comes after a reaper tells the handler that its lease is lost', async () => {
  const { host, queue, store, worker, passing } = stage()
  const pass = (ms: number) => new Promise<void>((resolve) => host.timer(ms, resolve))
  const slow = overStore(store, {
    async commit(changes) {
      if (renews(changes)) await pass(2 * LEASE_MS)
      return store.commit(changes)
    },
    // Its own reaper is later still, and so is whoever looks whether the lease is there.
    async scan(pages) {
      if (pages.some(({ lane }) => lane === 'claims:q' || lane === 'lease:q')) await pass(5 * LEASE_MS)
      return store.scan(pages)
    },
  })
  let signal: AbortSignal | undefined
  const frozen = new Worker(
    'q',
    (_, context) => {
      signal = context.signal
      return new Promise(() => {})
    },
    { store: slow, lockDuration: LEASE_MS },
  )
  await queue.add('n', 1)
  await host.advance(1)
  const reaper = worker(() => 'taken over', { lockDuration: LEASE_MS })
  await host.advance(3 * LEASE_MS)
  expect(signal).toMatchObject({ aborted: true, reason: { code: 'LOCK_LOST' } })
  await passing(60_000, Promise.all([frozen.close(true), reaper.close()]))
})

test('jobs on lease are never more than slots, in whatever order claims are answered', async () => {
  const { host, content, passing, store: inner } = stage()
  let most = 0
  let commits = 0
  const store = overStore(inner, {
    async commit(changes) {
      const results = await inner.commit(changes)
      most = Math.max(most, content.lanes.get('lease:q')?.size ?? 0)
      const wait = ++commits % 3
      await new Promise<void>((resolve) => host.timer(wait * 10, resolve))
      return results
    },
  })
  const queue = new Queue('q', { store })
  for (let added = 0; added < 2; added++) {
    await passing(100, queue.addBulk(Array.from({ length: 200 }, (_, n) => ({ name: 'n', data: n }))))
  }
  let ran = 0
  const worker = new Worker(
    'q',
    async () => {
      await new Promise<void>((resolve) => host.timer(7 * (++ran % 5), resolve))
    },
    { store, concurrency: 100 },
  )
  await host.advance(5000)
  await passing(1000, worker.close())
  expect(ran).toBe(400)
  expect(most).toBe(100)
})
