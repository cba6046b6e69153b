/**
 * One job of what arrives more than once: a webhook that is delivered three times charges once, and of many edits in a row the
 * index is built once, with the last of them. The jobs of one customer are found by their tag.
 *
 *     npx tsx examples/once.ts
 */
import { Queue, Worker } from 'holdfast'
import { memoryStore } from 'holdfast/memory'

const store = memoryStore()
type Jobs = {
  charge: { data: { order: number; cents: number } }
  index: { data: { page: string; version: number } }
}
const queue = new Queue<Jobs>('shop', { store })

/** What an HTTP handler does with a delivery: the sender's id of it is the key, however often it is sent. */
async function deliver(id: string, order: number, cents: number): Promise<void> {
  const job = await queue.add('charge', { order, cents }, { idempotencyKey: id, tags: ['customer:ada'] })
  console.log(`delivery ${id}: ${job.deduplicated ? 'known' : 'new'}`)
}

const worker = new Worker<Jobs>(
  'shop',
  {
    charge: (job) => console.log(`charged order ${job.data.order}`),
    index: (job) => console.log(`indexed ${job.data.page}, version ${job.data.version}`),
  },
  { store },
)

await Promise.all([deliver('evt_1', 7, 990), deliver('evt_1', 7, 990)])
await deliver('evt_1', 7, 990)
await deliver('evt_1', 7, 1).catch((error: { code: string }) => console.log(`another amount: ${error.code}`))

const deduplication = { id: 'index:home', ttl: 200, extend: true, replace: true }
for (const version of [1, 2, 3])
  await queue.add('index', { page: 'home', version }, { delay: 200, deduplication })
await new Promise((resolve) => worker.on('completed', (job) => job.name === 'index' && resolve(job)))

const { jobs } = await queue.find({ tags: ['customer:ada'], state: 'completed' })
console.log(`ada: ${jobs.map((job) => job.name).join(', ')}`)
await worker.close()
await store.close()
