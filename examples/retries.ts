/** What a handler can throw, and what becomes of its job. */
import { Queue, RetryAfterError, UnrecoverableError, Worker } from 'holdfast'
import { memoryStore } from 'holdfast/memory'

type Jobs = {
  fetch: { data: { url: string }; result: number }
}

/** A service that is busy, then broken, then works; and one that is gone. */
function get(url: string, attempt: number): number {
  if (url === '/gone') throw new UnrecoverableError('410 Gone')
  if (attempt === 1) throw new RetryAfterError('429 Too Many Requests', 200)
  if (attempt === 2) throw new Error('503 Service Unavailable')
  return 200
}

await using store = memoryStore()
await using queue = new Queue<Jobs>('fetches', {
  store,
  defaultJobOptions: { attempts: 4, backoff: { type: 'exponential', delay: 100, jitter: 0.2 } },
})
await using worker = new Worker<Jobs>(
  'fetches',
  { fetch: (job, { attempt }) => get(job.data.url, attempt) },
  { store },
)

const ended = new Promise<void>((resolve) => {
  let left = 2
  const one = (): void => {
    if (--left === 0) resolve()
  }
  worker.on('completed', (job, result) => {
    console.log(`${job.data.url}: ${result} at attempt ${job.attemptsMade}`)
    one()
  })
  worker.on('failed', (job, error) => {
    // `failedCode` is set once no attempt is left.
    console.log(`${job?.data.url}: ${error.message}, ${job?.failedCode ?? 'will be tried again'}`)
    if (job?.failedCode !== undefined) one()
  })
})
await queue.add('fetch', { url: '/busy' })
await queue.add('fetch', { url: '/gone' })
await ended
