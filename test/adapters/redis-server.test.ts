/** What a Redis server does to a store: memory that is full, data that is gone, scripts forgotten, servers that are away. */
import { Queue, Worker } from 'holdfast'
import { virtualHost } from 'holdfast/testing'
import { expect, test } from 'vitest'
import { redisError } from '../../adapters/redis/failure.ts'
import { redisStore } from '../../adapters/redis.ts'
import { startServer } from '../redis/server.ts'
import { connect, freshNamespace, openStore } from './redis-stage.ts'

test('at full memory what only grows is refused with STORE_FULL, what removes goes on, and then there is room', async () => {
  await using server = await startServer()
  await using client = connect(server.url)
  await using store = await openStore(client)
  const queue = new Queue('q', { store })
  for (let job = 0; job < 20; job++) await queue.add('n', { text: 'x'.repeat(1000) })
  await client.config('SET', 'maxmemory', 1)
  await expect(queue.add('n', {})).rejects.toMatchObject({ code: 'STORE_FULL', outcome: 'failed' })
  const both = Promise.allSettled([queue.add('n', {}), store.commit([{ delete: ['none'] }])])
  expect((await both).map(({ status }) => status)).toEqual(['rejected', 'fulfilled'])
  expect((await queue.getJobCounts()).waiting).toBe(20)

  // A consumer that starts at full memory, too.
  await using another = redisStore(client, { namespace: 'consumer', durability: 'memory' })
  await another.ready()
  const worker = new Worker('q', async () => 'done', { store, concurrency: 5 })
  await expect.poll(async () => (await queue.getJobCounts()).completed).toBe(20)
  await worker.close()
  await client.config('SET', 'maxmemory', 0)
  await queue.add('n', {})
})

test('a namespace that is gone is STORE_RESET for those who knew it, and an empty one for those who come', async () => {
  await using server = await startServer()
  await using client = connect(server.url)
  const namespace = freshNamespace()
  await using store = await openStore(client, { namespace })
  await store.commit([{ add: [['l', 'a']], set: [['a', '1']] }])
  await client.flushall()
  const gone = { code: 'STORE_RESET', outcome: 'failed' }
  await expect(store.commit([{ set: [['a', '2']] }])).rejects.toMatchObject(gone)
  await expect(store.commit([{ delete: ['a'] }])).rejects.toMatchObject(gone)
  await expect(store.read(['a'])).rejects.toMatchObject(gone)
  await expect(store.scan([{ lane: 'l', limit: 1 }])).rejects.toMatchObject(gone)
  await expect(store.count([{ lane: 'l' }])).rejects.toMatchObject(gone)
  expect(await client.dbsize()).toBe(0)

  await using later = await openStore(client, { namespace })
  await later.commit([{ set: [['a', '3']] }])
  await expect(store.commit([{ set: [['a', '4']] }])).rejects.toMatchObject(gone)
  await expect(store.read(['a'])).rejects.toMatchObject(gone)
  expect(await later.read(['a'])).toEqual(['3'])
})

test('scripts that are forgotten are sent again', async () => {
  await using server = await startServer()
  await using client = connect(server.url)
  await using store = await openStore(client)
  for (let round = 0; round < 3; round++) {
    await client.script('FLUSH')
    await store.commit([{ append: [['log', 'x']] }])
    await client.script('FLUSH')
    await store.commit([{ move: { from: { lane: 'log', limit: 1 }, to: [{ lane: 'm' }] } }])
    await client.script('FLUSH')
    expect(await store.count([{ lane: 'm' }])).toEqual([round + 1])
  }
})

test('a namespace of a newer format is not opened', async () => {
  await using client = connect()
  const namespace = freshNamespace()
  await client.hset(`{${namespace}}:meta`, 'id', 'x', 'format', '2')
  await expect(openStore(client, { namespace })).rejects.toMatchObject({ code: 'STORE_TOO_NEW' })
})

