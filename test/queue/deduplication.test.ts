/** Deduplication: one job at a time, or one in a time, of those that have an id in common; every mode, and every way out. */
import { describe, expect, test } from 'vitest'
import { Queue } from 'holdfast'
import { type Stage, gate, stage } from '../stage/stage.ts'

const D = { id: 'd' }
const DEBOUNCE = { id: 'd', ttl: 1000, extend: true, replace: true }
const LAST = { id: 'd', keepLastIfActive: true }

const idsOf = ({ dump }: Stage): string[] =>
  [...dump().records.keys()].filter((id) => id.startsWith('dedup:'))

/** A worker whose handlers wait; what they were given, in order. */
function held(made: Stage) {
  const ran: unknown[] = []
  let hold = gate()
  made.worker(async (job) => {
    ran.push(job.data)
    await hold.promise
    if (job.data === 'fails') throw new Error('no')
  })
  const next = async (): Promise<void> => {
    hold.open()
    hold = gate()
    await made.host.idle()
  }
  return { ran, next }
}

describe('until the job ends', () => {
  test('the job that has the id is answered, unchanged, and said', async () => {
    const made = stage()
    const { queue } = made
    const said: unknown[] = []
    queue.on('deduplicated', (job, id) => said.push([job.id, job.data, id]))
    const first = await queue.add('n', 1, { deduplication: D })
    expect(first).toMatchObject({ deduplicated: false, deduplicationId: 'd', opts: { deduplication: D } })
    const again = await queue.add('m', 2, { deduplication: D, jobId: 'x' })
    expect(again).toMatchObject({ id: first.id, name: 'n', data: 1, deduplicated: true })
    expect(said).toEqual([[first.id, 1, 'd']])
    expect(await queue.count()).toBe(1)
    expect(await queue.getDeduplicationJobId('d')).toBe(first.id)
    expect(await queue.getDeduplicationJobId('e')).toBeNull()
  })

  test('a hundred at once make one job', async () => {
    const { queue } = stage()
    const jobs = await Promise.all(
      Array.from({ length: 100 }, (_, n) => queue.add('n', n, { deduplication: D })),
    )
    expect(new Set(jobs.map(({ id }) => id)).size).toBe(1)
    expect(await queue.count()).toBe(1)
  })

  test.each(['completes', 'fails', 'completes and is not kept'])('that is when it %s', async (how) => {
    const made = stage()
    const { queue } = made
    const { next } = held(made)
    const data = how === 'fails' ? 'fails' : 1
    const first = await queue.add('n', data, {
      deduplication: D,
      removeOnComplete: how === 'completes and is not kept',
      attempts: 2,
    })
    await made.host.idle()
    expect((await queue.add('n', 2, { deduplication: D })).id).toBe(first.id)
    await next()
    if (how === 'fails') {
      expect((await queue.add('n', 2, { deduplication: D })).id).toBe(first.id)
      await next()
    }
    expect(idsOf(made)).toEqual([])
    expect((await queue.add('n', 2, { deduplication: D })).id).not.toBe(first.id)
    await next()
  })

  test.each<[string, (made: Stage, id: string) => Promise<unknown>]>([
    ['removed', ({ queue }, id) => queue.remove(id)],
    ['drained', ({ queue }) => queue.drain()],
    ['cleaned', ({ queue }) => queue.clean(0, 0, 'waiting')],
    ['obliterated', ({ queue }) => queue.obliterate()],
    ['cancelled', ({ queue }, id) => queue.cancel(id)],
    ['removed by its handle', async ({ queue }, id) => (await queue.getJob(id))!.remove()],
  ])('or %s', async (_, remove) => {
    const made = stage()
    const first = await made.queue.add('n', 1, { deduplication: D })
    await made.queue.add('n', 1, { deduplication: { id: 'timed', ttl: 1000 } })
    await remove(made, first.id)
    expect(await made.queue.getDeduplicationJobId('d')).toBeNull()
    expect((await made.queue.add('n', 2, { deduplication: D })).deduplicated).toBe(false)
  })

  test('or removed by force while it runs', async () => {
    const made = stage()
    const { next } = held(made)
    const first = await made.queue.add('n', 1, { deduplication: D })
    await made.host.idle()
    await made.queue.remove(first.id, { force: true })
    expect(idsOf(made)).toEqual([])
    await next()
  })

  test('and a retry by hand does not take it back from another', async () => {
    const made = stage()
    const { queue } = made
    const { next, ran } = held(made)
    const first = await queue.add('n', 'fails', { deduplication: D })
    await made.host.idle()
    await next()
    const second = await queue.add('n', 2, { deduplication: D, delay: 60_000 })
    await (await queue.getJob(first.id))!.retry()
    await made.host.idle()
    await next()
    expect(ran).toEqual(['fails', 'fails'])
    expect(await queue.getDeduplicationJobId('d')).toBe(second.id)
  })
})

