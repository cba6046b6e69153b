/** What a queue does on a store: adding, bulks, processing, and how soon an idle worker starts a job. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type JobOptions, Queue, type Store, Worker } from 'holdfast'
import { levelStore } from 'holdfast/level'
import { memoryStore } from 'holdfast/memory'
import { perSecond } from './raw.ts'
import { data } from './subject.ts'

/** `process` is LevelDB too, without a sync of every write. */
export type StoreName = 'memory' | 'level' | 'process'

/** Runs something on a fresh store, which is gone afterwards. */
async function withStore<T>(name: StoreName, use: (store: Store) => Promise<T>): Promise<T> {
  if (name === 'memory') return use(memoryStore())
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-bench-'))
  const store = levelStore(folder, { durability: name === 'process' ? 'process' : 'disk' })
  try {
    return await use(store)
  } finally {
    await store.close()
    rmSync(folder, { recursive: true })
  }
}

async function fill(queue: Queue, jobs: number, callers: number, options?: JobOptions): Promise<void> {
  let left = jobs
  const caller = async (): Promise<void> => {
    while (left-- > 0) await queue.add('welcome', data, options)
  }
  await Promise.all(Array.from({ length: callers }, caller))
}

/** Jobs added per second by so many callers, each waiting for its own. */
export const addRate = (name: StoreName, jobs: number, callers: number): Promise<number> =>
  withStore(name, async (store) => {
    const queue = new Queue('emails', { store })
    await store.ready()
    const began = performance.now()
    await fill(queue, jobs, callers)
    return perSecond(jobs, began)
  })

/** Jobs added per second in the largest bulks that fit one unit, so many at a time. */
export const bulkRate = (name: StoreName, bulks: number, atOnce: number): Promise<number> =>
  withStore(name, async (store) => {
    const queue = new Queue('emails', { store })
    await store.ready()
    const bulk = Array.from({ length: 400 }, () => ({ name: 'welcome', data }))
    let left = bulks
    const caller = async (): Promise<void> => {
      while (left-- > 0) await queue.addBulk(bulk)
    }
    const began = performance.now()
    await Promise.all(Array.from({ length: atOnce }, caller))
    return perSecond(bulks * 400, began)
  })

/** Jobs processed per second, from the worker's start to the last `completed`; all are kept unless `options` say otherwise. */
export const processRate = (
  name: StoreName,
  jobs: number,
  concurrency: number,
  options: JobOptions = { removeOnComplete: false },
): Promise<number> =>
  withStore(name, async (store) => {
    await fill(new Queue('emails', { store }), jobs, 1000, options)
    const began = performance.now()
    let completed = 0
    const worker = new Worker('emails', async () => undefined, { store, concurrency })
    await new Promise<void>((resolve) => {
      worker.on('completed', () => {
        if (++completed === jobs) resolve()
      })
    })
    const rate = perSecond(jobs, began)
    await worker.close()
    return rate
  })

/** Jobs per second from the first `add` to the last `completed`, with the worker there from the beginning. */
export const throughRate = (name: StoreName, jobs: number, concurrency: number): Promise<number> =>
  withStore(name, async (store) => {
    const queue = new Queue('emails', { store })
    const worker = new Worker('emails', async () => undefined, { store, concurrency })
    await store.ready()
    const began = performance.now()
    let completed = 0
    const all = new Promise<void>((resolve) => {
      worker.on('completed', () => {
        if (++completed === jobs) resolve()
      })
    })
    await fill(queue, jobs, 1000)
    await all
    const rate = perSecond(jobs, began)
    await worker.close()
    return rate
  })

/** Milliseconds from `add` to the handler's start on an idle worker: the median. */
export const idleLatency = (name: StoreName, jobs = 200): Promise<number> =>
  withStore(name, async (store) => {
    const queue = new Queue('emails', { store })
    let started: (() => void) | undefined
    const worker = new Worker('emails', async () => started?.(), { store })
    const times: number[] = []
    for (let n = 0; n < jobs; n++) {
      await new Promise((resolve) => setTimeout(resolve, 4))
      const began = performance.now()
      const start = new Promise<void>((resolve) => {
        started = resolve
      })
      await queue.add('welcome', data)
      await start
      times.push(performance.now() - began)
    }
    await worker.close()
    return times.toSorted((a, b) => a - b)[jobs >> 1]!
  })