test('a server that is away is STORE_UNAVAILABLE, and what waited is done once it is back', async () => {
  await using server = await startServer({ appendonly: 'yes', appendfsync: 'always' })
  await using client = connect(server.url, { maxRetriesPerRequest: null })
  await using store = await openStore(client, { durability: 'disk' })
  await store.commit([{ add: [['l', 'a']] }])
  await server.kill()
  const waiting = store.commit([{ add: [['l', 'b']] }])
  await server.start()
  await waiting
  expect(await store.scan([{ lane: 'l', limit: 9 }])).toEqual([['a', 'b']])

  await using hasty = connect('redis://127.0.0.1:1', { maxRetriesPerRequest: 0, enableOfflineQueue: false })
  const refused = { code: 'STORE_UNAVAILABLE', outcome: 'failed' }
  await expect(openStore(hasty)).rejects.toMatchObject(refused)
  const never = redisStore(hasty)
  await expect(never.commit([{ set: [['r', '1']] }])).rejects.toMatchObject(refused)
  await expect(never.read(['r'])).rejects.toMatchObject(refused)
})

test('a store that cannot be opened in time says so, and opens once it can', async () => {
  await using server = await startServer()
  await using client = connect(server.url, { maxRetriesPerRequest: null })
  await client.ping()
  await server.kill()
  const host = virtualHost()
  const namespace = freshNamespace()
  await using store = redisStore(client, { namespace, durability: 'memory', host })
  const refused = { code: 'STORE_UNAVAILABLE', outcome: 'failed' }
  const waiting = expect(store.commit([{ set: [['r', '1']] }])).rejects.toMatchObject(refused)
  await host.advance(15_000)
  await waiting
  await expect(store.ready()).rejects.toMatchObject(refused)
  await server.start()
  await expect
    .poll(() =>
      store.ready().then(
        () => 'open',
        () => 'not yet',
      ),
    )
    .toBe('open')
  expect(await store.read(['r'])).toEqual([undefined])
})

test('a connection that is closed for good is said to be so at once', async () => {
  await using client = connect()
  await using store = await openStore(client)
  await store.commit([{ set: [['r', '1']] }])
  client.disconnect()
  await expect.poll(() => client.status).toBe('end')
  await expect(store.commit([{ set: [['r', '2']] }])).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  await expect(store.read(['r'])).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', outcome: 'failed' })
})

/** What a server says, as the error of a client. */
const reply = (message: string): Error => Object.assign(new Error(message), { name: 'ReplyError' })

test.each([
  [
    "OOM allow-oom flag is not set on the script, can not run it when used memory > 'maxmemory'",
    'STORE_FULL',
    'failed',
  ],
  ["READONLY You can't write against a read only replica.", 'STORE_UNAVAILABLE', 'failed'],
  ['LOADING Redis is loading the dataset in memory', 'STORE_UNAVAILABLE', 'failed'],
  ['BUSY Redis is busy running a script. You can only call SCRIPT KILL', 'STORE_UNAVAILABLE', 'failed'],
  ['MASTERDOWN Link with MASTER is down', 'STORE_UNAVAILABLE', 'failed'],
  ['CLUSTERDOWN Hash slot not served', 'STORE_UNAVAILABLE', 'failed'],
  ['NOREPLICAS Not enough good replicas to write.', 'STORE_UNAVAILABLE', 'failed'],
  ['MISCONF Redis is configured to save RDB snapshots', 'STORE_FAILED', 'failed'],
  ['NOAUTH Authentication required.', 'STORE_FAILED', 'failed'],
  ["NOPERM this user has no permissions to run the 'evalsha' command", 'STORE_FAILED', 'failed'],
  ['MOVED 5798 127.0.0.1:7001', 'STORE_FAILED', 'failed'],
  ["ERR unknown command 'EVALSHA', with args beginning with: ", 'NOT_SUPPORTED', 'failed'],
  [
    "ERR Error compiling script (new function): user_script:1: unexpected symbol near '#'",
    'NOT_SUPPORTED',
    'failed',
  ],
  ['NOPERM this user has no permissions. script: 1f, on @user_script:33.', 'STORE_FAILED', 'unknown'],
  ['WRONGTYPE Operation against a key. script: 1f, on @user_script:33.', 'STORE_FAILED', 'unknown'],
])('%s is %s, %s', (message, code, outcome) => {
  expect(redisError('x', reply(message))).toMatchObject({ code, outcome })
})

test.each([
  ['Connection is closed.', 'unknown'],
  ['Command timed out', 'unknown'],
  ['read ECONNRESET', 'unknown'],
  ['Reached the max retries per request limit (which is 20).', 'unknown'],
  ["Stream isn't writeable and enableOfflineQueue options is false", 'failed'],
])('"%s" of a client is STORE_UNAVAILABLE, %s', (message, outcome) => {
  expect(redisError('x', new Error(message))).toMatchObject({ code: 'STORE_UNAVAILABLE', outcome })
})
