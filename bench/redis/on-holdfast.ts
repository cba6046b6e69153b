/** Holdfast on its Redis store. */
import { Queue, Worker } from 'holdfast'
import { redisStore } from 'holdfast/redis'
import { Redis } from 'ioredis'
import { data } from '../subject.ts'
import type { System } from './system.ts'

const KEPT = { removeOnComplete: false } as const

export const holdfast: System = async (url) => {
  const client = new Redis(url)
  const store = redisStore(client)
  await store.ready()
  const queue = new Queue('emails', { store })
  const workers: Worker[] = []
  return {
    add: () => queue.add('welcome', data, KEPT),
    addBulk: (jobs) =>
      queue.addBulk(Array.from({ length: jobs }, () => ({ name: 'welcome', data, opts: KEPT }))),
    work(concurrency, { started, completed }) {
      const worker = new Worker('emails', async () => started?.(), { store, concurrency })
      if (completed !== undefined) worker.on('completed', completed)
      workers.push(worker)
    },
    async close() {
      for (const worker of workers) await worker.close()
      await store.close()
      client.disconnect()
    },
  }
}
