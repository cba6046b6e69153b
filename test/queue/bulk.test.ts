/** Bulks above one unit: nobody sees a part of one, whatever fails or dies while it is being stored. */
import { HoldfastError, Queue } from 'holdfast'
import { MemoryContent } from 'holdfast/memory'
import { virtualHost } from 'holdfast/testing'
import { describe, expect, test } from 'vitest'
import { BULK_MS, BULK_UNITS } from '../../src/core/bounds.ts'
import { sweepBulks } from '../../src/ledger/bulk.ts'
import { openLedger } from '../../src/ledger/ledger.ts'
import type { Change, Store } from '../../src/store.ts'
import { overStore } from '../faults/over-store.ts'
import type { Mood } from '../stage/unruly-store.ts'
import { type Stage, lanesLeft, only, stage } from '../stage/stage.ts'

/** So many small jobs do not fit one unit. */
const MANY = 1000
/** Of these two do not fit one unit. */
const HEAVY = 'x'.repeat(200 * 1024)

const aBulk = (count: number, data: unknown = 1, opts: object = {}) =>
  Array.from({ length: count }, (_, at) => ({ name: 'n', data, opts: { ...opts, jobId: `j${at}` } }))

/** Three jobs that are stored in units of their own, one of them delayed. */
const heavyBulk = () => [...aBulk(2, HEAVY), { name: 'n', data: HEAVY, opts: { jobId: 'j2', delay: 500 } }]

const touches =
  (what: 'add' | 'remove', lane: string) =>
  (changes: readonly Change[]): boolean =>
    changes.some((change) => change[what]?.some(([name]) => name === lane))
const isCommitPoint = touches('add', 'release:q')
const isOfBulk = (changes: readonly Change[]): boolean =>
  changes.some(({ add }) => add?.some(([lane]) => lane.startsWith('bulk-')))

const isSweep = (changes: readonly Change[]): boolean =>
  changes.some(({ remove }) => remove?.some(([lane]) => lane.startsWith('bulk-')))

const ledgerOn = (store: Store) => openLedger(store, 'q')

/** Bulks whose producers are gone are abandoned after this. */
async function sweptLater({ host, store }: Stage): Promise<void> {
  await host.advance(2 * BULK_MS)
  await sweepBulks(ledgerOn(store))
}

const outcomeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'stored',
    (error: HoldfastError) => error.outcome,
  )

/** A bulk of which everything is staged, and which its producer could neither store nor take back. */
async function leftBehind({ store, queue }: Stage): Promise<void> {
  let failing = false
  store.moodOf = (changes) => {
    failing ||= isCommitPoint(changes)
    return failing ? 'failed' : 'well'
  }
  expect(await outcomeOf(queue.addBulk(heavyBulk()))).toBe('failed')
  store.moodOf = () => 'well'
}

/** How many jobs of the queue anybody can see, in any way. */
async function seen({ queue }: Stage): Promise<number> {
  const { waiting, delayed } = await queue.getJobCounts()
  expect(await queue.getJobs(['waiting', 'delayed'])).toHaveLength(Math.min(1000, waiting + delayed))
  const first = await queue.getJob('j0')
  expect(first !== undefined).toBe(waiting + delayed > 0)
  expect(await queue.getJobState('j0')).toBe(first === undefined ? 'unknown' : 'waiting')
  return waiting + delayed
}

