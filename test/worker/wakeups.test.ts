/** Work that comes at any moment is done: each test lets something happen every possible number of microtasks later. */
import { Queue, type Store, Worker } from 'holdfast'
import { memoryStore } from 'holdfast/memory'
import { type VirtualHost, virtualHost } from 'holdfast/testing'
import { expect, test } from 'vitest'
import { Patrol } from '../../src/loops/patrol.ts'
import { FaultStore } from '../faults/fault-store.ts'
import { overStore } from '../faults/over-store.ts'
import { claims } from '../faults/units.ts'

const LATEST = 60

const microtasks = async (count: number): Promise<void> => {
  for (let done = 0; done < count; done++) await Promise.resolve()
}

interface Scene {
  readonly host: VirtualHost
  readonly store: Store
  readonly queue: Queue
}

/** How many jobs a worker completes in a scene, with a handler that takes so many microtasks. */
async function completedIn(handlerTakes: number, play: (scene: Scene) => Promise<void>): Promise<number> {
  const host = virtualHost()
  const store = memoryStore({ host })
  const queue = new Queue('q', { store })
  let completed = 0
  const worker = new Worker('q', () => microtasks(handlerTakes), { store, concurrency: 2 })
  worker.on('completed', () => completed++)
  await host.idle()
  await play({ host, store, queue })
  await host.idle()
  const before = completed
  const closed = worker.close()
  await host.advance(60_000)
  await closed
  return before
}

test('a job that ends while its worker finds nothing more to do is settled', async () => {
  for (let takes = 0; takes < LATEST; takes++) {
    const completed = await completedIn(takes, async ({ queue }) => void (await queue.add('a', {})))
    expect(completed, `a handler of ${takes} microtasks`).toBe(1)
  }
})

test('a job that is added while the worker finds nothing more to do is run', async () => {
  for (const takes of [0, 5, 11]) {
    for (let later = 0; later < LATEST; later++) {
      const completed = await completedIn(takes, async ({ queue, host }) => {
        void queue.add('a', {})
        await microtasks(later)
        void queue.add('b', {})
        await host.idle()
      })
      expect(completed, `added ${later} microtasks later, handlers of ${takes}`).toBe(2)
    }
  }
})

test('a pause that ends while the worker reads of it does not hold it up', async () => {
  for (const later of [0, 1, 2, 3]) {
    for (let lasts = 0; lasts < LATEST; lasts++) {
      const completed = await completedIn(0, async ({ queue, store, host }) => {
        await queue.add('a', {})
        await host.idle()
        void queue.pause()
        await microtasks(lasts)
        void new Queue('q', { store }).resume()
        await microtasks(later)
        void queue.add('b', {})
        await host.idle()
        if (await queue.isPaused()) await queue.resume()
      })
      expect(completed, `resumed ${lasts} microtasks later, added after ${later} more`).toBe(2)
    }
  }
})

test('jobs of claims without an answer are started once, whoever looks for them', async () => {
  const host = virtualHost()
  const inner = memoryStore({ host })
  let lost = 0
  const pause = (ms: number): Promise<void> => new Promise((resolve) => host.timer(ms, resolve))
  const forgetful = new FaultStore(inner, {
    commits: (_, changes) => (claims(changes) && lost++ < 2 ? { kind: 'after' } : undefined),
  })
  const store = overStore(forgetful, {
    scan: async (pages) => {
      const found = await inner.scan(pages)
      if (pages[0]?.lane === 'lease:q') await pause(10)
      return found
    },
  })
  const queue = new Queue('q', { store })
  for (let n = 0; n < 200; n++) await queue.add('a', {}, { jobId: String(n) })
  const starts = new Map<string, number>()
  const handler = async ({ id }: { id: string }): Promise<void> => {
    starts.set(id, (starts.get(id) ?? 0) + 1)
    await pause(50)
  }
  const worker = new Worker('q', handler, { store, concurrency: 100 })
  worker.on('error', () => {})
  for (let ms = 0; ms < 300; ms++) {
    // Wakes it, so that it may begin a second cycle.
    worker.concurrency = 100
    await host.advance(1)
  }
  await host.advance(5000)
  expect(starts.size).toBe(200)
  expect([...starts.values()].filter((times) => times > 1)).toEqual([])
  await worker.close()
})

test('a look beside the work cycle that is asked for as the last one ends is made', async () => {
  for (let after = 0; after < 10; after++) {
    let looks = 0
    let end!: () => void
    const first = new Promise<void>((resolve) => (end = resolve))
    const patrol = new Patrol(
      memoryStore({ host: virtualHost() }),
      () => (looks++ === 0 ? first : microtasks(1)),
      fail,
    )
    patrol.start()
    patrol.look()
    end()
    await microtasks(after)
    patrol.look()
    await microtasks(LATEST)
    expect(looks, `${after} microtasks later`).toBe(2)
  }
})

const fail = (error: unknown): void => expect.unreachable(String(error))