describe('with a ttl', () => {
  test('one job in a time, also past its end', async () => {
    const made = stage()
    const { host, queue } = made
    made.worker(() => 1)
    const opts = { deduplication: { id: 'd', ttl: 1000 }, removeOnComplete: true }
    const first = await queue.add('n', 1, opts)
    await host.advance(999)
    expect(await queue.add('n', 2, opts)).toMatchObject({ id: first.id, deduplicated: true })
    expect(await queue.getDeduplicationJobId('d')).toBe(first.id)
    await host.advance(1)
    expect((await queue.add('n', 3, opts)).deduplicated).toBe(false)
    await host.advance(1000)
    expect(idsOf(made)).toEqual([])
    expect(await queue.getDeduplicationJobId('d')).toBeNull()
  })

  test('a job that is removed before it ended gives its time back', async () => {
    const made = stage()
    const first = await made.queue.add('n', 1, { deduplication: { id: 'd', ttl: 1000 } })
    await first.remove()
    expect(idsOf(made)).toEqual([])
    expect((await made.queue.add('n', 1, { deduplication: { id: 'd', ttl: 1000 } })).deduplicated).toBe(false)
  })

  test('extend begins the time anew, whatever became of the job', async () => {
    const made = stage()
    const { host, queue } = made
    const { next } = held(made)
    const opts = { deduplication: { id: 'd', ttl: 1000, extend: true } }
    const first = await queue.add('n', 1, opts)
    const stays = async (): Promise<void> => {
      await host.advance(900)
      expect((await queue.add('n', 2, opts)).id).toBe(first.id)
    }
    await stays()
    await stays()
    await next()
    expect(await first.getState()).toBe('completed')
    await stays()
    await first.remove()
    await stays()
    await host.advance(1000)
    expect((await queue.add('n', 3, opts)).id).not.toBe(first.id)
    await next()
  })

  test('what was extended is given back with a job that waits', async () => {
    const made = stage()
    const { host, queue } = made
    const opts = { deduplication: { id: 'd', ttl: 1000, extend: true } }
    const first = await queue.add('n', 1, opts)
    await host.advance(500)
    await queue.add('n', 2, opts)
    await queue.remove(first.id)
    expect(idsOf(made)).toEqual([])
  })
})