describe('a bulk of several units', () => {
  test('is all there once it is acknowledged, in its order, and run', async () => {
    const { host, queue, worker, said } = stage()
    const waiting: string[] = []
    queue.on('waiting', ({ id }) => void waiting.push(id))
    const jobs = await queue.addBulk(aBulk(MANY))
    const ids = aBulk(MANY).map(({ opts }) => opts.jobId)
    expect(jobs.map(({ id, deduplicated }) => (deduplicated ? '' : id))).toEqual(ids)
    expect(waiting).toEqual(ids)
    expect((await queue.getWaiting(0, 999)).map(({ id }) => id)).toEqual(ids)
    expect(await queue.verify()).toEqual({ ok: true, jobs: MANY, problems: [] })
    worker(() => 1, { concurrency: 30 })
    await host.idle()
    await host.advance(100)
    expect(only(said, 'active').map((line) => line.slice(7))).toEqual(ids)
  })

  test('has delays, priorities, and data of any size', async () => {
    const { host, queue } = stage()
    await queue.addBulk([
      { name: 'n', data: HEAVY, opts: { jobId: 'last', priority: 5 } },
      { name: 'n', data: `${HEAVY}y`, opts: { jobId: 'later', delay: 1000 } },
      { name: 'n', data: 1, opts: { jobId: 'first' } },
      { name: 'n', data: HEAVY },
    ])
    expect((await queue.getWaiting()).map(({ priority }) => priority)).toEqual([0, 0, 5])
    expect((await queue.getDelayed()).map(({ id, data }) => [id, data.length])).toEqual([
      ['later', HEAVY.length + 1],
    ])
    expect(await queue.getJob('last')).toMatchObject({ data: HEAVY, timestamp: host.wall() })
  })

  test('leaves jobs as they are whose ids exist, its own included', async () => {
    const { queue } = stage()
    await queue.add('old', 'there', { jobId: 'j1' })
    await queue.add('old', 'there', { jobId: `j${MANY - 1}` })
    const jobs = await queue.addBulk([...aBulk(MANY), ...aBulk(5, 'again')])
    const known = jobs.flatMap(({ deduplicated }, at) => (deduplicated ? [at] : []))
    expect(known).toEqual([1, MANY - 1, MANY, MANY + 1, MANY + 2, MANY + 3, MANY + 4])
    expect(known.map((at) => jobs[at]!.data)).toEqual(['there', 'there', 1, 'there', 1, 1, 1])
    expect(await queue.getWaitingCount()).toBe(MANY)
  })

  test('of nothing but jobs that exist adds nothing', async () => {
    const { queue, content } = stage()
    await queue.addBulk(aBulk(MANY))
    const before = content.records.size
    const jobs = await queue.addBulk(aBulk(MANY))
    expect(jobs.every(({ deduplicated }) => deduplicated)).toBe(true)
    expect(content.records.size).toBe(before)
    expect(await queue.getWaitingCount()).toBe(MANY)
  })
})

