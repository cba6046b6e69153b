/** Customers share a queue: one with a thousand mails does not hold up one with a single one. */
import { Queue, Worker } from 'holdfast'
import { memoryStore } from 'holdfast/memory'

type Jobs = { mail: { data: { customer: string } } }

await using store = memoryStore()
await using queue = new Queue<Jobs>('mails', { store, groupBy: ({ data }) => data.customer })
await queue.addBulk(Array.from({ length: 1000 }, () => ({ name: 'mail', data: { customer: 'big' } })))
await queue.add('mail', { customer: 'small' })

const sent: string[] = []
await using worker = new Worker<Jobs>('mails', async ({ data }) => void sent.push(data.customer), {
  store,
  concurrency: 4,
  // Over all workers, for each customer: three mails at once.
  group: { concurrency: 3 },
})
await new Promise<void>((resolve) => worker.once('drained', resolve))
console.log(
  `the small customer was served after ${sent.indexOf('small') < 10 ? 'a few mails' : 'all others'}`,
)
console.log(`${sent.length} mails, ${await queue.getGroupsJobsCount()} wait`)
