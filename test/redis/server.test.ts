/** The servers of the tests: they start by themselves, keep what they are to keep, and form a cluster. */
import { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import { ON_DISK, sharedUrl, startCluster, startServer } from './server.ts'

test('a server on disk that is killed comes back with what it acknowledged', async () => {
  await using server = await startServer(ON_DISK)
  const client = new Redis(server.url)
  await client.set('kept', 'yes')
  const { pid } = server
  await server.restart()
  expect(server.pid).not.toBe(pid)
  expect(await client.get('kept')).toBe('yes')
  client.disconnect()
})

test('the shared server answers, whoever started it', async () => {
  const client = new Redis(sharedUrl())
  expect(await client.ping()).toBe('PONG')
  client.disconnect()
})

test('three servers form a cluster', async () => {
  await using cluster = await startCluster()
  const client = new Redis.Cluster(cluster.nodes.map(({ port }) => ({ host: '127.0.0.1', port })))
  for (const key of ['a', 'b', 'c', 'd']) await client.set(key, key)
  expect(await Promise.all(['a', 'b', 'c', 'd'].map((key) => client.get(key)))).toEqual(['a', 'b', 'c', 'd'])
  client.disconnect()
})