describe('before it is all stored', () => {
  /** A bulk that stands still just before its commit. */
  async function standing(bulk = heavyBulk()) {
    const made = stage()
    const { host, store } = made
    store.moodOf = (changes) => (isCommitPoint(changes) ? 'hung' : 'well')
    const other = new Queue('q', { store })
    const adding = other.addBulk(bulk)
    adding.catch(() => undefined)
    await host.idle()
    return { ...made, adding }
  }

  test('nothing of it is counted, listed, found, claimed or changed', async () => {
    const made = await standing()
    const { host, queue, store, worker, said, adding } = made
    worker(() => 1, { concurrency: 10 })
    await host.advance(1000)
    expect(await seen(made)).toBe(0)
    expect(await queue.getJobs()).toEqual([])
    expect(await queue.count()).toBe(0)
    expect(await queue.remove('j0')).toBe(0)
    expect(await queue.promoteJobs()).toBe(0)
    expect(await queue.clean(0, 0, 'waiting')).toEqual([])
    await queue.drain(true)
    expect(await queue.verify()).toEqual({ ok: true, jobs: 0, problems: [] })
    expect(only(said, 'active')).toEqual([])
    store.release()
    await adding
    await host.advance(0)
    expect(only(said, 'completed')).toHaveLength(3)
  })

  test('its ids are taken, and nobody is told that they have a job', async () => {
    const { queue, store, adding } = await standing()
    const taken = {
      code: 'STORE_CONTENDED',
      outcome: 'failed',
      message: 'the id of job j0 in q belongs to a bulk that is being stored: try again',
    }
    await expect(queue.add('n', 1, { jobId: 'j0' })).rejects.toMatchObject(taken)
    await expect(queue.addBulk([...aBulk(1), ...heavyBulk()])).rejects.toMatchObject({
      code: 'STORE_CONTENDED',
      outcome: 'failed',
      message: `${taken.message} (nothing of the bulk is added)`,
    })
    expect((await queue.add('n', 1, { jobId: 'free' })).deduplicated).toBe(false)
    store.release()
    await adding
    expect(await queue.add('n', 1, { jobId: 'j0' })).toMatchObject({ deduplicated: true, data: HEAVY })
    expect(await queue.count()).toBe(4)
  })

  test('a handle of an earlier job of an id finds nothing', async () => {
    const { host, queue, store } = stage()
    const job = await queue.add('n', 1, { jobId: 'j0' })
    await queue.remove('j0')
    store.moodOf = (changes) => (isCommitPoint(changes) ? 'hung' : 'well')
    const adding = queue.addBulk(heavyBulk())
    await host.idle()
    for (const edit of [
      () => job.remove(),
      () => job.updateData(2),
      () => job.promote(),
      () => job.changePriority({ priority: 1 }),
      () => job.retry(),
      () => job.log('x'),
      () => job.updateProgress(1),
      () => job.clearLogs(),
    ])
      await expect(edit(), String(edit)).rejects.toMatchObject({ code: 'JOB_NOT_FOUND' })
    expect(await job.getState()).toBe('unknown')
    store.release()
    expect((await adding).every(({ deduplicated }) => !deduplicated)).toBe(true)
    expect(await job.getState()).toBe('waiting')
  })

  test('it is all there for those who look between its commit and its last move', async () => {
    const made = await standing(aBulk(MANY))
    const { store, adding } = made
    store.moodOf = (changes) => (changes.some(({ move }) => move !== undefined) ? 'failed' : 'well')
    store.release()
    await adding
    expect([...made.dump().lanes.keys()].some((lane) => lane.startsWith('bulk-ready'))).toBe(true)
    store.moodOf = () => 'well'
    expect(await seen(made)).toBe(MANY)
  })
})

