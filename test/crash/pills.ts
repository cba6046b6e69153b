/** A program with poison pills among its jobs: their handler ends the process. It is started again until it gets through. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Queue, Worker } from 'holdfast'
import { levelStore } from 'holdfast/level'
import { orders, say } from './orders.ts'

export interface PillOrders {
  readonly path: string
  readonly good: number
  readonly concurrency: number
}

type Jobs = { good: { data: number }; pill: { data: number } }

const { path, good, concurrency } = orders() as PillOrders
const store = levelStore(path)
const queue = new Queue<Jobs>('pills', {
  store,
  defaultJobOptions: { removeOnComplete: false, removeOnFail: false },
})
// Added at every start: those that exist are left as they are.
await Promise.all([
  ...Array.from({ length: good }, (_, number) => queue.add('good', number, { jobId: `good-${number}` })),
  ...[1, 2].map((number) => queue.add('pill', number, { jobId: `pill-${number}` })),
])
say('BEGUN')

const worker = new Worker<Jobs>(
  'pills',
  {
    good: async (job, { attempt }) => {
      say('RUN', job.id, attempt)
      await sleep(10)
    },
    pill: async (job, { attempt }) => {
      say('RUN', job.id, attempt)
      await sleep(5)
      process.abort()
    },
  },
  { store, concurrency },
)
worker.on('error', (error) => say('ERROR', error.message))
for (;;) {
  const { waiting, delayed, active } = await queue.getJobCounts()
  if (waiting + delayed + active === 0) break
  await sleep(20)
}
await worker.close()
await queue.close()
await store.close()
say('THROUGH')
