/** Testing code that uses a queue: the memory store, and a clock that stands still until the test lets it go on. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Handlers, Queue, type Store, Worker } from 'holdfast'
import { memoryStore } from 'holdfast/memory'
import { virtualHost } from 'holdfast/testing'

const DAY = 24 * 3_600_000

// What is tested: a reminder that goes out three days after somebody signed up, and is tried again an hour after it failed.
type Jobs = { remind: { data: { user: string } } }

const signUp = (queue: Queue<Jobs>, user: string) =>
  queue.add('remind', { user }, { delay: 3 * DAY, attempts: 3, backoff: DAY / 24 })

const handlers = (send: (user: string) => Promise<void>): Handlers<Jobs> => ({
  remind: (job) => send(job.data.user),
})

// The tests: the same code on another store.
function start(store: Store, send: (user: string) => Promise<void>) {
  const queue = new Queue<Jobs>('reminders', { store })
  const worker = new Worker<Jobs>('reminders', handlers(send), { store })
  return { queue, worker }
}

await test('a reminder goes out after three days, not before', async () => {
  const host = virtualHost()
  await using store = memoryStore({ host })
  const sent: string[] = []
  const { queue, worker } = start(store, async (user) => void sent.push(user))

  await signUp(queue, 'ada')
  await host.advance(3 * DAY - 1)
  assert.deepEqual(sent, [])
  await host.advance(1)
  assert.deepEqual(sent, ['ada'])
  await worker.close()
})

await test('a reminder that cannot be sent is tried again an hour later', async () => {
  const host = virtualHost()
  await using store = memoryStore({ host })
  let tries = 0
  const { queue, worker } = start(store, async () => {
    if (++tries === 1) throw new Error('the mail server is down')
  })

  const { id } = await signUp(queue, 'ada')
  await host.advance(3 * DAY)
  assert.equal((await queue.getJob(id))?.failedReason, 'the mail server is down')
  await host.advance(DAY / 24)
  assert.equal(tries, 2)
  assert.equal(await queue.getJobState(id), 'completed')
  await worker.close()
})
