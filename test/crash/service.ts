/**
 * A service that is told to stop: adds jobs at a steady rate, works on them, and closes on SIGTERM. Some of its handlers take
 * far longer than it waits for them; of those every other one does not even heed its signal.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { Queue, Worker } from 'holdfast'
import { levelStore } from 'holdfast/level'
import { orders, say } from './orders.ts'

export interface ServiceOrders {
  readonly path: string
  readonly jobsPerSecond: number
  readonly concurrency: number
  /** What `close` waits for handlers, in ms. */
  readonly timeout: number
  /** Jobs to add whose handlers take `longMs`. */
  readonly long: number
  readonly longMs: number
}

type Jobs = { short: { data: number }; long: { data: number } }

const TICK_MS = 20

const service = orders() as ServiceOrders
const store = levelStore(service.path)
const queue = new Queue<Jobs>('service', { store, defaultJobOptions: { removeOnComplete: false } })
const stopping = new AbortController()
let completed = 0

process.once('SIGTERM', () => void stop())

for (let number = 0; number < service.long; number++)
  await queue.add('long', number, { jobId: `long-${number}` })

const worker = new Worker<Jobs>(
  'service',
  {
    short: (job) => {
      if (completed === 0) say('RUN', job.id)
      return sleep(TICK_MS)
    },
    long: (job, { signal }) => {
      say('RUN', job.id)
      const heeds = job.data % 2 === 0
      // Without a reference the timer of a handler that goes on does not hold the process.
      return sleep(service.longMs, undefined, heeds ? { signal } : { ref: false })
    },
  },
  { store, concurrency: service.concurrency },
)
worker.on('completed', () => completed++)
worker.on('error', (error) => say('ERROR', error.message))
say('WORKING')

let added = 0
const began = performance.now()
while (!stopping.signal.aborted) {
  const due = ((performance.now() - began) / 1000) * service.jobsPerSecond
  const adds = []
  for (; added < due; added++) adds.push(queue.add('short', added))
  await Promise.all(adds)
  await sleep(TICK_MS)
}

async function stop(): Promise<void> {
  stopping.abort()
  const seconds = (performance.now() - began) / 1000
  say(
    'STOPPING',
    `${Math.round(added / seconds)} added and ${Math.round(completed / seconds)} done per second`,
  )
  await worker.close({ timeout: service.timeout })
  await queue.close()
  await store.close()
  say('CLOSED')
}
