/** A service that takes ten requests a second, and says 429 when it is asked more often by others. */
import { Queue, Worker } from 'holdfast'
import { memoryStore } from 'holdfast/memory'

type Jobs = { call: { data: { n: number }; result: string } }

await using store = memoryStore()
await using queue = new Queue<Jobs>('calls', { store })
// Over all workers, on however many machines: three calls at once, ten in any second.
await queue.setGlobalConcurrency(3)
await queue.setGlobalRateLimit(10, 1000)

let isBusy = true
await using worker: Worker<Jobs> = new Worker<Jobs>(
  'calls',
  async ({ data }) => {
    if (data.n === 4 && isBusy) {
      isBusy = false
      // Nothing is claimed for a while; this job keeps its place, and its tries.
      await worker.rateLimit(200)
      throw Worker.RateLimitError()
    }
    return `answer ${data.n}`
  },
  { store, concurrency: 8 },
)

const started = performance.now()
const ended = new Promise<void>((resolve) => {
  let left = 12
  worker.on('completed', () => {
    if (--left === 0) resolve()
  })
})
await queue.addBulk(Array.from({ length: 12 }, (_, n) => ({ name: 'call', data: { n } })))
await ended
const job = (await queue.getCompleted()).find(({ data }) => data.n === 4)
console.log(`12 calls took more than a second: ${performance.now() - started >= 1000}`)
console.log(`the one that met a 429 was tried ${job?.attemptsMade} time`)
