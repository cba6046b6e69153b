/** What becomes of jobs that fail for good: dead letters, looked at, sent back; and of jobs that nobody wants any more. */
import { Queue, Worker } from 'holdfast'
import { memoryStore } from 'holdfast/memory'

await using store = memoryStore()
await using payments = new Queue('payments', { store, defaultJobOptions: { deadLetter: 'failed-payments' } })
await using failed = new Queue('failed-payments', { store })
let isDown = true
await using worker = new Worker(
  'payments',
  async (job, { signal }) => {
    if (job.data === 'slow') await new Promise((resolve) => signal.addEventListener('abort', resolve))
    if (isDown) throw new Error('the bank is down')
    return 'paid'
  },
  { store },
)
const once = (event: 'failed' | 'completed'): Promise<void> =>
  new Promise((resolve) => worker.once(event, () => resolve()))

await Promise.all([once('failed'), payments.add('pay', 'rent', { jobId: 'rent' })])
const [letter] = await failed.getWaiting()
console.log(`${letter!.id}: ${letter!.origin!.failedReason}`)

isDown = false
const [, back] = await Promise.all([
  once('completed'),
  failed.redrive({ by: 'ada', reason: 'the bank is up' }),
])
console.log(`sent back: ${back.redriven}, rent is ${await payments.getJobState('rent')}`)

await Promise.all([
  new Promise<void>((resolve) => worker.once('active', () => resolve())),
  payments.add('pay', 'slow', { jobId: 'slow' }),
])
await Promise.all([once('failed'), payments.cancel('slow', 'paid by card', { by: 'ada' })])
const slow = (await payments.getJob('slow'))!
console.log(`slow: ${slow.failedCode}, ${slow.failedReason}`)
console.log((await failed.audit()).map(({ action, by, reason }) => `${action} by ${by}: ${reason}`).join())
