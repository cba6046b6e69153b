/** A running job that is removed by force, and a worker that keeps its process alive. */
import { HoldfastError, Queue, Worker } from 'holdfast'
import { memoryStore } from 'holdfast/memory'
import { virtualHost } from 'holdfast/testing'
import { expect, test } from 'vitest'
import { FaultStore } from '../faults/fault-store.ts'

test('a handler hears at once that its job was removed by force', async () => {
  const host = virtualHost()
  const store = memoryStore({ host })
  const queue = new Queue('jobs', { store })
  let reason: unknown
  const worker = new Worker(
    'jobs',
    (_job, { signal }) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => {
          reason = signal.reason
          resolve('too late')
        })
      }),
    { store },
  )
  const lost: string[] = []
  const completed: string[] = []
  worker.on('lockLost', (job) => lost.push(job.id))
  worker.on('completed', (job) => completed.push(job.id))
  const { id } = await queue.add('long', {})
  await host.idle()
  expect(await queue.remove(id, { force: true })).toBe(1)
  await host.idle()
  expect(reason).toBeInstanceOf(HoldfastError)
  expect((reason as HoldfastError).code).toBe('LOCK_LOST')
  expect(lost).toEqual([id])
  expect(completed).toEqual([])
  await queue.add('next', {})
  await host.idle()
  expect((await queue.getJobCounts()).active).toBe(1)
  expect(await queue.verify()).toMatchObject({ ok: true, jobs: 1 })
  expect(await store.count([{ lane: 'claims:jobs' }])).toEqual([1])
  const closing = worker.close(true)
  await host.advance(2000)
  await closing
})

test('a worker has a timer from its start to its close, and none after it', async () => {
  const host = virtualHost()
  const worker = new Worker('jobs', async () => undefined, { store: memoryStore({ host }) })
  await host.idle()
  expect(host.timers).toBe(1)
  await host.advance(365 * 24 * 3_600_000)
  expect(host.timers).toBe(1)
  await worker.close()
  expect(host.timers).toBe(0)
})

test('where the hint is lost it hears with the next renewal', async () => {
  const host = virtualHost()
  const store = new FaultStore(memoryStore({ host }))
  const queue = new Queue('jobs', { store })
  let signal: AbortSignal | undefined
  const worker = new Worker(
    'jobs',
    (_job, context) => {
      signal = context.signal
      return new Promise((resolve) => signal!.addEventListener('abort', resolve))
    },
    { store, lockDuration: 1000, concurrency: 2 },
  )
  await queue.add('goes on', {})
  const { id } = await queue.add('removed', {})
  await host.idle()
  store.arm({ hints: 'drop' })
  const aborted: boolean[] = []
  signal!.addEventListener('abort', () => aborted.push(true))
  await queue.remove(id, { force: true })
  await host.idle()
  expect(aborted).toEqual([])
  await host.advance(500)
  expect(aborted).toEqual([true])
  const closing = worker.close(true)
  await host.advance(2000)
  await closing
})
