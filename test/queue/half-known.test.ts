/** What a queue says when its store fails, or others are faster, between two calls of one operation. */
import { HoldfastError, Queue, Worker } from 'holdfast'
import { MemoryContent, memoryStore } from 'holdfast/memory'
import { virtualHost } from 'holdfast/testing'
import { expect, test } from 'vitest'
import { overStore } from '../faults/over-store.ts'

const failure = (): HoldfastError => new HoldfastError('STORE_FAILED', 'the disk is gone')

test('a bulk of which jobs were added does not say that nothing was', async () => {
  const inner = memoryStore({ host: virtualHost() })
  const queue = new Queue('q', {
    store: overStore(inner, { read: async () => Promise.reject(failure()) }),
  })
  const bulk = [
    { name: 'a', data: {}, opts: { jobId: 'new' } },
    { name: 'a', data: {}, opts: { jobId: 'new' } },
  ]
  await expect(queue.addBulk(bulk)).rejects.toMatchObject({ code: 'STORE_FAILED', outcome: 'unknown' })
  expect(await new Queue('q', { store: inner }).getJobCounts('waiting')).toEqual({ waiting: 1 })
  await expect(queue.addBulk(bulk)).rejects.toMatchObject({ code: 'STORE_FAILED', outcome: 'failed' })
})

test('a job that is removed while it is read is gone, not without data', async () => {
  const inner = memoryStore({ host: virtualHost() })
  const queue = new Queue('q', { store: inner })
  const data = { text: 'x'.repeat(5000) }
  await queue.add('a', data, { jobId: 'a' })
  await queue.add('a', data, { jobId: 'b' })
  let removals = 0
  const store = overStore(inner, {
    read: async (ids) => {
      const records = await inner.read(ids)
      if (ids[0] === 'q:a' && removals++ === 0) await queue.remove('a')
      return records
    },
  })
  expect(await new Queue('q', { store }).getJob('a')).toBeUndefined()
  expect((await new Queue('q', { store }).getJob('b'))?.data).toEqual(data)
})

test('settings that cannot be read stop a worker until they are written anew', async () => {
  const host = virtualHost()
  const content = new MemoryContent()
  const store = memoryStore({ host, content })
  const queue = new Queue('q', { store })
  await queue.pause()
  content.records.set('queue:q:config', `${content.records.get('queue:q:config')}!`)
  let runs = 0
  const worker = new Worker('q', () => runs++, { store })
  const errors: unknown[] = []
  worker.on('error', (error) => errors.push(error))
  await queue.add('a', {})
  await host.advance(1000)
  expect(errors[0]).toMatchObject({
    code: 'STORE_CORRUPT',
    message:
      'the settings of the queue q cannot be read (the checksum does not match the record): its pause() or resume() writes them anew',
  })
  await expect(queue.isPaused()).rejects.toMatchObject({ code: 'STORE_CORRUPT' })
  expect(runs).toBe(0)
  await queue.resume()
  await host.advance(20_000)
  expect(runs).toBe(1)
  await worker.close()
})
