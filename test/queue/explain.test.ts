/** Why a job is not running: each cause as data and as a sentence, and which workers there are. */
import { UnrecoverableError, Worker } from 'holdfast'
import { MemoryContent, memoryStore } from 'holdfast/memory'
import { virtualHost } from 'holdfast/testing'
import { describe, expect, test } from 'vitest'
import { Queue } from 'holdfast'
import { openLedger } from '../../src/ledger/ledger.ts'
import { beginBulk, planBulk } from '../../src/ledger/bulk.ts'
import { overStore } from '../faults/over-store.ts'
import { gate, stage } from '../stage/stage.ts'

const causesOf = async ({ queue }: ReturnType<typeof stage>, id = 'j') =>
  (await queue.explain(id)).causes.map(({ cause }) => cause)

describe('the sentence', () => {
  test('for an id that is not there', async () => {
    const { queue } = stage()
    expect(await queue.explain('j')).toEqual({
      id: 'j',
      state: 'unknown',
      causes: [{ cause: 'unknown' }],
      sentence: 'Job j is unknown: there is no such job: it was not added, or was removed since.',
    })
  })

  test('for the id of a schedule', async () => {
    const { queue, worker, host } = stage()
    await queue.upsertJobScheduler('j', { every: 60_000, offset: 30_000 })
    const { next } = (await queue.getJobScheduler('j'))!
    const at = (ms: number): string => new Date(ms).toISOString()
    expect((await queue.explain('j')).sentence).toBe(
      `Job j is unknown: it is a schedule, next run at ${at(next!)}, not run so far, 0 missed runs.`,
    )
    worker(() => 1)
    await host.advance(next! - host.wall() + 1)
    expect((await queue.explain('j')).sentence).toBe(
      `Job j is unknown: it is a schedule, next run at ${at(next! + 60_000)}, last run at ${at(next!)}, 0 missed runs.`,
    )
    await queue.obliterate()
  })

  test('for a job of a bulk that is being stored', async () => {
    const { queue, store, content } = stage()
    const ledger = openLedger(store, 'q')
    await beginBulk(ledger, planBulk(ledger, 'B'))
    await queue.add('n', 1, { jobId: 'j' })
    const raw = content.records.get('q:j')!
    const { decodeHead, encodeHead } = await import('../../src/core/head.ts')
    content.records.set('q:j', encodeHead({ ...decodeHead(raw), bulk: 'B' }))
    expect((await queue.explain('j')).sentence).toBe(
      'Job j is unknown: it belongs to a bulk that is still being stored.',
    )
    content.records.set('q:j', raw)
  })

  test('for a job that waits behind others, with no worker', async () => {
    const made = stage()
    await made.queue.addBulk(['a', 'b', 'j'].map((jobId) => ({ name: 'n', data: 1, opts: { jobId } })))
    expect(await made.queue.explain('j')).toEqual({
      id: 'j',
      state: 'waiting',
      causes: [{ cause: 'no-worker' }, { cause: 'behind', jobs: 2, orMore: false }],
      sentence: 'Job j is waiting: no worker of this queue is there; 2 jobs are before it.',
    })
    expect((await made.queue.explain('b')).sentence).toContain('1 job is before it')
    expect(await causesOf(made, 'a')).toEqual(['no-worker'])
  })

  test('for a job that is next', async () => {
    const made = stage()
    const w = made.worker(() => 1)
    await w.pause()
    await made.queue.add('n', 1, { jobId: 'j' })
    await made.host.idle()
    expect((await made.queue.explain('j')).sentence).toBe(
      'Job j is waiting: it is next: a worker that has a free slot takes it.',
    )
  })

  test('for a job behind more than it counts', async () => {
    const { queue } = stage()
    await queue.addBulk(Array.from({ length: 1001 }, () => ({ name: 'n', data: 1 })))
    await queue.add('n', 1, { jobId: 'j' })
    expect((await queue.explain('j')).sentence).toContain('1000 or more jobs are before it')
  })

  test('for a dead letter', async () => {
    const { queue, store, host, worker } = stage()
    const letters = new Queue('dead', { store })
    await queue.add('n', 1, { jobId: 'j', deadLetter: 'dead' })
    worker(() => Promise.reject(new Error('no')))
    await host.idle()
    const at = new Date(host.wall()).toISOString()
    expect((await letters.explain('q:j')).sentence).toBe(
      `Job q:j is waiting: no worker of this queue is there; it is the dead letter of job j of q, which failed for good at ${at} with ATTEMPTS_EXHAUSTED.`,
    )
  })

  test('for a job that was cancelled, that expires, and that expired', async () => {
    const { queue, host, worker } = stage()
    const at = (ms: number): string => new Date(host.wall() + ms).toISOString()
    await queue.add('n', 1, { jobId: 'c' })
    await queue.cancel('c', 'not wanted')
    expect((await queue.explain('c')).sentence).toBe(
      `Job c is failed: it failed for good at ${at(0)} with CANCELLED: not wanted.`,
    )
    await queue.add('n', 1, { jobId: 'e', ttl: 1000 })
    expect((await queue.explain('e')).sentence).toBe(
      `Job e is waiting: no worker of this queue is there; it expires at ${at(1000)} unless it has begun by then.`,
    )
    await queue.pause()
    worker(() => 1)
    await host.advance(1000)
    expect((await queue.explain('e')).sentence).toBe(
      `Job e is failed: it failed for good at ${at(0)} with EXPIRED: not begun within 1000 ms of its time.`,
    )
  })

  test('for a queue that is paused', async () => {
    const made = stage()
    made.worker(() => 1)
    await made.queue.pause()
    await made.queue.add('n', 1, { jobId: 'j' })
    await made.host.idle()
    expect((await made.queue.explain('j')).sentence).toBe('Job j is waiting: the queue is paused.')
  })

  test('for a job that is delayed, and one that backs off', async () => {
    const { host, queue, worker } = stage()
    worker(() => {
      throw new Error('503')
    })
    await queue.add('n', 1, { jobId: 'd', delay: 60_000 })
    await queue.add('n', 1, { jobId: 'j', attempts: 3, backoff: 5000 })
    await host.idle()
    const at = host.wall() + 5000
    expect(await queue.explain('d')).toMatchObject({
      nextAt: host.wall() + 60_000,
      sentence: 'Job d is delayed: it is delayed until 2026-01-01T00:01:00.000Z.',
    })
    expect(await queue.explain('j')).toEqual({
      id: 'j',
      state: 'delayed',
      causes: [{ cause: 'backing-off', until: at, attemptsMade: 1, reason: '503' }],
      nextAt: at,
      sentence:
        'Job j is delayed: it waits until 2026-01-01T00:00:05.000Z to be tried again after 1 failed attempt (503).',
    })
    await queue.pause()
    expect((await queue.explain('j')).nextAt).toBeUndefined()
  })

  test('for a job that runs, and one that is cancelled meanwhile', async () => {
    const { host, queue, worker } = stage()
    const door = gate()
    worker(() => door.promise)
    await queue.add('n', 1, { jobId: 'j' })
    await host.idle()
    const since = host.wall()
    expect(await queue.explain('j')).toEqual({
      id: 'j',
      state: 'active',
      causes: [{ cause: 'leased', worker: 'w', since, until: since + 30_000 }],
      sentence:
        'Job j is active: the worker w runs it since 2026-01-01T00:00:00.000Z, on a lease until 2026-01-01T00:00:30.000Z unless renewed.',
    })
    await queue.cancel('j', 'not wanted')
    expect((await queue.explain('j')).sentence).toContain(
      'it was cancelled (not wanted) and ends when its handler does',
    )
    door.open()
    await host.idle()
  })

  test('for a suspect', async () => {
    const content = new MemoryContent()
    const host = virtualHost()
    const first = stage({ content, host })
    await first.queue.add('n', 1, { jobId: 'j' })
    const hang = gate()
    first.worker(() => hang.promise, { maxStalledCount: 1 })
    await host.idle()
    const second = stage({ content, host })
    second.worker(() => hang.promise, { maxStalledCount: 1 })
    await host.advance(10)
    expect((await second.queue.explain('j')).sentence).toMatch(
      /^Job j is delayed: it waits until .* \(the job stalled: .*\); it stalled once and the next stall would end it, so it waits for a worker with empty slots to run it alone\.$/,
    )
    hang.open()
    await host.advance(2000)
  })

  test('for a job that follows another of its deduplication id', async () => {
    const { host, queue, worker } = stage()
    const door = gate()
    worker(() => door.promise)
    const opts = { deduplication: { id: 'd', keepLastIfActive: true } }
    await queue.add('n', 1, { ...opts, jobId: 'first' })
    await host.idle()
    const next = await queue.add('n', 2, { ...opts, jobId: 'j' })
    expect((await queue.explain(next.id)).sentence).toContain(
      'it waits for the end of the job that runs under its deduplication id "d" (keepLastIfActive)',
    )
    door.open()
    await host.idle()
  })

  test('for a job whose name has no room', async () => {
    const { host, queue, worker } = stage()
    const door = gate()
    worker(() => door.promise, { concurrency: 5, perName: { n: { concurrency: 1 } } })
    await queue.addBulk(['a', 'j'].map((jobId) => ({ name: 'n', data: 1, opts: { jobId } })))
    await host.idle()
    expect((await queue.explain('j')).sentence).toBe(
      'Job j is waiting: it waits for room among jobs named "n", of which its worker runs enough (perName).',
    )
    door.open()
    await host.idle()
  })

  test('for a name that no worker has a handler for', async () => {
    const { host, queue, worker } = stage()
    const w = worker({ other: () => 1 })
    await host.idle()
    await w.pause()
    await queue.add('n', 1, { jobId: 'j' })
    expect((await queue.explain('j')).sentence).toBe(
      'Job j is waiting: the one worker there is has no handler for jobs named "n".',
    )
    const other = worker({ else: () => 1 })
    await other.pause()
    await host.idle()
    expect((await queue.explain('j')).sentence).toContain('none of the 2 workers there are has a handler')
  })

  test('for a job that is finished', async () => {
    const { host, queue, worker } = stage()
    worker(({ id }) => {
      if (id === 'bad') throw new UnrecoverableError('404')
    })
    for (const jobId of ['good', 'bad']) await queue.add('n', 1, { jobId })
    await host.idle()
    expect((await queue.explain('good')).sentence).toBe(
      'Job good is completed: it completed at 2026-01-01T00:00:00.000Z.',
    )
    expect((await queue.explain('bad')).sentence).toBe(
      'Job bad is failed: it failed for good at 2026-01-01T00:00:00.000Z with UNRECOVERABLE: 404.',
    )
  })

  test('for a record that cannot be read, by damage or by age', async () => {
    const { host, queue, worker, content } = stage({ sound: false })
    await queue.add('n', 1, { jobId: 'j' })
    await queue.add('n', 1, { jobId: 'k' })
    content.records.set('q:j', 'damaged')
    content.records.set('q:k', `j2${content.records.get('q:k')!.slice(2)}`)
    worker(() => 1)
    await host.idle()
    expect((await queue.explain('j')).sentence).toBe(
      'Job j is failed: its record cannot be read (unknown record encoding), so it was set aside.',
    )
    expect((await queue.explain('k')).sentence).toBe(
      'Job k is waiting-children: it waits for a worker of a newer version of Holdfast (record format 2 is newer than 1).',
    )
  })
})