describe('where the store fails', () => {
  const COMMITS = 6

  const cases = (['failed', 'lost before', 'lost after'] as const).flatMap((mood) =>
    Array.from({ length: COMMITS }, (_, at) => [mood, at] as const),
  )

  test.each(cases)(
    '(%s, at commit %i) all of it is there or nothing, and it says which',
    async (mood, at) => {
      const made = stage()
      const { queue, store, content } = made
      let commits = 0
      let wasCommitPoint = false
      store.moodOf = (changes) => {
        if (commits++ !== at) return 'well'
        wasCommitPoint = isCommitPoint(changes)
        return mood
      }
      const outcome = await outcomeOf(queue.addBulk(heavyBulk()))
      expect(commits).toBeGreaterThan(at)
      store.moodOf = () => 'well'
      const expected =
        at === COMMITS - 1 ? 'stored' : wasCommitPoint && mood !== 'failed' ? 'unknown' : 'failed'
      expect(outcome).toBe(expected)
      const stored = outcome === 'stored' || (wasCommitPoint && mood === 'lost after')
      expect(await seen(made)).toBe(stored ? 3 : 0)
      await sweptLater(made)
      expect(await seen(made)).toBe(stored ? 3 : 0)
      if (!stored) expect([content.records.size, lanesLeft(content).length]).toEqual([0, 0])
      const again = await queue.addBulk(heavyBulk())
      expect(again.map(({ deduplicated }) => deduplicated)).toEqual([stored, stored, stored])
      expect(await seen(made)).toBe(3)
    },
  )

  test.each(cases)('(%s, at commit %i) it can be added again at once', async (mood, at) => {
    const { queue, store } = stage()
    let commits = 0
    store.moodOf = () => (commits++ === at ? mood : 'well')
    const outcome = await outcomeOf(queue.addBulk(heavyBulk()))
    const stored = (await queue.count()) > 0
    expect(outcome === 'unknown' || (outcome === 'stored') === stored).toBe(true)
    const again = await queue.addBulk(heavyBulk())
    expect(again.map(({ deduplicated }) => deduplicated)).toEqual([stored, stored, stored])
    expect(await queue.verify()).toEqual({ ok: true, jobs: 3, problems: [] })
  })

  test('clearing up after others takes none of its own time', async () => {
    const made = stage()
    const { host, store, queue } = made
    await leftBehind(made)
    await host.advance(2 * BULK_MS)
    store.moodOf = (changes) => (isSweep(changes) ? 'hung' : 'well')
    const adding = queue.addBulk(heavyBulk())
    await host.advance(2 * BULK_MS)
    store.moodOf = (changes) => {
      if (isOfBulk(changes)) void sweepBulks(ledgerOn(store))
      return 'well'
    }
    store.release()
    await adding
    expect(await seen(made)).toBe(3)
  })

  test('while it clears up after others, that is said to have failed', async () => {
    const made = stage()
    const { host, queue, store } = made
    await leftBehind(made)
    await host.advance(2 * BULK_MS)
    for (const mood of ['failed', 'lost before', 'lost after'] as const) {
      let commits = 0
      store.moodOf = () => (commits++ === 0 ? mood : 'well')
      expect(await outcomeOf(queue.addBulk(aBulk(MANY, 1)))).toBe('failed')
      store.moodOf = () => 'well'
      expect(await queue.count()).toBe(0)
      await host.advance(2 * BULK_MS)
    }
    await sweepBulks(ledgerOn(store))
    expect(made.content.records.size).toBe(0)
  })

  test('in the middle, what was staged is taken back at once', async () => {
    const { queue, store, content } = stage()
    let units = 0
    store.moodOf = (changes) => (isOfBulk(changes) && units++ === 1 ? 'failed' : 'well')
    await expect(queue.addBulk(heavyBulk())).rejects.toMatchObject({
      code: 'STORE_FULL',
      outcome: 'failed',
      message: 'no room (nothing of the bulk is added)',
    })
    expect([content.records.size, lanesLeft(content).length]).toEqual([0, 0])
  })

  test('a look that fails while it stores says so, and nothing is added', async () => {
    const made = stage()
    const { queue, store, content } = made
    const deaf = overStore(store, {
      read: async () => Promise.reject(new HoldfastError('STORE_FAILED', 'it cannot be read')),
    })
    await queue.add('n', 1, { jobId: 'j1' })
    await expect(new Queue('q', { store: deaf }).addBulk(heavyBulk())).rejects.toMatchObject({
      code: 'STORE_FAILED',
      outcome: 'failed',
    })
    await queue.remove('j1')
    await sweptLater(made)
    expect([content.records.size, lanesLeft(content).length]).toEqual([0, 0])
  })

  test.each(Array.from({ length: 7 }, (_, at) => at))(
    'its release goes on after %i of its moves, for whoever looks, removes, changes or claims',
    async (moves) => {
      for (const look of ['count', 'list', 'get', 'remove', 'edit', 'claim', 'drain', 'clean'] as const) {
        const made = stage()
        const { host, queue, store, worker, said } = made
        let done = 0
        const isMove = ([change]: readonly Change[]): boolean =>
          change?.move?.from.lane.startsWith('bulk-') === true
        store.moodOf = (changes) => (isMove(changes) && done++ >= moves ? 'failed' : 'well')
        const jobs = await queue.addBulk(aBulk(MANY))
        store.moodOf = () => 'well'
        if (look === 'count') expect(await queue.getJobCounts('waiting')).toEqual({ waiting: MANY })
        else if (look === 'list') expect(await queue.getWaiting(MANY - 1, MANY - 1)).toHaveLength(1)
        else if (look === 'get') expect(await queue.getJobState(`j${MANY - 1}`)).toBe('waiting')
        else if (look === 'remove') expect(await queue.remove(`j${MANY - 1}`)).toBe(1)
        else if (look === 'edit') await jobs.at(-1)!.changePriority({ priority: 3 })
        else if (look === 'drain') await queue.drain()
        else if (look === 'clean') expect(await queue.clean(0, 0, 'waiting')).toHaveLength(MANY)
        else {
          await queue.count()
          worker(() => 1, { concurrency: 100 })
          await host.advance(100)
          expect(only(said, 'completed')).toHaveLength(MANY)
        }
        const left = look === 'drain' || look === 'clean' || look === 'claim' ? 0 : MANY
        expect(await queue.count()).toBe(look === 'remove' ? MANY - 1 : left)
      }
    },
  )
})

