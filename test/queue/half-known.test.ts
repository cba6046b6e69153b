/** What a queue says when its store fails, or others are faster, between two calls of one operation. */
import { HoldfastError, type JobOptions, Queue, type Store, Worker } from 'holdfast'
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

test.each<[string, JobOptions, 'failed' | 'unknown']>([
  ['replaced', { deduplication: { id: 'd', replace: true } }, 'unknown'],
  ['given its id for longer', { deduplication: { id: 'd', ttl: 5000, extend: true } }, 'unknown'],
  ['given a key by its deduplication id', { deduplication: { id: 'd' }, idempotencyKey: 'k' }, 'unknown'],
  ['given a key by its own id', { jobId: 'first', idempotencyKey: 'k' }, 'unknown'],
  ['met and left as it is', { deduplication: { id: 'd' } }, 'failed'],
])('a job that was %s, and cannot be looked at then', async (_, options, outcome) => {
  const inner = memoryStore({ host: virtualHost() })
  const before = { jobId: 'first', delay: 1000, deduplication: { id: 'd', ttl: 1000 } }
  await new Queue('q', { store: inner }).add('a', 1, before)
  let isWritten = false
  const store = overStore(inner, {
    commit: async (changes) => {
      const results = await inner.commit(changes)
      isWritten ||= results.some((result) => result !== false)
      return results
    },
    // Of one that is left as it is the head was looked at already.
    read: async (ids) =>
      isWritten || (outcome === 'failed' && ids[0] === 'q:first')
        ? Promise.reject(failure())
        : inner.read(ids),
  })
  const adding = new Queue('q', { store }).add('a', 2, options)
  await expect(adding).rejects.toMatchObject({ code: 'STORE_FAILED', outcome })
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

test('a count into which a bulk comes sees all of it', async () => {
  const inner = memoryStore({ host: virtualHost() })
  const bulk = Array.from({ length: 1000 }, () => ({ name: 'a', data: {} }))
  let part = (): void => {}
  const parted = new Promise<void>((resolve) => (part = resolve))
  let moves = 0
  const producing = overStore(inner, {
    commit: (changes) => {
      if (!changes.some(({ move }) => move?.from.lane.startsWith('bulk-ready')) || ++moves < 2)
        return inner.commit(changes)
      part()
      return new Promise(() => {})
    },
  })
  let looks = 0
  const looking = overStore(inner, {
    count: async (spans) => {
      if (looks++ === 0) {
        void new Queue('q', { store: producing }).addBulk(bulk)
        await parted
      }
      return inner.count(spans)
    },
  })
  expect(await new Queue('q', { store: looking }).getJobCounts('waiting')).toEqual({ waiting: 1000 })
})

test('an obliteration without force leaves a job alone that began although the queue was paused for it', async () => {
  const inner = memoryStore({ host: virtualHost() })
  const queue = new Queue('q', { store: inner })
  await queue.add('a', {})
  const worker = new Worker('q', null, { store: inner })
  let taken: Awaited<ReturnType<typeof worker.getNextJob>>
  const store = overStore(inner, {
    count: async (spans) => {
      const counts = await inner.count(spans)
      if (taken === undefined) {
        await queue.resume()
        taken = await worker.getNextJob()
      }
      return counts
    },
  })
  await expect(new Queue('q', { store }).obliterate()).rejects.toMatchObject({ code: 'STORE_CONTENDED' })
  await taken!.moveToCompleted('done')
  await worker.close()
})

test('data that are replaced while their job is retried are not put back', async () => {
  const inner = memoryStore({ host: virtualHost() })
  const queue = new Queue('q', { store: inner })
  await queue.add('a', { n: 1 }, { jobId: 'a', removeOnComplete: false })
  const worker = new Worker('q', null, { store: inner })
  await (await worker.getNextJob())!.moveToCompleted('done')
  const other = (await queue.getJob('a'))!
  const store = meanwhile(inner, () => other.updateData({ n: 2 }))
  await new Queue('q', { store }).retryJobs({ state: 'completed' })
  const job = (await queue.getJob('a'))!
  expect([await job.getState(), job.data]).toEqual(['waiting', { n: 2 }])
  await worker.close()
})

test('a priority that is changed while data are replaced stays', async () => {
  const inner = memoryStore({ host: virtualHost() })
  const queue = new Queue('q', { store: inner })
  await queue.add('a', { n: 1 }, { jobId: 'a' })
  const other = (await queue.getJob('a'))!
  const racing = new Queue('q', { store: meanwhile(inner, () => other.changePriority({ priority: 5 })) })
  await (await racing.getJob('a'))!.updateData({ n: 2 })
  const now = (await queue.getJob('a'))!
  expect([now.priority, now.data]).toEqual([5, { n: 2 }])
})

/** A store on which something else happens right before the first commit that writes the head of the job `a`. */
function meanwhile(inner: Store, happens: () => Promise<unknown>): Store {
  let happened = false
  return overStore(inner, {
    commit: async (changes) => {
      const isChange = changes.some(({ set }) => set?.some(([id]) => id === 'q:a'))
      if (isChange && !happened) {
        happened = true
        await happens()
      }
      return inner.commit(changes)
    },
  })
}
