/** BullMQ as its documentation sets it up: connections of its own for queue and worker, jobs kept, which is its default. */
import { data } from '../subject.ts'
import { Installed } from '../installed.ts'
import type { System } from './system.ts'

interface Connection {
  readonly host: string
  readonly port: number
  readonly maxRetriesPerRequest?: null
}

interface BullMQ {
  Queue: new (
    name: string,
    options: { connection: Connection },
  ) => {
    waitUntilReady(): Promise<unknown>
    add(name: string, data: object): Promise<unknown>
    addBulk(jobs: { name: string; data: object }[]): Promise<unknown>
    close(): Promise<void>
  }
  Worker: new (
    name: string,
    run: () => Promise<void>,
    options: { connection: Connection; concurrency: number },
  ) => { on(event: 'completed', listener: () => void): void; close(): Promise<void> }
}

export const bullmq: System = async (url) => {
  const { Queue, Worker } = await new Installed('redis').load<BullMQ>('bullmq')
  const { hostname, port } = new URL(url)
  const connection = { host: hostname, port: Number(port) }
  const queue = new Queue('emails', { connection })
  await queue.waitUntilReady()
  const workers: InstanceType<BullMQ['Worker']>[] = []
  return {
    add: () => queue.add('welcome', data),
    addBulk: (jobs) => queue.addBulk(Array.from({ length: jobs }, () => ({ name: 'welcome', data }))),
    work(concurrency, { started, completed }) {
      const options = { connection: { ...connection, maxRetriesPerRequest: null }, concurrency }
      const worker = new Worker('emails', async () => started?.(), options)
      if (completed !== undefined) worker.on('completed', completed)
      workers.push(worker)
    },
    async close() {
      for (const worker of workers) await worker.close()
      await queue.close()
    },
  }
}
