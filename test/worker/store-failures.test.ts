/** A store that fails for a while, in every way: a worker says so, rests, goes on, and in the end everything happened once. */
import { Worker } from 'holdfast'
import { describe, expect, test } from 'vitest'
import { FaultStore } from '../faults/fault-store.ts'
import { claims, settles } from '../faults/units.ts'
import type { Mood } from '../stage/unruly-store.ts'
import { gate, only, stage } from '../stage/stage.ts'

const ids = (count: number): string[] => Array.from({ length: count }, (_, at) => `j${at}`)
const jobs = (names: readonly string[], opts = {}) =>
  names.map((jobId) => ({ name: 'n', data: { of: jobId }, opts: { ...opts, jobId } }))

describe('everything completes exactly as it should after a store was', () => {
  test.each<[Mood, number]>([
    ['failed', 5],
    ['lost before', 5],
    ['lost after', 5],
    ['hung', 5],
    ['failed', 80],
    ['lost before', 80],
    ['lost after', 80],
    ['hung', 80],
  ])('%s for a while, with %d slots', async (mood, concurrency) => {
    const { host, queue, said, store, worker } = stage()
    const runs: Record<string, number> = {}
    const names = ids(8 * concurrency)
    for (let at = 0; at < names.length; at += 200)
      await queue.addBulk(jobs(names.slice(at, at + 200), { attempts: 3, backoff: 50 }))
    const w = worker(
      async (job) => {
        runs[job.id] = (runs[job.id] ?? 0) + 1
        await new Promise<void>((resolve) => host.timer(30, resolve))
        if (job.id.endsWith('7') && runs[job.id] === 1) throw new Error('once')
        return job.data.of
      },
      { concurrency },
    )
    for (let time = 0; time < 5; time++) {
      await host.advance(35)
      store.mood = mood
      await host.advance(5)
      expect(w.isRunning()).toBe(true)
      await host.advance(700)
      store.mood = 'well'
      await host.advance(600)
    }
    await host.advance(20_000)
    for (const id of names) {
      const job = (await queue.getJob(id))!
      const fails = id.endsWith('7') ? 1 : 0
      expect(job, id).toMatchObject({ returnvalue: id, attemptsMade: 1 + fails, stalledCounter: 0 })
    }
    expect(only(said, 'lockLost', 'stalled')).toEqual([])
    expect(only(said, 'completed')).toHaveLength(names.length)
    expect(new Set(only(said, 'completed')).size).toBe(names.length)
    if (mood !== 'hung') expect(only(said, 'error').length).toBeGreaterThan(0)
    // No lease was lost, so nothing ran more often than it was told to.
    for (const id of names) expect(runs[id], id).toBe(id.endsWith('7') ? 2 : 1)
  })
})

test('a job whose lease was ended is said to have failed, though the store fails at what comes next', async () => {
  const { host, queue, said, store, worker } = stage()
  await queue.add('n', 1, { jobId: 'j' })
  const dying = new FaultStore(store.inner)
  const gone = new Worker('q', () => new Promise(() => {}), { store: dying, lockDuration: 1000 })
  gone.on('error', () => {})
  await host.idle()
  dying.die('silent')
  let retirements = 0
  store.moodOf = ([change]) =>
    change!.remove?.[0]?.[0] === 'reap:q' && change!.add === undefined && retirements++ === 0
      ? 'failed'
      : 'well'
  worker(() => undefined, { maxStalledCount: 0 })
  await host.advance(120_000)
  expect(retirements).toBeGreaterThan(0)
  expect(only(said, 'stalled', 'failed')).toEqual(['stalled j', expect.stringMatching(/^failed j/)])
})

test('jobs that came too late are said to have failed, though the store fails at some of them', async () => {
  const { host, queue, said, store, worker } = stage()
  await queue.pause()
  await queue.addBulk(jobs(ids(50), { ttl: 1000, deadLetter: 'dead' }))
  let calls = 0
  store.moodOf = (changes) =>
    changes.some(({ remove }) => remove?.some(([lane]) => lane === 'ttl:q')) && calls++ === 0
      ? 'failed'
      : 'well'
  worker(() => undefined)
  await host.advance(120_000)
  expect(calls).toBeGreaterThan(2)
  expect(only(said, 'failed')).toHaveLength(50)
})

