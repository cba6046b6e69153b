/** Customers who pay come first, and yet nobody waits for ever: a minute of waiting is worth a step of priority. */
import { Queue, Worker } from 'holdfast'
import { memoryStore } from 'holdfast/memory'
import { virtualHost } from 'holdfast/testing'

// An hour passes at once.
const host = virtualHost()
await using store = memoryStore({ host })
await using queue = new Queue<{ export: { data: { customer: string } } }>('exports', {
  store,
  defaultJobOptions: { aging: 60_000 },
})

let isServed = false
let paid = 0
const worker = new Worker<{ export: { data: { customer: string } } }>(
  'exports',
  async ({ data }) => {
    if (data.customer === 'free') isServed = true
    else if (!isServed) paid++
    await new Promise<void>((resolve) => void host.timer(30_000, resolve))
  },
  { store },
)
await queue.add('export', { customer: 'paid' })
await queue.add('export', { customer: 'free' }, { priority: 10 })
// More of them than there is time for.
for (let n = 0; n < 120; n++) {
  await queue.add('export', { customer: 'paid' })
  await host.advance(29_000)
}
console.log(
  `the free one was served after ${paid > 15 && paid < 25 ? 'about ten minutes' : `${paid} others`}`,
)
await Promise.all([worker.close(), host.advance(60_000)])
