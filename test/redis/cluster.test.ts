/** A cluster of three nodes: everything of a namespace lies in one slot, whatever queues are called. */
import { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import { redisStore } from '../../adapters/redis.ts'
import { NAME_BYTES } from '../../src/core/bounds.ts'
import { Queue, type Store, Worker } from '../../src/index.ts'
import { startCluster } from './server.ts'

const HOSTILE = [
  '{}',
  '{a}',
  '}{',
  '{',
  ':',
  '*',
  '[a-z]?\\',
  '/',
  ' ',
  '\n\0"\'',
  'büro-✉-队列',
  '😀',
  '__proto__',
  'n'.repeat(NAME_BYTES),
]

test('queues of hostile names add, run and list on a cluster', async () => {
  await using cluster = await startCluster()
  const client = new Redis.Cluster(cluster.nodes.map(({ port }) => ({ host: '127.0.0.1', port })))
  client.on('error', () => {})
  // Each namespace on a slot, and so a node, of its own.
  for (const namespace of ['a', 'b', 'c']) {
    const store = redisStore(client, { namespace, durability: 'memory' })
    await Promise.all(HOSTILE.map((name) => play(name, store)))
    await store.close()
  }
  client.disconnect()

  async function play(name: string, store: Store): Promise<void> {
    const queue = new Queue(name, { store })
    await queue.add('job', { of: name }, { removeOnComplete: false })
    await queue.addBulk(
      [1, 2, 3].map((n) => ({ name: 'job', data: { n }, opts: { removeOnComplete: false } })),
    )
    expect(
      (await queue.getWaiting()).map(({ data }) => data),
      name,
    ).toEqual([{ of: name }, { n: 1 }, { n: 2 }, { n: 3 }])
    let completed = 0
    const worker = new Worker(name, async () => undefined, { store, concurrency: 2 })
    const errors: Error[] = []
    worker.on('error', (error) => errors.push(error))
    await new Promise<void>((resolve) => {
      worker.on('completed', () => {
        if (++completed === 4) resolve()
      })
    })
    await worker.close()
    expect(errors).toEqual([])
    expect(await queue.getJobCounts('completed', 'waiting')).toEqual({ completed: 4, waiting: 0 })
    expect((await queue.verify()).ok, name).toBe(true)
  }
})