describe('where its producer dies', () => {
  test.each(Array.from({ length: 7 }, (_, at) => at))('before commit %i', async (at) => {
    const content = new MemoryContent()
    const host = virtualHost()
    const first = stage({ content, host })
    let commits = 0
    let stored = false
    first.store.moodOf = (changes) => {
      if (commits++ === at) first.store.die()
      else if (isCommitPoint(changes)) stored = true
      return first.store.dead ? 'lost before' : 'well'
    }
    void first.queue.addBulk(heavyBulk()).catch(() => undefined)
    await host.idle()
    expect(stored).toBe(at >= 5)
    const second = stage({ content, host })
    expect(await seen(second)).toBe(stored ? 3 : 0)
    await sweepBulks(ledgerOn(second.store))
    expect(await seen(second)).toBe(stored ? 3 : 0)
    if (!stored) expect([content.records.size, lanesLeft(content).length]).toEqual([0, 0])
    const again = await second.queue.addBulk(heavyBulk())
    expect(again.every(({ deduplicated }) => deduplicated === stored)).toBe(true)
  })

  test('an id of it is taken until it is swept', async () => {
    const content = new MemoryContent()
    const host = virtualHost()
    const first = stage({ content, host })
    first.store.moodOf = (changes) => (isCommitPoint(changes) ? (first.store.die(), 'lost before') : 'well')
    void first.queue.addBulk(heavyBulk()).catch(() => undefined)
    await host.idle()
    const { queue, store } = stage({ content, host })
    await expect(queue.add('n', 1, { jobId: 'j1' })).rejects.toMatchObject({ code: 'STORE_CONTENDED' })
    await sweepBulks(ledgerOn(store))
    expect(await queue.add('n', 1, { jobId: 'j1' })).toMatchObject({ deduplicated: false, data: 1 })
  })
})

