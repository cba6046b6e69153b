/** Close, while the store is slow, forgetful or failing, and what comes after it. */
import { HoldfastError, Queue, Worker } from 'holdfast'
import { memoryStore } from 'holdfast/memory'
import { type VirtualHost, virtualHost } from 'holdfast/testing'
import { expect, test } from 'vitest'
import { FaultStore } from '../faults/fault-store.ts'
import { overStore } from '../faults/over-store.ts'
import { claims, settles } from '../faults/units.ts'

const pause = (host: VirtualHost, ms: number): Promise<void> =>
  new Promise((resolve) => host.timer(ms, resolve))

const failure = (): HoldfastError => new HoldfastError('STORE_FAILED', 'the disk is gone')

async function closed(host: VirtualHost, worker: Worker, timeout?: number): Promise<void> {
  const closing = worker.close({ timeout })
  await host.advance(120_000)
  await closing
}

test('a store that cannot be opened leaves no timer behind', async () => {
  const host = virtualHost()
  const store = overStore(memoryStore({ host }), {
    ready: async () => {
      await pause(host, 50)
      throw failure()
    },
  })
  const worker = new Worker('q', () => {}, { store })
  const errors: Error[] = []
  worker.on('error', (error) => errors.push(error))
  await worker.close()
  await host.advance(50)
  expect(host.timers).toBe(0)
  expect(errors).toEqual([])
})

test('run after close resolves', async () => {
  const host = virtualHost()
  const worker = new Worker('q', () => {}, { store: memoryStore({ host }), autorun: false })
  await worker.close()
  await worker.run()
  expect(worker.isRunning()).toBe(false)
  expect(host.timers).toBe(0)
})

test('a claim that is answered after the timeout starts no handler', async () => {
  const host = virtualHost()
  const inner = memoryStore({ host })
  const store = new FaultStore(inner, {
    commits: (_, changes) => (claims(changes) ? { kind: 'late', ms: 100 } : undefined),
  })
  const queue = new Queue('q', { store: inner })
  await queue.add('a', {}, { jobId: 'a' })
  let started = 0
  const worker = new Worker('q', () => started++, { store })
  await host.advance(50)
  await closed(host, worker, 10)
  expect(started).toBe(0)
  const job = await queue.getJob('a')
  expect([await job?.getState(), job?.stalledCounter, job?.attemptsMade]).toEqual(['waiting', 0, 0])
  expect(host.timers).toBe(0)
})

test('a job is given back whose handler heeds nothing, however short its lease', async () => {
  const host = virtualHost()
  const store = memoryStore({ host })
  const queue = new Queue('q', { store })
  await queue.add('a', {}, { jobId: 'a' })
  const worker = new Worker('q', () => pause(host, 100_000), { store, lockDuration: 200 })
  worker.on('error', () => {})
  await host.advance(50)
  const closing = worker.close({ timeout: 100 })
  await host.advance(2000)
  await closing
  const job = await queue.getJob('a')
  expect([await job?.getState(), job?.stalledCounter, job?.attemptsMade]).toEqual(['waiting', 0, 0])
})

test('what ended is stored although the worker was resting from a failing store', async () => {
  for (const brokenFor of [60, 62, 64, 66, 68, 70]) {
    const host = virtualHost()
    const inner = memoryStore({ host })
    let broken = false
    const store = new FaultStore(inner, { commits: () => (broken ? { kind: 'before' } : undefined) })
    const queue = new Queue('q', { store: inner })
    await queue.add('a', {}, { jobId: 'a' })
    const worker = new Worker('q', () => pause(host, 10), { store, lockDuration: 3_600_000 })
    worker.on('error', () => {})
    await host.idle()
    broken = true
    await host.advance(brokenFor * 1000)
    const closing = worker.close()
    await host.advance(200)
    broken = false
    await host.advance(6000)
    await closing
    expect(await (await queue.getJob('a'))?.getState(), `broken for ${brokenFor} s`).toBe('completed')
    expect(host.timers).toBe(0)
  }
})

test('jobs of a claim without an answer are given back by a worker that closes, not started', async () => {
  const host = virtualHost()
  const inner = memoryStore({ host })
  const store = new FaultStore(inner, {
    commits: (_, changes) => (claims(changes) ? { kind: 'after' } : undefined),
  })
  const queue = new Queue('q', { store: inner })
  await queue.add('a', {}, { jobId: 'a' })
  let started = 0
  const worker = new Worker('q', () => started++, { store })
  worker.on('error', () => {})
  await host.advance(10)
  expect(await queue.getJobCounts('active')).toEqual({ active: 1 })
  await closed(host, worker)
  expect(started).toBe(0)
  const job = await queue.getJob('a')
  expect([await job?.getState(), job?.stalledCounter]).toEqual(['waiting', 0])
  expect((await queue.verify()).problems).toEqual([])
})

test('a job whose lease was lost while it ended does not hold up close', async () => {
  const host = virtualHost()
  const inner = memoryStore({ host })
  let broken = false
  const store = new FaultStore(inner, {
    commits: (_, changes) => (broken && settles(changes) ? { kind: 'before' } : undefined),
  })
  const queue = new Queue('q', { store: inner })
  await queue.add('a', {}, { jobId: 'a' })
  const worker = new Worker('q', () => pause(host, 10), { store })
  const errors: string[] = []
  worker.on('error', ({ message }) => errors.push(message))
  await host.idle()
  broken = true
  await host.advance(20)
  await queue.remove('a', { force: true })
  broken = false
  const began = host.monotonic()
  let took = -1
  const closing = worker.close().then(() => (took = host.monotonic() - began))
  await host.advance(20_000)
  await closing
  expect(took).toBeLessThan(1000)
  expect(errors.filter((message) => message.includes('closed while'))).toEqual([])
})

test('a store that takes claims but cannot read is not asked without end', async () => {
  const host = virtualHost()
  const inner = memoryStore({ host })
  let reads = 0
  let broken = true
  const store = overStore(inner, {
    read: async (ids) => {
      if (!ids.some((id) => id.startsWith('payload:'))) return inner.read(ids)
      reads++
      if (broken) throw failure()
      return inner.read(ids)
    },
  })
  const queue = new Queue('q', { store: inner })
  await queue.add('a', { text: 'x'.repeat(5000) }, { jobId: 'a' })
  const worker = new Worker('q', () => {}, { store })
  worker.on('error', () => {})
  await host.advance(10_000)
  expect(reads).toBeLessThan(20)
  broken = false
  await host.advance(2000)
  expect(await (await queue.getJob('a'))?.getState()).toBe('completed')
  await worker.close()
})