describe('a settle whose answer was lost', () => {
  test.each([
    ['lost after', 'completed'],
    ['lost before', 'completed'],
    ['lost after', 'failed'],
    ['lost before', 'failed'],
    ['lost after', 'removed'],
    ['lost after', 'too large to be inside'],
  ] as const)('%s, %s: is announced once, as what it is, and lockLost never', async (mood, how) => {
    const { host, queue, said, store, worker } = stage()
    await queue.add('n', 1, { jobId: 'j', removeOnComplete: how === 'removed' })
    let lost = 0
    store.moodOf = (changes) => (settles(changes) && lost++ < 2 ? mood : 'well')
    worker(() => {
      if (how === 'failed') throw new Error('no')
      return how === 'too large to be inside' ? 'x'.repeat(3000) : 1
    })
    await host.advance(2000)
    expect(only(said, 'lockLost')).toEqual([])
    expect(only(said, 'completed', 'failed')).toHaveLength(1)
    expect(only(said, how === 'failed' ? 'failed' : 'completed')).toHaveLength(1)
    expect(lost).toBeGreaterThan(1)
  })

  test('is planned anew where it was not applied and somebody wrote to the job meanwhile', async () => {
    const { host, queue, said, store, worker } = stage()
    const job = await queue.add('n', 1, { jobId: 'j' })
    let lost = 0
    store.moodOf = (changes) => (settles(changes) && lost++ === 0 ? 'lost before' : 'well')
    worker(() => 'done')
    await host.idle()
    await job.log('from outside')
    await host.advance(1000)
    expect(lost).toBeLessThan(5)
    expect(only(said, 'completed', 'lockLost')).toEqual(['completed j "done"'])
    expect((await job.getLogs()).logs).toEqual(['from outside'])
  })

  test('does not hold up its neighbours of the same claim', async () => {
    const { host, queue, said, store, worker } = stage()
    await queue.addBulk(jobs(ids(6)))
    let lost = 0
    store.moodOf = (changes) => (settles(changes) && lost++ === 0 ? 'lost after' : 'well')
    worker((job) => job.id, { concurrency: 6 })
    await host.advance(1000)
    expect(only(said, 'completed').sort()).toEqual(ids(6).map((id) => `completed ${id} "${id}"`))
    expect(only(said, 'lockLost')).toEqual([])
  })
})

describe('a claim whose answer was lost', () => {
  test('is adopted where it was applied: nobody waits for its leases to expire', async () => {
    const { host, queue, said, store, worker } = stage()
    await queue.addBulk(jobs(ids(4)))
    let lost = 0
    store.moodOf = (changes) => (claims(changes) && lost++ === 0 ? 'lost after' : 'well')
    let most = 0
    let now = 0
    worker(
      async () => {
        most = Math.max(most, ++now)
        await new Promise<void>((resolve) => host.timer(20, resolve))
        now--
      },
      { concurrency: 3 },
    )
    await host.advance(1000)
    expect(only(said, 'completed')).toHaveLength(4)
    expect(only(said, 'stalled', 'lockLost')).toEqual([])
    expect(most).toBe(3)
    expect((await queue.getJob('j0'))!.attemptsStarted).toBe(1)
  })

  test('is made again where it was not', async () => {
    const { host, queue, said, store, worker } = stage()
    await queue.addBulk(jobs(ids(4)))
    let lost = 0
    store.moodOf = (changes) => (claims(changes) && lost++ === 0 ? 'lost before' : 'well')
    worker(() => 1, { concurrency: 3 })
    await host.advance(1000)
    expect(only(said, 'completed')).toHaveLength(4)
  })
})

test('it rests longer and longer, and not at all once the store is well', async () => {
  const { host, queue, said, store, worker } = stage()
  worker(() => 1)
  await host.idle()
  store.mood = 'failed'
  await queue.add('n', 1).catch(() => undefined)
  store.mood = 'well'
  await queue.add('n', 1, { jobId: 'j' })
  store.mood = 'failed'
  const before = store.calls
  await host.advance(14_000)
  const tries = store.calls - before
  expect(tries).toBeGreaterThan(5)
  expect(tries).toBeLessThan(15)
  expect(only(said, 'error')).toHaveLength(tries)
  store.mood = 'well'
  await host.advance(10_000)
  expect(await queue.getJobState('j')).toBe('completed')
})

