/** Hints between stores that share a namespace: by message, after a gap, by the poll; and how little an idle worker asks. */
import { Queue, Worker } from 'holdfast'
import { virtualHost } from 'holdfast/testing'
import { expect, test } from 'vitest'
import type { RedisSubscriber } from '../../adapters/redis.ts'
import { nextTurn } from '../../src/host.ts'
import { connect, freshNamespace, meddled, openStore, overClient } from './redis-stage.ts'

/** A subscriber that is never connected. */
const DEAF: RedisSubscriber = {
  status: 'connecting',
  subscribe: () => Promise.reject(new Error('no connection')),
  unsubscribe: () => Promise.reject(new Error('no connection')),
  disconnect: () => {},
  on: () => {},
}

/** Counts the hints of a lane. */
function watching(store: Awaited<ReturnType<typeof openStore>>, lane: string) {
  const seen = { hints: 0 }
  store.watch([lane], () => void seen.hints++)
  return seen
}

test('what one store adds wakes the watchers of another', async () => {
  await using client = connect()
  await using other = connect()
  const namespace = freshNamespace()
  await using here = await openStore(client, { namespace })
  await using there = await openStore(other, { namespace })
  const seen = watching(there, 'l')
  await expect.poll(() => seen.hints).toBe(1)
  await here.commit([{ add: [['l', 'b']] }])
  await expect.poll(() => seen.hints).toBe(2)
  await here.commit([{ add: [['l', 'c']] }])
  await here.commit([{ add: [['l', 'a']] }])
  await expect.poll(() => seen.hints).toBe(3)
})

test('a worker is woken by the job another process adds', async () => {
  await using client = connect()
  await using other = connect()
  const namespace = freshNamespace()
  await using here = await openStore(client, { namespace })
  await using there = await openStore(other, { namespace })
  const done: string[] = []
  const worker = new Worker('q', async (job) => void done.push(job.id), { store: there })
  const queue = new Queue('q', { store: here })
  for (let n = 0; n < 5; n++) {
    const { id } = await queue.add('n', {})
    await expect.poll(() => done.at(-1)).toBe(id)
  }
  await worker.close()
})

test('after a gap in the connection every watcher is woken', async () => {
  await using client = connect()
  const host = virtualHost()
  await using store = await openStore(client, { host })
  const seen = watching(store, 'l')
  await expect.poll(() => seen.hints).toBe(1)
  await client.call('CLIENT', ['KILL', 'TYPE', 'pubsub'])
  await expect.poll(() => seen.hints).toBeGreaterThan(1)
})

test('with all messages lost, the poll finds a new lowest key within 30 s, one that stays within 60 s', async () => {
  await using client = connect()
  const host = virtualHost()
  const deaf = overClient(client, { duplicate: () => DEAF })
  const namespace = freshNamespace()
  await using store = await openStore(deaf, { host, namespace })
  await using other = await openStore(client, { namespace })
  const seen = watching(store, 'l')
  const empty = watching(store, 'empty')
  await other.commit([{ add: [['l', 'b']] }])
  expect(seen.hints).toBe(0)
  for (const hints of [1, 2, 2, 3]) {
    await host.advance(30_000)
    // The poll has been answered.
    await store.read(['r'])
    await expect.poll(() => seen.hints).toBe(hints)
  }
  expect(empty.hints).toBe(0)
})

test.each<[string, number, (queue: Queue) => Promise<unknown>]>([
  ['an empty queue', 3, async () => {}],
  // Once a minute it looks whether another job comes first: that rides with the poll.
  ['a queue of delayed jobs', 3, (queue) => queue.add('n', {}, { delay: 86_400_000 })],
  [
    'a paused queue',
    3,
    async (queue) => {
      await queue.pause()
      await queue.add('n', {})
    },
  ],
])('an idle worker of %s sends at most %i commands a minute', async (_, most, prepare) => {
  await using client = connect()
  const host = virtualHost()
  const commands = { sent: 0, underWay: 0 }
  const counted = meddled(client, async (_command, _args, send) => {
    commands.sent++
    commands.underWay++
    try {
      return await send()
    } finally {
      commands.underWay--
    }
  })
  await using store = await openStore(counted, { host })
  const pass = async (ms: number): Promise<void> => {
    await host.advance(ms)
    for (let turn = 0; turn < 3 || commands.underWay > 0; turn++)
      await new Promise((resolve) => setTimeout(resolve, 1))
  }
  await prepare(new Queue('q', { store }))
  const worker = new Worker('q', async () => {}, { store })
  for (let second = 0; second < 120; second += 5) await pass(5000)
  const before = commands.sent
  for (let minute = 0; minute < 4; minute++) {
    for (let second = 0; second < 60; second += 5) await pass(5000)
  }
  // Where the server is asked for the time, that rides with a poll.
  expect((commands.sent - before) / 4).toBeLessThanOrEqual(most)
  expect(commands.sent - before).toBeGreaterThan(0)
  await worker.close()
})

/** Shorter than the polls are apart, by which each job would be heard of, too. */
const SOON_MS = 20_000

test(
  'a worker that has nothing to do hears of a job of its own process as that is sent, without a message',
  async () => {
    await using client = connect()
    await using store = await openStore(overClient(client, { duplicate: () => DEAF }))
    const queue = new Queue('q', { store })
    await queue.add('job', {})
    const worker = new Worker('q', async () => undefined, { store })
    const heard = (event: 'completed' | 'drained') =>
      new Promise<void>((resolve) => worker.once(event, () => resolve()))
    for (let job = 0; job < 3; job++) {
      await heard('drained')
      await nextTurn()
      await Promise.all([heard('completed'), queue.add('job', {})])
    }
    await worker.close()
  },
  SOON_MS,
)
