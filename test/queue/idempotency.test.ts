/** Idempotency keys: the same again gives the job there was, whatever became of it, until the key's time is over and the job ended. */
import { describe, expect, test } from 'vitest'
import { type Stage, gate, stage } from '../stage/stage.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

const keysOf = ({ dump }: Stage): string[] =>
  [...dump().records.keys()].filter((id) => id.startsWith('idem:'))

test('the same again gives the job there was; another name or other data is a conflict', async () => {
  const { queue, dump } = stage()
  const first = await queue.add('charge', { order: 7, of: 'ada' }, { idempotencyKey: 'order/7' })
  expect(first).toMatchObject({ deduplicated: false, opts: { idempotencyKey: 'order/7' } })
  const before = JSON.stringify([...dump().records])
  const again = await queue.add('charge', { of: 'ada', order: 7 }, { idempotencyKey: 'order/7', delay: 5 })
  expect(again).toMatchObject({ id: first.id, deduplicated: true, data: { order: 7 }, delay: 0 })
  for (const [name, data] of [
    ['charge', { order: 8 }],
    ['refund', { order: 7, of: 'ada' }],
  ] as const) {
    await expect(queue.add(name, data, { idempotencyKey: 'order/7' })).rejects.toMatchObject({
      code: 'IDEMPOTENCY_CONFLICT',
      outcome: 'failed',
    })
  }
  expect(JSON.stringify([...dump().records])).toBe(before)
  expect((await queue.add('charge', { order: 8 }, { idempotencyKey: 'order/8' })).deduplicated).toBe(false)
})

test('a hundred adds at once make one job', async () => {
  const { queue } = stage()
  const adds = Array.from({ length: 100 }, () => queue.add('n', { a: 1 }, { idempotencyKey: 'k' }))
  const jobs = await Promise.all(adds)
  expect(new Set(jobs.map(({ id }) => id)).size).toBe(1)
  expect(jobs.filter(({ deduplicated }) => !deduplicated)).toHaveLength(1)
  expect(await queue.count()).toBe(1)
})

test('plain additions cost nothing more', async () => {
  const { queue, store } = stage()
  await queue.add('n', 1)
  const before = store.calls
  await queue.add('n', 1)
  expect(store.calls - before).toBe(1)
  const keyed = await queue.add('n', 1, { idempotencyKey: 'k' })
  expect(store.calls - before).toBe(2)
  expect(keyed.deduplicated).toBe(false)
})

