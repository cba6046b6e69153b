/** Jobs whose next stall would end them: claimed alone, when every slot is empty, by one of however many workers. */
import { describe, expect, test } from 'vitest'
import { type Job, type JobOptions, Worker } from 'holdfast'
import { renews, settles } from '../faults/units.ts'
import { only, stage } from '../stage/stage.ts'

type Stage = ReturnType<typeof stage>

/** Lets all jobs that wait begin, and stall. */
async function stall({ host, store, passing }: Stage): Promise<void> {
  const frozen = new Worker('q', (() => new Promise(() => {})) as never, {
    store,
    lockDuration: 1000,
    maxStalledCount: 1,
    concurrency: 4,
  })
  frozen.on('error', () => {})
  await host.idle()
  store.moodOf = (changes) => (renews(changes) ? 'failed' : 'well')
  await host.advance(1500)
  store.moodOf = () => 'well'
  await passing(40_000, frozen.close(true))
}

describe('a suspect', () => {
  /** A job that has stalled once, where once is all that is allowed; it is due `backoff` ms later. */
  const withSuspect = async (backoff = 0) => {
    const made = stage()
    await made.queue.add('n', 1, { jobId: 'suspect', backoff })
    await stall(made)
    return made
  }

  test('waits in public as delayed until it is due, and is claimed alone by one of several workers', async () => {
    const { host, queue, worker } = await withSuspect()
    expect(await queue.getJobState('suspect')).toBe('waiting')
    await queue.addBulk(
      Array.from({ length: 30 }, (_, at) => ({ name: 'n', data: 1, opts: { jobId: `n${at}` } })),
    )
    const running = new Map<string, Set<string>>()
    const seenWithSuspect: string[][] = []
    const work = (name: string) => async (job: Job) => {
      const mine = running.get(name) ?? new Set()
      running.set(name, mine.add(job.id))
      if (mine.has('suspect')) seenWithSuspect.push([...mine])
      await new Promise<void>((resolve) => host.timer(30, resolve))
      mine.delete(job.id)
    }
    const options = { concurrency: 4, lockDuration: 1000, maxStalledCount: 1 }
    worker(work('a'), { ...options, name: 'a' })
    worker(work('b'), { ...options, name: 'b' })
    await host.advance(3000)
    expect(seenWithSuspect).toEqual([['suspect']])
    expect(await queue.getJobCounts('completed', 'waiting')).toEqual({ completed: 31, waiting: 0 })
  })

  test.each([4, 100])(
    'that falls due while %d slots are busy waits until they are empty',
    async (concurrency) => {
      const { host, queue, worker } = await withSuspect(60_000)
      expect(await queue.getJobState('suspect')).toBe('delayed')
      const running = new Set<string>()
      const seen: string[][] = []
      worker(
        async (job) => {
          running.add(job.id)
          if (running.has('suspect')) seen.push([...running])
          await new Promise<void>((resolve) => host.timer(100 + job.data, resolve))
          running.delete(job.id)
        },
        { concurrency, maxStalledCount: 1 },
      )
      await host.advance(19_000)
      for (let at = 0; at < 300; at++) {
        await queue.add('n', at % 70, { jobId: `n${at}` })
        await host.advance(5)
      }
      await host.advance(60_000)
      expect(seen).toEqual([['suspect']])
      expect(await queue.getJobCounts('completed')).toEqual({ completed: 301 })
    },
  )

  test.each([
    ['removed', undefined],
    ['cancelled', undefined],
    ['drained', undefined],
    ['removed', { id: 'g' }],
    ['cancelled', { id: 'g' }],
    ['drained', { id: 'g' }],
  ])('that is %s before it ran holds nobody up any more (group %j)', async (how, group) => {
    const made = stage()
    const { host, queue, worker } = made
    await queue.add('n', 1, { jobId: 'suspect', backoff: 50_000, group })
    await stall(made)
    await queue.add('n', 100_000, { jobId: 'long' })
    const work = (job: Job) => new Promise<void>((resolve) => void host.timer(job.data, resolve))
    worker(work, { concurrency: 2, maxStalledCount: 1 })
    await host.advance(50_000)
    if (how === 'removed') await queue.remove('suspect')
    else if (how === 'cancelled') await queue.cancel('suspect', 'not needed')
    else await queue.drain(true)
    await queue.add('n', 1, { jobId: 'other' })
    await host.advance(1000)
    expect(await queue.getJobState('long')).toBe('active')
    await queue.add('n', 1, { jobId: 'last' })
    await host.advance(100)
    for (const id of ['other', 'last']) expect(await queue.getJobState(id)).toBe('completed')
    await host.advance(100_000)
  })

  test('that completes is like any other', async () => {
    const { host, queue, worker } = await withSuspect()
    worker(() => 'fine', { maxStalledCount: 1 })
    await host.idle()
    expect((await queue.getJob('suspect'))!).toMatchObject({
      returnvalue: 'fine',
      attemptsMade: 1,
      stalledCounter: 1,
    })
  })
})