describe('replace', () => {
  test('debounces: the delayed job becomes what was added last, and waits anew', async () => {
    const made = stage()
    const { host, queue } = made
    const ran: unknown[] = []
    made.worker((job) => void ran.push([job.name, job.data, job.tags]))
    const first = await queue.add('a', 1, { deduplication: DEBOUNCE, delay: 1000, tags: ['x', 'y'] })
    const big = 'b'.repeat(5000)
    for (const data of [2, big, 3]) {
      await host.advance(900)
      const again = await queue.add('b', data, { deduplication: DEBOUNCE, delay: 1000, tags: ['y', 'z'] })
      expect(again).toMatchObject({ id: first.id, data, deduplicated: true, delay: 1000, name: 'b' })
    }
    await host.advance(999)
    expect(ran).toEqual([])
    await host.advance(1)
    expect(ran).toEqual([['b', 3, ['y', 'z']]])
    expect((await queue.add('b', 4, { deduplication: DEBOUNCE, delay: 1000 })).deduplicated).toBe(false)
  })

  test('without extend the time goes on as it was', async () => {
    const made = stage()
    const { host, queue } = made
    const deduplication = { id: 'd', ttl: 1000, replace: true }
    const first = await queue.add('n', 1, { deduplication, delay: 5000 })
    await host.advance(900)
    expect((await queue.add('n', 2, { deduplication, delay: 5000 })).data).toBe(2)
    await host.advance(100)
    expect((await queue.add('n', 3, { deduplication, delay: 5000 })).id).not.toBe(first.id)
    expect(await queue.count()).toBe(2)
  })

  test('with no delay the job is due now; one that waits or runs stays what it is', async () => {
    const made = stage()
    const { host, queue } = made
    const deduplication = { id: 'd', replace: true }
    const first = await queue.add('n', 1, { deduplication, delay: 5000 })
    expect(await queue.add('n', 2, { deduplication, priority: 3 })).toMatchObject({ data: 2, priority: 3 })
    expect(await first.getState()).toBe('waiting')
    expect(await queue.add('n', 3, { deduplication })).toMatchObject({ id: first.id, data: 2 })
    const { next } = held(made)
    await host.idle()
    expect(await queue.add('n', 4, { deduplication })).toMatchObject({ id: first.id, data: 2 })
    await next()
  })

  test('a job that backs off has its attempts again, and keeps its lines and its history', async () => {
    const made = stage()
    const { host, queue } = made
    made.worker(async (job) => {
      await job.log(`line ${job.data}`)
      throw new Error('no')
    })
    const opts = { deduplication: { id: 'd', replace: true }, attempts: 2, backoff: 5000 }
    const first = await queue.add('n', 1, { ...opts, keepLogs: 5 })
    await host.advance(10)
    const again = await queue.add('n', 2, { ...opts, keepLogs: 2, delay: 1000 })
    expect(again).toMatchObject({ id: first.id, attemptsMade: 0, attemptsStarted: 1, data: 2 })
    await host.advance(20_000)
    const job = (await queue.getJob(first.id))!
    expect(job).toMatchObject({ attemptsMade: 2, failedReason: 'no' })
    expect(job.history).toHaveLength(3)
    expect((await job.getLogs()).logs).toEqual(['line 1', 'line 2', 'line 2'])
    await job.remove()
    expect(made.dump().records.size).toBe(0)
  })
})