describe('a key', () => {
  test('outlives its job, and then gives its id alone', async () => {
    const { host, queue, worker } = stage()
    worker(() => 1)
    const opts = { idempotencyKey: 'k', removeOnComplete: true }
    const first = await queue.add('n', 1, opts)
    await host.idle()
    expect(await queue.getJob(first.id)).toBeUndefined()
    expect(await queue.add('n', 1, opts)).toMatchObject({ id: first.id, deduplicated: true, name: '' })
    await expect(queue.add('n', 2, opts)).rejects.toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' })
    const removed = await queue.add('n', 1, { idempotencyKey: 'other', delay: HOUR })
    await queue.remove(removed.id)
    expect((await queue.add('n', 1, { idempotencyKey: 'other' })).id).toBe(removed.id)
  })

  test('is forgotten after its time, at once where it is used again, else by a worker', async () => {
    const made = stage()
    const { host, queue, worker } = made
    worker(() => 1)
    const add = (idempotencyKey: string, idempotencyKeyTTL?: number) =>
      queue.add('n', 1, { idempotencyKey, idempotencyKeyTTL })
    const [short, long] = [await add('short', 5000), await add('long')]
    await host.advance(4999)
    expect((await add('short', 5000)).id).toBe(short.id)
    await host.advance(1)
    expect((await add('short', 5000)).id).not.toBe(short.id)
    expect(keysOf(made)).toHaveLength(2)
    await host.advance(5000)
    expect(keysOf(made)).toEqual(['idem:q:long'])
    expect((await add('long')).id).toBe(long.id)
    await host.advance(DAY)
    expect(keysOf(made)).toEqual([])
  })

  test('needs no worker to be forgotten', async () => {
    const { host, queue } = stage()
    const first = await queue.add('n', 1, { idempotencyKey: 'k', idempotencyKeyTTL: 10 })
    await queue.remove(first.id)
    await host.advance(10)
    expect(await queue.add('n', 2, { idempotencyKey: 'k' })).toMatchObject({ deduplicated: false, data: 2 })
  })

  test('is never forgotten while its job lives: delayed, running, retrying', async () => {
    const made = stage()
    const { host, queue, worker } = made
    const hold = gate()
    const opts = { idempotencyKey: 'k', idempotencyKeyTTL: 1000, attempts: 2, backoff: 3 * HOUR }
    worker(async () => {
      await hold.promise
      throw new Error('no')
    })
    const first = await queue.add('n', 1, { ...opts, delay: 2 * DAY })
    await host.advance(2 * DAY - 1)
    expect((await queue.add('n', 1, opts)).id).toBe(first.id)
    await host.advance(HOUR)
    expect(await first.getState()).toBe('active')
    expect((await queue.add('n', 1, opts)).id).toBe(first.id)
    await expect(queue.add('n', 2, opts)).rejects.toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' })
    hold.open()
    await host.advance(2 * HOUR)
    expect(await first.getState()).toBe('delayed')
    expect((await queue.add('n', 1, opts)).id).toBe(first.id)
    await host.advance(2 * HOUR)
    expect(await first.getState()).toBe('failed')
    expect((await queue.add('n', 1, opts)).id).not.toBe(first.id)
  })

  test('goes with its queue', async () => {
    const made = stage()
    await made.queue.add('n', 1, { idempotencyKey: 'k' })
    await made.queue.obliterate()
    expect(keysOf(made)).toEqual([])
    expect((await made.queue.add('n', 2, { idempotencyKey: 'k' })).deduplicated).toBe(false)
  })

  test('and an id together: the key is asked first', async () => {
    const { queue } = stage()
    const first = await queue.add('n', 1, { idempotencyKey: 'k', jobId: 'a' })
    expect(await queue.add('n', 1, { idempotencyKey: 'k', jobId: 'b' })).toMatchObject({ id: first.id })
    expect(await queue.add('n', 2, { idempotencyKey: 'new', jobId: 'a' })).toMatchObject({ id: 'a', data: 1 })
    expect(await queue.add('n', 2, { idempotencyKey: 'new' })).toMatchObject({ id: 'a', deduplicated: true })
    await expect(queue.add('n', 1, { idempotencyKey: 'new' })).rejects.toMatchObject({
      code: 'IDEMPOTENCY_CONFLICT',
    })
    expect(await queue.count()).toBe(1)
  })

  test('given with an id that exists is kept as any other, also where a bulk brings it', async () => {
    const made = stage()
    const { host, queue } = made
    await queue.addBulk(['a', 'b'].map((jobId) => ({ name: 'n', data: 1, opts: { jobId } })))
    const opts = (idempotencyKey: string) => ({ idempotencyKey, idempotencyKeyTTL: 1000 })
    await queue.addBulk([
      { name: 'n', data: 1, opts: { jobId: 'new' } },
      { name: 'n', data: 1, opts: { jobId: 'a', ...opts('k') } },
    ])
    expect((await queue.add('n', 1, opts('k'))).id).toBe('a')
    // Its time begins with it, and it holds for as long as that job lives.
    await host.advance(2000)
    expect((await queue.add('n', 1, opts('k'))).id).toBe('a')
    await queue.remove('a')
    const taken = await queue.add('n', 1, { jobId: 'b', ...opts('k') })
    expect([taken.id, taken.deduplicated]).toEqual(['b', true])
    expect((await queue.add('n', 1, opts('k'))).id).toBe('b')
    expect(keysOf(made)).toHaveLength(1)
  })

  test('is not held up by another job that has the id of its own', async () => {
    const made = stage()
    const { host, queue, worker } = made
    const opts = { idempotencyKey: 'k', idempotencyKeyTTL: 1000 }
    await queue.add('n', 1, { jobId: 'a', ...opts })
    await queue.remove('a')
    await host.advance(10)
    await queue.add('n', 'another', { jobId: 'a', delay: DAY })
    expect((await queue.add('n', 1, opts)).id).toBe('a')
    await host.advance(990)
    const next = await queue.add('n', 1, opts)
    expect(next).toMatchObject({ deduplicated: false })
    await queue.remove(next.id)
    worker(() => 1)
    await host.advance(2000)
    expect(keysOf(made)).toEqual([])
  })

  test('that cannot be read says so, and adds nothing', async () => {
    const { queue, content } = stage({ sound: false })
    await queue.add('n', 1, { idempotencyKey: 'k' })
    content.records.set('idem:q:k', 'j1??????broken')
    await expect(queue.add('n', 1, { idempotencyKey: 'k' })).rejects.toMatchObject({ code: 'STORE_CORRUPT' })
    expect(await queue.count()).toBe(1)
  })
})

