/** A lease lives as long as its worker: whatever becomes of the answers to its renewals. */
import { Queue, type Store, Worker } from 'holdfast'
import { memoryStore } from 'holdfast/memory'
import { type VirtualHost, virtualHost } from 'holdfast/testing'
import { expect, test } from 'vitest'
import { FaultStore } from '../faults/fault-store.ts'
import { renews } from '../faults/units.ts'

interface Seen {
  readonly lost: string[]
  readonly completed: string[]
}

function watched(host: VirtualHost, store: Store, lockDuration: number): { worker: Worker; seen: Seen } {
  const pause = (ms: number): Promise<void> => new Promise((resolve) => host.timer(ms, resolve))
  const worker = new Worker('q', (job) => pause(job.data.ms), { store, concurrency: 2, lockDuration })
  const seen: Seen = { lost: [], completed: [] }
  worker.on('lockLost', ({ id }) => seen.lost.push(id))
  worker.on('completed', ({ id }) => seen.completed.push(id))
  worker.on('error', () => {})
  return { worker, seen }
}

/** A store whose first renewal is answered late. */
function slowOnce(host: VirtualHost, ms: number): Store {
  let renewals = 0
  return new FaultStore(memoryStore({ host }), {
    commits: (_, changes) => (renews(changes) && renewals++ === 0 ? { kind: 'late', ms } : undefined),
  })
}

test('a claim that is due while a renewal is under way costs nobody a lease', async () => {
  const host = virtualHost()
  const store = slowOnce(host, 80)
  const queue = new Queue('q', { store })
  const { worker, seen } = watched(host, store, 100)
  await host.idle()
  await queue.add('a', { ms: 400 }, { jobId: 'a' })
  await host.advance(52)
  await queue.add('a', { ms: 400 }, { jobId: 'b' })
  await host.advance(2000)
  expect(seen).toEqual({ lost: [], completed: ['a', 'b'] })
  await worker.close()
})

test('the time a renewal takes is not added to the time until the next', async () => {
  const host = virtualHost()
  const store = slowOnce(host, 80)
  const queue = new Queue('q', { store })
  const { worker, seen } = watched(host, store, 100)
  await host.idle()
  await queue.add('a', { ms: 400 }, { jobId: 'a' })
  await host.advance(2000)
  expect(seen).toEqual({ lost: [], completed: ['a'] })
  expect((await queue.getJob('a'))?.stalledCounter).toBe(0)
  await worker.close()
})

test('two renewals in a row without an answer are survived, whichever was applied', async () => {
  for (const applied of [
    [true, false],
    [false, true],
    [true, true],
    [false, false],
  ]) {
    const host = virtualHost()
    let renewals = 0
    const store = new FaultStore(memoryStore({ host }), {
      commits: (_, changes) => {
        if (!renews(changes) || renewals === applied.length) return undefined
        return { kind: applied[renewals++] === true ? 'after' : 'lost' }
      },
    })
    const queue = new Queue('q', { store })
    const { worker, seen } = watched(host, store, 30_000)
    await host.idle()
    await queue.add('a', { ms: 100_000 }, { jobId: 'a' })
    await host.advance(200_000)
    expect(renewals).toBe(2)
    expect(seen, `applied: ${applied.join()}`).toEqual({ lost: [], completed: ['a'] })
    await worker.close()
  }
})