describe('keepLastIfActive', () => {
  test('runs once more, with what was added last, after the one that runs has ended', async () => {
    const made = stage()
    const { host, queue } = made
    const { ran, next } = held(made)
    const first = await queue.add('n', 1, { deduplication: LAST })
    await host.idle()
    const second = await queue.add('n', 2, { deduplication: LAST })
    expect(second).toMatchObject({ deduplicated: false })
    expect(second.id).not.toBe(first.id)
    expect(await second.getState()).toBe('waiting-children')
    for (const data of ['x'.repeat(3000), 4]) {
      const again = await queue.add('n', data, { deduplication: LAST })
      expect(again).toMatchObject({ id: second.id, data, deduplicated: true })
    }
    expect(await queue.getDeduplicationJobId('d')).toBe(second.id)
    await host.advance(60_000)
    expect(ran).toEqual([1])
    await next()
    expect(ran).toEqual([1, 4])
    const third = await queue.add('n', 5, { deduplication: LAST })
    await next()
    await next()
    expect(ran).toEqual([1, 4, 5])
    expect(await third.getState()).toBe('completed')
    expect(idsOf(made)).toEqual([])
  })

  test('also where that fails for good, and not while it only backs off', async () => {
    const made = stage()
    const { host, queue } = made
    const { ran, next } = held(made)
    await queue.add('n', 'fails', { deduplication: LAST, attempts: 2, backoff: 1000 })
    await host.idle()
    await queue.add('n', 2, { deduplication: LAST })
    await next()
    await host.advance(999)
    expect(ran).toEqual(['fails'])
    await host.advance(1)
    await next()
    expect(ran).toEqual(['fails', 'fails', 2])
    await next()
  })

  test('its own delay counts from when it was added', async () => {
    const made = stage()
    const { host, queue } = made
    const { ran, next } = held(made)
    await queue.add('n', 1, { deduplication: LAST })
    await host.idle()
    await queue.add('n', 2, { deduplication: LAST, delay: 5000 })
    await next()
    await host.advance(4999)
    expect(ran).toEqual([1])
    await host.advance(1)
    expect(ran).toEqual([1, 2])
    await next()
  })

  test('the job that waits comes into line when the one that runs is removed by force', async () => {
    const made = stage()
    const { host, queue } = made
    const { ran, next } = held(made)
    const first = await queue.add('n', 1, { deduplication: LAST })
    await host.idle()
    await queue.add('n', 2, { deduplication: LAST })
    await queue.remove(first.id, { force: true })
    await next()
    expect(ran).toEqual([1, 2])
    await next()
  })

  test('or stalls for good with its process', async () => {
    const made = stage()
    const { host, queue } = made
    held(made)
    await queue.add('n', 1, { deduplication: LAST })
    await host.idle()
    await queue.add('n', 2, { deduplication: LAST })
    made.store.mood = 'failed'
    const after = stage({ content: made.content, host })
    const ran: unknown[] = []
    after.worker((job) => void ran.push(job.data), { maxStalledCount: 0 })
    await host.advance(60_000)
    expect(ran).toEqual([2])
    expect(await after.queue.getJobCounts('completed', 'failed')).toEqual({ completed: 1, failed: 1 })
  })

  test('obliterating goes on until all are gone', async () => {
    const made = stage()
    const { host, queue } = made
    const { next } = held(made)
    await queue.add('n', 1, { deduplication: LAST })
    await host.idle()
    await queue.add('n', 2, { deduplication: LAST, idempotencyKey: 'k' })
    await queue.obliterate({ force: true })
    expect([...made.dump().records.keys()]).toEqual([])
    await next()
  })

  test('a job that waits can be removed, and gives its id back', async () => {
    const made = stage()
    const { host, queue } = made
    const { ran, next } = held(made)
    await queue.add('n', 1, { deduplication: LAST })
    await host.idle()
    const second = await queue.add('n', 2, { deduplication: LAST })
    await second.remove()
    expect(idsOf(made)).toEqual([])
    await next()
    expect(ran).toEqual([1])
  })

  test('a job that waits can be cancelled, and so can the one that runs', async () => {
    const made = stage()
    const { host, queue } = made
    const { ran, next } = held(made)
    const first = await queue.add('n', 1, { deduplication: LAST })
    await host.idle()
    const second = await queue.add('n', 2, { deduplication: LAST })
    await queue.cancel(second.id)
    expect(await second.getState()).toBe('failed')
    const third = await queue.add('n', 3, { deduplication: LAST, removeOnFail: true })
    expect(third.deduplicated).toBe(false)
    await queue.cancel(first.id)
    await next()
    await next()
    expect(ran).toEqual([1, 3])
    expect(idsOf(made)).toEqual([])
  })

  test('waits for no job that ends in between, whose id runs on', async () => {
    const made = stage()
    const { host, queue, store } = made
    const { ran, next } = held(made)
    const first = await queue.add('n', 1, { deduplication: { id: 'd', ttl: 60_000 } })
    await host.idle()
    store.moodOf = (changes) =>
      changes.some(({ add = [] }) => add.some(([lane]) => lane === 'blocked:q')) ? 'hung' : 'well'
    const adding = queue.add('n', 2, { deduplication: LAST })
    await host.idle()
    await next()
    store.moodOf = () => 'well'
    store.release()
    expect(await adding).toMatchObject({ id: first.id, deduplicated: true })
    expect(ran).toEqual([1])
    expect(await queue.count()).toBe(0)
  })

  test('waits for no job that only has the name of the one that had the id', async () => {
    const made = stage()
    const { host, queue } = made
    const { ran, next } = held(made)
    await queue.add('n', 1, { deduplication: { id: 'd', ttl: 60_000 }, jobId: 'j', removeOnComplete: true })
    await host.idle()
    await next()
    await queue.add('n', 'other', { jobId: 'j' })
    await host.idle()
    expect(await queue.add('n', 2, { deduplication: LAST })).toMatchObject({ id: 'j', deduplicated: true })
    await next()
    expect(ran).toEqual([1, 'other'])
    expect(await queue.count()).toBe(0)
  })
})