describe('in a bulk', () => {
  const bulk = (count: number, key: (n: number) => string | undefined, pad = '') =>
    Array.from({ length: count }, (_, n) => ({
      name: 'n',
      data: { pad },
      opts: { idempotencyKey: key(n), idempotencyKeyTTL: 1000 },
    }))

  test.each([
    ['of one unit', 6],
    ['of several units', 900],
  ])('%s keys that exist, or come twice, give one job', async (_, count) => {
    const { queue } = stage()
    const first = await queue.add('n', { pad: '' }, { idempotencyKey: 'k0' })
    const jobs = await queue.addBulk(bulk(count, (n) => `k${n >> 1}`))
    expect(jobs[0]!.id).toBe(first.id)
    jobs.forEach(({ id }, n) => expect(id).toBe(jobs[n & ~1]!.id))
    expect(new Set(jobs.map(({ id }) => id)).size).toBe(count / 2)
    expect(await queue.count()).toBe(count / 2)
  })

  test.each([
    ['of one unit', 6],
    ['of several units', 900],
  ])('%s a conflict adds nothing', async (_, count) => {
    const made = stage()
    const { queue, dump } = made
    await queue.add('n', 'other', { idempotencyKey: `k${count - 1}` })
    const before = [...dump().records.keys()].sort()
    await expect(queue.addBulk(bulk(count, (n) => `k${n}`))).rejects.toMatchObject({
      code: 'IDEMPOTENCY_CONFLICT',
      outcome: 'failed',
    })
    expect([...dump().records.keys()].sort()).toEqual(before)
    const twice = [
      { name: 'n', data: 1, opts: { idempotencyKey: 'x' } },
      { name: 'n', data: 2, opts: { idempotencyKey: 'x' } },
    ]
    await expect(queue.addBulk(twice)).rejects.toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' })
    expect([...dump().records.keys()].sort()).toEqual(before)
  })

  test('as many lapsed keys as a unit held are taken over, though they do not fit one', async () => {
    const { host, queue } = stage()
    const first = await queue.addBulk(bulk(190, (n) => `k${n}`, 'x'.repeat(600)))
    await queue.drain()
    await host.advance(1000)
    const again = await queue.addBulk(bulk(190, (n) => `k${n}`, 'x'.repeat(600)))
    expect(again.every(({ deduplicated }) => !deduplicated)).toBe(true)
    expect(new Set([...first, ...again].map(({ id }) => id)).size).toBe(380)
    expect(await queue.count()).toBe(190)
  })
})

test('what an option may be', async () => {
  const { queue } = stage()
  for (const [option, value] of [
    ['idempotencyKey', ''],
    ['idempotencyKey', 'x'.repeat(257)],
    ['idempotencyKey', 7],
    ['idempotencyKeyTTL', 0],
    ['idempotencyKeyTTL', 1.5],
  ] as const) {
    await expect(queue.add('n', 1, { [option]: value })).rejects.toMatchObject({
      code: 'OPTION_INVALID',
      message: expect.stringContaining(option),
    })
  }
})