describe('a suspect of a group', () => {
  /** Jobs that have stalled once, by their groups; what is on lease with one of them is noted, whenever it is. */
  const withSuspects = async (
    groups: Readonly<Record<string, string>>,
    opts: Partial<JobOptions> = {},
    ms = 20,
  ) => {
    const made = stage()
    const { host, queue, store, content } = made
    for (const [jobId, id] of Object.entries(groups))
      await queue.add('n', ms, { ...opts, jobId, group: { id } })
    await stall(made)
    const seen: string[][] = []
    const note = (): void => {
      const leases = content.lanes.get('lease:q')?.head(undefined, undefined, Infinity) ?? []
      const ids = leases.map((key) => key.slice(key.lastIndexOf(':') + 1))
      if (ids.some((id) => id in groups)) seen.push(ids)
    }
    store.moodOf = () => {
      note()
      return 'well'
    }
    const work = (job: Job) => new Promise<void>((resolve) => void host.timer(job.data, resolve))
    return { ...made, seen, work }
  }

  test('is never on lease beside another, and gets its turn under any load', async () => {
    const { host, queue, worker, seen, work } = await withSuspects({ a: 'g', b: 'h', c: 'h' })
    const options = { concurrency: 4, maxStalledCount: 1 }
    worker(work, options)
    for (let at = 0; at < 400; at++) {
      const group = at % 3 === 0 ? undefined : { id: at % 3 === 1 ? 'g' : 'i' }
      await queue.add('n', 30 + (at % 90), { jobId: `n${at}`, group })
      await host.advance(10)
    }
    for (const id of ['a', 'b', 'c']) expect(await queue.getJobState(id)).toBe('completed')
    expect(seen.filter(({ length }) => length > 1)).toEqual([])
    await host.advance(20_000)
    expect(await queue.getCompletedCount()).toBe(403)
  })

  test('does not wait for all that its group has in line', async () => {
    const { host, queue, worker, work } = await withSuspects({ a: 'g' })
    for (let at = 0; at < 100; at++) await queue.add('n', 100, { jobId: `n${at}`, group: { id: 'g' } })
    worker(work, { concurrency: 4, maxStalledCount: 1 })
    await host.advance(1000)
    expect(await queue.getJobState('a')).toBe('completed')
    expect(await queue.getWaitingCount()).toBeGreaterThan(50)
  })

  test('is claimed by one of several workers, and the others go on as soon as it is', async () => {
    const { host, queue, worker, work, said } = await withSuspects({ a: 'g' }, {}, 10_000)
    await queue.add('n', 60_000, { jobId: 'long' })
    worker(work, { concurrency: 2, maxStalledCount: 1, name: 'busy' })
    await host.idle()
    await queue.add('n', 1, { jobId: 'other' })
    await host.advance(100)
    expect(only(said, 'completed')).toEqual([])
    worker(work, { concurrency: 2, maxStalledCount: 1, name: 'free' })
    await host.advance(1000)
    expect(await queue.getJobState('a')).toBe('active')
    await queue.add('n', 1, { jobId: 'late' })
    await host.advance(1000)
    expect(await queue.getJobState('a')).toBe('active')
    expect(await queue.getJobState('other')).toBe('completed')
    expect(await queue.getJobState('late')).toBe('completed')
  })

  test('that somebody claims while it is found holds nobody up', async () => {
    const { host, queue, store, worker, work } = await withSuspects({ a: 'g' })
    const hand = new Worker('q', null, { store, name: 'hand', lockDuration: 1_000_000, maxStalledCount: 1 })
    await queue.add('n', 20_000, { jobId: 'long' })
    const read = store.read.bind(store)
    let taken: Job | undefined
    store.read = async (ids) => {
      const found = await read(ids)
      if (ids.includes('q:a')) {
        store.read = read
        taken = await hand.getNextJob('t')
      }
      return found
    }
    worker(work, { concurrency: 2, maxStalledCount: 1 })
    await host.idle()
    expect(taken?.id).toBe('a')
    await queue.add('n', 1, { jobId: 'other' })
    await host.advance(1000)
    expect(await queue.getJobState('long')).toBe('active')
    expect(await queue.getJobState('other')).toBe('completed')
    await taken!.moveToCompleted('done', 't')
    await host.advance(20_000)
    await hand.close()
  })

  test('waits while its group may have no more, and nobody else does, nor asks without end', async () => {
    const { host, queue, store, worker, work, said } = await withSuspects({ a: 'g', b: 'g', c: 'h' })
    await queue.pauseGroup('h')
    await queue.setGroupRateLimit('g', 1, 30_000)
    worker(work, { concurrency: 3, maxStalledCount: 1 })
    for (let n = 0; n < 5; n++) await queue.add('n', 1, { jobId: `n${n}`, group: { id: 'i' } })
    await host.advance(10_000)
    expect(only(said, 'completed')).toHaveLength(6)
    const before = store.calls
    await host.advance(15_000)
    expect(store.calls - before).toBeLessThan(10)
    // It is due, and in public what the lists and counts say of it.
    expect(await queue.getJobState('c')).toBe('delayed')
    expect((await queue.getDelayed()).map(({ id }) => id)).toContain('c')
    expect((await queue.find({ state: 'waiting' })).jobs.map(({ id }) => id)).not.toContain('c')
    await queue.resumeGroup('h')
    await host.advance(100)
    expect(await queue.getJobState('c')).toBe('completed')
    await host.advance(30_000)
    expect(only(said, 'completed')).toHaveLength(8)
  })

  test('waits for room in the queue, and nobody asks without end', async () => {
    const { host, queue, store, worker, work, said } = await withSuspects({ a: 'g', b: 'h' })
    await queue.setGlobalConcurrency(1)
    const hand = new Worker('q', null, { store, name: 'hand', lockDuration: 1_000_000 })
    await queue.add('n', 1, { jobId: 'held' })
    const held = (await hand.getNextJob('t'))!
    worker(work, { concurrency: 3, maxStalledCount: 1 })
    await host.advance(1000)
    const before = store.calls
    await host.advance(20_000)
    expect(store.calls - before).toBeLessThan(10)
    await held.moveToCompleted('done', 't')
    await host.advance(1000)
    expect(only(said, 'completed').map((line) => line.split(' ')[1])).toEqual(['a', 'b'])
    await hand.close()
  })

  test('stays one when it is promoted or given another time, and others of its group do not wait for that', async () => {
    const { host, queue, worker, seen, work, said } = await withSuspects(
      { a: 'g', b: 'g' },
      { backoff: 60_000 },
    )
    worker(work, { concurrency: 3, maxStalledCount: 1 })
    await queue.addBulk(
      Array.from({ length: 4 }, (_, n) => ({
        name: 'n',
        data: 500,
        opts: { jobId: `n${n}`, group: { id: 'g' } },
      })),
    )
    await host.advance(100)
    expect(await queue.getGroupActiveCount('g')).toBe(3)
    await (await queue.getJob('a'))!.promote()
    await (await queue.getJob('b'))!.changeDelay(5000)
    expect((await queue.explain('b')).causes.map(({ cause }) => cause)).toEqual(['backing-off', 'suspect'])
    await host.advance(4000)
    expect(only(said, 'completed')).toHaveLength(5)
    await host.advance(2000)
    expect(only(said, 'completed')).toHaveLength(6)
    expect(seen.filter(({ length }) => length > 1)).toEqual([])
  })

  test('is got by hand as any other', async () => {
    const { store } = await withSuspects({ a: 'g' })
    const hand = new Worker('q', null, { store, name: 'hand', maxStalledCount: 1 })
    const job = (await hand.getNextJob('t'))!
    expect(job).toMatchObject({ id: 'a', stalledCounter: 1 })
    await job.moveToCompleted('done', 't')
    await hand.close()
  })
})

test('a suspect is claimed once the end of what ran before it is stored', async () => {
  const made = stage()
  const { host, queue, store, worker } = made
  await queue.add('n', 1, { jobId: 'suspect', backoff: 60_000 })
  await queue.add('n', 1, { jobId: 'grouped', backoff: 60_000, group: { id: 'g' } })
  await stall(made)
  const states: unknown[] = []
  worker(
    async (job) => {
      if (job.id !== 'before') states.push(await queue.getJobState('before'))
    },
    { concurrency: 2, maxStalledCount: 1 },
  )
  await queue.add('n', 1, { jobId: 'before' })
  store.moodOf = (changes) => (settles(changes) ? 'failed' : 'well')
  await host.advance(40_000)
  expect(await queue.getJobState('before')).toBe('active')
  expect(states).toEqual([])
  store.moodOf = () => 'well'
  await host.advance(40_000)
  expect(states).toEqual(['completed', 'completed'])
})
