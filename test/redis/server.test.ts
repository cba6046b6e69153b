/** The servers of the tests: they start by themselves and keep what they are to keep. */
import { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import { ON_DISK, sharedUrl, startServer } from './server.ts'

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
