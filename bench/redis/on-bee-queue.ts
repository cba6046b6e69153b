/** bee-queue with the settings it recommends for speed: no events over Redis, no jobs kept in the process. */
import { data } from '../subject.ts'
import { Installed } from '../installed.ts'
import type { System } from './system.ts'

interface BeeJob {
  save(): Promise<unknown>
}

interface BeeQueue {
  default: new (
    name: string,
    settings: object,
  ) => {
    ready(): Promise<unknown>
    createJob(data: object): BeeJob
    saveAll(jobs: BeeJob[]): Promise<Map<BeeJob, Error>>
    process(concurrency: number, run: () => Promise<void>): void
    on(event: 'succeeded', listener: () => void): void
    close(): Promise<void>
  }
}

const QUICK = { getEvents: false, sendEvents: false, storeJobs: false }

export const beeQueue: System = async (url) => {
  const { default: Queue } = await new Installed('redis').load<BeeQueue>('bee-queue')
  const redis = { host: '127.0.0.1', port: Number(new URL(url).port) }
  const queue = new Queue('emails', { ...QUICK, redis, isWorker: false })
  await queue.ready()
  const workers: InstanceType<BeeQueue['default']>[] = []
  return {
    add: () => queue.createJob(data).save(),
    async addBulk(jobs) {
      const errors = await queue.saveAll(Array.from({ length: jobs }, () => queue.createJob(data)))
      if (errors.size > 0) throw new Error(`${errors.size} jobs were not saved`)
    },
    work(concurrency, { started, completed }) {
      const worker = new Queue('emails', { ...QUICK, redis })
      if (completed !== undefined) worker.on('succeeded', completed)
      worker.process(concurrency, async () => started?.())
      workers.push(worker)
    },
    async close() {
      for (const worker of workers) await worker.close()
      await queue.close()
    },
  }
}