describe('taking an id away', () => {
  test('by the queue or by the job that has it; the job stays', async () => {
    const made = stage()
    const { queue } = made
    const first = await queue.add('n', 1, { deduplication: D })
    expect(await queue.removeDeduplicationKey('d')).toBe(1)
    expect(await queue.removeDeduplicationKey('d')).toBe(0)
    const second = await queue.add('n', 2, { deduplication: { id: 'd', ttl: 1000 } })
    expect(await first.removeDeduplicationKey()).toBe(false)
    expect(await second.removeDeduplicationKey()).toBe(true)
    expect(await (await queue.add('n', 3)).removeDeduplicationKey()).toBe(false)
    expect(await queue.count()).toBe(3)
    expect(made.dump().lanes.get('lapse:q') ?? []).toEqual([])
  })

  test('that has lapsed and was not swept yet takes it from nobody', async () => {
    const made = stage()
    const { host, queue } = made
    await queue.add('n', 1, { deduplication: { id: 'd', ttl: 1000 } })
    await host.advance(1000)
    expect(await queue.removeDeduplicationKey('d')).toBe(0)
    expect(made.dump().lanes.get('lapse:q') ?? []).toEqual([])
  })

  test('in a handler lets the next one in while it runs', async () => {
    const made = stage()
    const { host, queue } = made
    made.worker((job) => job.removeDeduplicationKey())
    await queue.add('n', 1, { deduplication: { id: 'd', ttl: 60_000 } })
    await host.idle()
    expect((await queue.add('n', 2, { deduplication: { id: 'd', ttl: 60_000 } })).deduplicated).toBe(false)
  })

  test('from one that another waits for loses nothing', async () => {
    const made = stage()
    const { host, queue } = made
    const { ran, next } = held(made)
    await queue.add('n', 1, { deduplication: LAST })
    await host.idle()
    await queue.add('n', 2, { deduplication: LAST })
    await queue.removeDeduplicationKey('d')
    await next()
    expect(ran).toEqual([1, 2])
    await next()
  })
})

describe('in a bulk', () => {
  test.each([
    ['of one unit', 10],
    ['of several units', 900],
  ])('%s each id gives one job; what changes one comes last', async (_, count) => {
    const made = stage()
    const { queue } = made
    const first = await queue.add('n', 'first', { deduplication: { id: 'i0', replace: true }, delay: 1000 })
    const jobs = await queue.addBulk(
      Array.from({ length: count }, (_, n) => ({
        name: 'n',
        data: n,
        opts: { deduplication: { id: `i${n >> 1}`, replace: true }, delay: 1000 },
      })),
    )
    expect(jobs[0]!.id).toBe(first.id)
    expect(new Set(jobs.map(({ id }) => id)).size).toBe(count / 2)
    const kept = await queue.getDelayed(0, -1)
    expect(kept.map(({ data }) => data as number).sort((a, b) => a - b)).toEqual(
      Array.from({ length: count / 2 }, (_, n) => n * 2 + 1),
    )
  })
})

test('with an idempotency key: the same again is the job it was, though that has ended since', async () => {
  const made = stage()
  const { host, queue } = made
  const { next } = held(made)
  const first = await queue.add('n', 1, { deduplication: D })
  await host.idle()
  const joined = await queue.add('n', 2, { deduplication: D, idempotencyKey: 'k' })
  expect(joined).toMatchObject({ id: first.id, deduplicated: true })
  await next()
  expect(await queue.add('n', 2, { deduplication: D, idempotencyKey: 'k' })).toMatchObject({ id: first.id })
})

test('ids of one queue are not another one’s, and hostile ones are none but themselves', async () => {
  const { queue, store } = stage()
  const other = new Queue('q:d', { store })
  const jobs = [
    await queue.add('n', 1, { deduplication: { id: 'd:e' } }),
    await other.add('n', 1, { deduplication: { id: 'e' } }),
    await queue.add('n', 1, { deduplication: { id: 'd/e %3A' } }),
    await queue.add('n', 1, { deduplication: { id: 'd%3Ae' } }),
  ]
  expect(jobs.every(({ deduplicated }) => !deduplicated)).toBe(true)
  expect(await queue.getDeduplicationJobId('d/e %3A')).toBe(jobs[2]!.id)
})

test('an id whose job is damaged is free again', async () => {
  const { host, queue, content, worker } = stage({ sound: false })
  const first = await queue.add('n', 1, { deduplication: D })
  content.records.set(`q:${first.id}`, 'j1??????broken')
  worker(() => 1)
  await host.idle()
  expect(await queue.add('n', 2, { deduplication: D })).toMatchObject({ deduplicated: false, data: 2 })
})

test('what an option may be', async () => {
  const { queue } = stage()
  for (const [field, value] of [
    ['deduplication', 'd'],
    ['deduplication.id', {}],
    ['deduplication.id', { id: '' }],
    ['deduplication.ttl', { id: 'd', ttl: 0 }],
    ['deduplication.ttl', { id: 'd', extend: true }],
    ['deduplication.replace', { id: 'd', replace: 1 }],
    ['mode', { id: 'd', mode: 1 }],
  ] as const) {
    await expect(queue.add('n', 1, { deduplication: value as never })).rejects.toMatchObject({
      code: 'OPTION_INVALID',
      message: expect.stringContaining(field),
    })
  }
})
