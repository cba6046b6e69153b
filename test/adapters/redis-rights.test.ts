/** The user whose rights the README lists can do all a store does, in its namespace and nowhere else. */
import { readFileSync } from 'node:fs'
import { Queue, Worker } from 'holdfast'
import { virtualHost } from 'holdfast/testing'
import { expect, test } from 'vitest'
import { redisStore } from '../../adapters/redis.ts'
import { startServer } from '../redis/server.ts'
import { connect } from './redis-stage.ts'

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')

/** The rules of the user, as the README has them. */
function rules(): string[] {
  const [, , template] = /```\nuser (\S+) ([^`]+)```/.exec(readme)!
  return template!.trim().split(/\s+/)
}

test.each([
  ['as it is', (rule: string) => [rule]],
  ['without CONFIG', (rule: string) => (rule.startsWith('+config') ? [] : [rule])],
])('the template %s', async (_, keep) => {
  await using server = await startServer()
  await using admin = connect(server.url)
  const granted = rules().flatMap(keep)
  await admin.call('ACL', ['SETUSER', 'holdfast', ...granted])
  await using client = connect(server.url, { username: 'holdfast', password: 'password' })
  const host = virtualHost()
  await using store = redisStore(client, { durability: 'memory' })
  const queue = new Queue('q', { store })
  const worker = new Worker('q', async (job) => job.data, { store, concurrency: 3 })
  worker.on('error', (error) => expect(error).toBeUndefined())
  await queue.addBulk(Array.from({ length: 10 }, (__, n) => ({ name: 'n', data: { n } })))
  await queue.add('late', {}, { delay: 50 })
  await expect.poll(async () => (await queue.getJobCounts()).completed).toBe(11)
  expect(await queue.getCompleted()).toHaveLength(11)
  await worker.close()
  await queue.clean(0)
  await queue.obliterate()
  await store.commit([{ append: [['log', 'x']] }])
  await store.commit([{ expect: { present: [['l', 'a']], size: [[{ lane: 'l', from: 'a' }, 0, 0]] } }])
  await store.scan([{ lane: 'l', limit: 1, descending: true }])
  const used = String(await admin.info('commandstats'))
  const commands = granted.filter((rule) => rule.startsWith('+')).map((rule) => rule.slice(1))
  expect(commands.filter((command) => !used.includes(`cmdstat_${command}:`))).toEqual([])
  await using elsewhere = redisStore(client, { namespace: 'other', durability: 'memory', host })
  await expect(elsewhere.ready()).rejects.toMatchObject({ code: 'STORE_FAILED' })
  await expect(client.get('foreign')).rejects.toThrow('NOPERM')
  await expect(client.flushall()).rejects.toThrow('NOPERM')
})

test('a user who lacks any of the rights is told so before anything is written', async () => {
  await using server = await startServer()
  await using admin = connect(server.url)
  // What the client itself needs, what is asked at first use of it, and what may be left out.
  const later = ['+info', '+subscribe', '+unsubscribe', '+config|get', '+evalsha', '+eval']
  const needed = rules().filter((rule) => rule.startsWith('+') && !later.includes(rule))
  expect(needed.length).toBeGreaterThan(15)
  for (const lacking of needed) {
    await admin.flushall()
    await admin.call('ACL', ['DELUSER', 'holdfast'])
    await admin.call('ACL', ['SETUSER', 'holdfast', ...rules().filter((rule) => rule !== lacking)])
    await using client = connect(server.url, { username: 'holdfast', password: 'password' })
    await using store = redisStore(client, { durability: 'memory' })
    const refused = { code: 'STORE_FAILED', message: expect.stringContaining('see the ACL') }
    await expect(store.commit([{ add: [['l', 'a']] }]), lacking).rejects.toMatchObject(refused)
    expect(await admin.exists('{holdfast}:lane:l', '{holdfast}:records'), lacking).toBe(0)
  }
})