test('a refusal that cannot be looked into is looked into again, and not without a rest', async () => {
  const { host, queue, said, store, worker } = stage()
  const watch = store.inner.watch.bind(store.inner)
  // The hint that says so is lost: hints are only hints.
  store.watch = (lanes, wake) => (lanes.includes('evicted:q') ? () => {} : watch(lanes, wake))
  await queue.add('n', 1, { jobId: 'j' })
  const end = gate()
  worker(() => end.promise)
  await host.idle()
  await queue.remove('j', { force: true })
  const inner = store.inner.scan.bind(store.inner)
  let looks = 0
  let broken = true
  store.inner.scan = (pages) => {
    looks++
    return broken ? Promise.reject(new Error('cannot look')) : inner(pages)
  }
  end.open()
  await host.advance(3000)
  expect(looks).toBeGreaterThan(2)
  expect(looks).toBeLessThan(20)
  broken = false
  await host.advance(10_000)
  expect(only(said, 'lockLost')).toEqual(['lockLost j'])
})

test('a store that cannot be opened is tried again until it can', async () => {
  const { host, queue, said, store, worker } = stage()
  await queue.add('n', 1, { jobId: 'j' })
  store.mood = 'failed'
  worker(() => 1)
  await host.advance(5000)
  expect(only(said, 'error').length).toBeGreaterThanOrEqual(5)
  store.mood = 'well'
  await host.advance(1000)
  expect(await queue.getJobState('j')).toBe('completed')
})

test('parts that cannot be read give the job back', async () => {
  const { host, queue, said, store, worker } = stage()
  await queue.add('n', 'x'.repeat(5000), { jobId: 'j' })
  const inner = store.inner.read.bind(store.inner)
  let failures = 2
  store.inner.read = (asked) =>
    asked.some((id) => id.startsWith('payload:')) && failures-- > 0
      ? Promise.reject(new Error('cannot read'))
      : inner(asked)
  worker(({ data }) => data.length)
  await host.advance(5000)
  expect((await queue.getJob('j'))!).toMatchObject({ returnvalue: 5000, attemptsMade: 1 })
  expect(only(said, 'error').length).toBe(2)
})

test('a store that is closed under a worker stops it: signals abort, one error, and close comes to an end', async () => {
  const { host, queue, said, store, worker, passing } = stage({ sound: false })
  await queue.add('n', 1)
  let reason: unknown
  const w = worker(
    (_, { signal }) =>
      new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => {
          reason = (signal.reason as { code: string }).code
          resolve()
        })
      }),
    { lockDuration: 1000 },
  )
  await host.idle()
  await store.close()
  await host.advance(5000)
  expect(['STORE_CLOSED', 'LOCK_LOST']).toContain(reason)
  await passing(60_000, w.close())
  expect(host.timers).toBe(0)
  expect(said.at(-1)).toBe('closed')
})

describe('a queue', () => {
  test.each([
    ['failed', 'failed'],
    ['lost before', 'unknown'],
    ['lost after', 'unknown'],
  ] as const)(
    'says with a code and an outcome what became of a call that was %s: %s',
    async (mood, outcome) => {
      const { queue, store } = stage()
      await queue.add('n', 1, { jobId: 'first' })
      store.moodOf = () => mood
      const before = JSON.stringify(await queue.getJobCounts())
      await expect(queue.add('n', 1, { jobId: 'j' })).rejects.toMatchObject({
        outcome,
        code: expect.stringMatching(/^STORE_/),
      })
      store.moodOf = () => 'well'
      if (mood !== 'lost after') expect(JSON.stringify(await queue.getJobCounts())).toBe(before)
      const again = await queue.add('n', 1, { jobId: 'j' })
      expect(again.deduplicated).toBe(mood === 'lost after')
      expect(await queue.count()).toBe(2)
    },
  )
})