describe('sweeping', () => {
  test('leaves a bulk alone whose producer lives, however long it takes', async () => {
    const made = stage()
    const { host, store, queue } = made
    let held: Mood = 'hung'
    store.moodOf = (changes) => (isOfBulk(changes) ? held : 'well')
    const many = BULK_UNITS + 1
    const adding = queue.addBulk(aBulk(many, HEAVY))
    // A unit is made in each turn of the event loop.
    for (let unit = 0; unit < BULK_UNITS; unit++) await host.idle()
    await host.advance(BULK_MS / 2 + 1000)
    await sweepBulks(ledgerOn(store))
    store.release()
    await host.idle()
    await host.advance(BULK_MS / 2 + 1000)
    await sweepBulks(ledgerOn(store))
    held = 'well'
    store.release()
    await adding
    expect(await seen(made)).toBe(many)
  })

  test('one that made no progress ends it: its producer is told, and nothing is left', async () => {
    const made = stage()
    const { host, store, queue, content } = made
    store.moodOf = (changes) => (isOfBulk(changes) ? 'hung' : 'well')
    const outcome = queue.addBulk(heavyBulk()).catch((error: HoldfastError) => error)
    await sweptLater(made)
    store.moodOf = () => 'well'
    store.release()
    expect(await outcome).toMatchObject({
      code: 'STORE_CONTENDED',
      outcome: 'failed',
      message:
        'storing the bulk made no progress for 60000 ms, so another process took it for abandoned (nothing of the bulk is added)',
    })
    expect([content.records.size, lanesLeft(content).length]).toEqual([0, 0])
    await host.idle()
  })

  test('just before the commit ends it too', async () => {
    const made = stage()
    const { store, queue, content } = made
    store.moodOf = (changes) => (isCommitPoint(changes) ? 'hung' : 'well')
    const outcome = queue.addBulk(heavyBulk()).catch((error: HoldfastError) => error)
    await sweptLater(made)
    store.release()
    expect(await outcome).toMatchObject({
      code: 'STORE_CONTENDED',
      outcome: 'failed',
      message: expect.stringMatching(/took it for abandoned \(nothing of the bulk is added\)$/),
    })
    expect([content.records.size, lanesLeft(content).length]).toEqual([0, 0])
  })

  test('is ended by the next where it was interrupted', async () => {
    for (let at = 0; at < 5; at++) {
      const made = stage()
      const { host, store, queue, content } = made
      await leftBehind(made)
      await host.advance(BULK_MS + 1)
      let commits = 0
      store.moodOf = () => (commits++ === at ? 'failed' : 'well')
      await sweepBulks(ledgerOn(store)).catch(() => undefined)
      store.moodOf = () => 'well'
      expect(await queue.count()).toBe(0)
      await sweptLater(made)
      expect([content.records.size, lanesLeft(content).length], `commit ${at}`).toEqual([0, 0])
    }
  })

  test('and storing at one moment leave nothing behind', async () => {
    const { host, store, queue, content } = stage()
    store.moodOf = (changes) =>
      isOfBulk(changes) || touches('remove', 'staged:q')(changes) ? 'hung' : 'well'
    const outcome = outcomeOf(queue.addBulk(heavyBulk()))
    await host.idle()
    // The last of the sweep's commits is held too; then what the producer sent arrives before it.
    const ended = queue.obliterate()
    for (let turn = 0; turn < 10; turn++) {
      await host.idle()
      store.release()
    }
    store.moodOf = () => 'well'
    store.release()
    await ended
    expect(await outcome).toBe('failed')
    expect([content.records.size, lanesLeft(content).length]).toEqual([0, 0])
  })

  test('between two looks of an add does not make it say that the job is there', async () => {
    const made = stage()
    const { store, queue } = made
    await leftBehind(made)
    let swept = false
    const slow = overStore(store, {
      read: async (ids) => {
        const records = await store.read(ids)
        if (ids[0] === 'q:j0' && !swept) {
          swept = true
          await sweptLater(made)
        }
        return records
      },
    })
    const adding = new Queue('q', { store: slow }).add('n', 1, { jobId: 'j0' })
    await expect(adding).rejects.toMatchObject({ code: 'STORE_CONTENDED', outcome: 'failed' })
    expect(swept).toBe(true)
    expect(await queue.add('n', 1, { jobId: 'j0' })).toMatchObject({ data: 1, deduplicated: false })
  })
})

test('a bulk of one unit that meets an id of a bulk being stored adds nothing', async () => {
  const { host, store, queue } = stage()
  store.moodOf = (changes) => (isCommitPoint(changes) ? 'hung' : 'well')
  const adding = queue.addBulk(heavyBulk())
  await host.idle()
  const small = [{ name: 'n', data: 1, opts: { jobId: 'new' } }, ...aBulk(1)]
  await expect(queue.addBulk(small)).rejects.toMatchObject({ code: 'STORE_CONTENDED', outcome: 'failed' })
  expect(await queue.getJob('new')).toBeUndefined()
  store.release()
  await adding
})