describe('workers', () => {
  test('are there from their start to their close', async () => {
    const { host, queue, worker } = stage()
    const any = worker(() => 1, { concurrency: 7 })
    worker({ b: () => 1, 'a,b:*': () => 2 }, { name: 'other/one' })
    await host.idle()
    const workers = await queue.getWorkers()
    expect(workers.map(({ name, concurrency, names }) => [name, concurrency, names])).toEqual(
      expect.arrayContaining([
        ['w', 7, undefined],
        ['other/one', 1, ['b', 'a,b:*']],
      ]),
    )
    expect(workers.every(({ startedAt }) => startedAt === host.wall())).toBe(true)
    await any.close()
    expect(await queue.getWorkersCount()).toBe(1)
  })

  test('of an earlier opening are not', async () => {
    const content = new MemoryContent()
    const host = virtualHost()
    const first = stage({ content, host })
    first.worker(() => 1)
    await host.idle()
    expect(await first.queue.getWorkersCount()).toBe(1)
    const second = stage({ content, host })
    expect(await second.queue.getWorkersCount()).toBe(0)
    second.worker(() => 1)
    await host.idle()
    expect(await second.queue.getWorkersCount()).toBe(1)
    expect(second.dump().lanes.get('workers:q')).toHaveLength(1)
  })

  test('of a store that many use are there while they say so, and no longer', async () => {
    const host = virtualHost()
    const inner = memoryStore({ host })
    const shared = overStore(inner, { epoch: undefined })
    let calls = 0
    const counted = overStore(shared, {
      commit: (changes) => {
        calls++
        return inner.commit(changes)
      },
    })
    const queue = new Queue('q', { store: shared })
    const worker = new Worker('q', () => 1, { store: counted })
    await host.advance(1000)
    const before = calls
    await host.advance(3_600_000)
    expect(await queue.getWorkersCount()).toBe(1)
    expect(calls - before).toBeLessThanOrEqual(61)
    const [key] = (await inner.scan([{ lane: 'workers:q', limit: 1 }]))[0]!
    await worker.close()
    // As one that died has it.
    await inner.commit([{ add: [['workers:q', key!]] }])
    expect(await queue.getWorkersCount()).toBe(1)
    await host.advance(180_001)
    expect(await queue.getWorkersCount()).toBe(0)
    const next = new Worker('q', () => 1, { store: shared })
    await host.idle()
    expect((await inner.scan([{ lane: 'workers:q', limit: 9 }]))[0]).toHaveLength(1)
    await next.close()
  })

  test('with many names tell some, and may have others', async () => {
    const made = stage()
    const handlers = Object.fromEntries(Array.from({ length: 200 }, (_, n) => [`name${n}`, () => 1]))
    const w = made.worker(handlers)
    await w.pause()
    await made.queue.add('another', 1, { jobId: 'j' })
    await made.host.idle()
    expect(await causesOf(made)).toEqual(['next'])
    expect((await made.queue.getWorkers())[0]!.names!.length).toBeLessThan(200)
  })
})
