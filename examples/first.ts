/** The first ten lines: a queue, a worker, a job, and a graceful end. Run it with `npx tsx examples/first.ts`. */
import { Queue, Worker } from 'holdfast'
import { levelStore } from 'holdfast/level'

type Jobs = { welcome: { data: { to: string }; result: string } }

const store = levelStore('./data/jobs')
const emails = new Queue<Jobs>('emails', { store })
const worker = new Worker<Jobs>('emails', { welcome: async (job) => `sent to ${job.data.to}` }, { store })
worker.on('completed', (job, result) => console.log(`${job.name}: ${result}`))

// Once `add` resolves the job is on disk: kill the process here, start it again, and the mail is sent.
await emails.add(
  'welcome',
  { to: 'ada@example.com' },
  { attempts: 5, backoff: { type: 'exponential', delay: 1000 } },
)

worker.once('drained', async () => {
  await worker.close()
  await emails.close()
  await store.close()
})
