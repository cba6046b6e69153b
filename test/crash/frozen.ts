/** A program that is stopped for longer than its leases last, and goes on as if nothing had been. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Queue, Worker } from 'holdfast'
import { levelStore } from 'holdfast/level'
import { orders, say } from './orders.ts'

export interface FrozenOrders {
  readonly path: string
  readonly jobs: number
  readonly lockDuration: number
  readonly handlerMs: number
}

const { path, jobs, lockDuration, handlerMs } = orders() as FrozenOrders
const store = levelStore(path)
const queue = new Queue<number>('frozen', { store, defaultJobOptions: { removeOnComplete: false } })
for (let number = 0; number < jobs; number++) await queue.add('one', number, { jobId: String(number) })
const worker = new Worker<number>(
  'frozen',
  async (job, { signal }) => {
    say('RUN', job.id)
    await sleep(handlerMs, undefined, { signal })
    say('RAN', job.id)
  },
  { store, concurrency: 5, lockDuration },
)
worker.on('lockLost', (job) => say('LOST', job.id))
worker.on('error', (error) => say('ERROR', error.message))
while ((await queue.getJobCounts()).completed < jobs) await sleep(20)
const { ok, problems } = await queue.verify()
say('THROUGH', String(ok), ...problems)
await worker.close()
await store.close()
