/** Limits of a queue: how much runs at once and in a stretch of time, over any number of workers, and that nothing polls for room. */
import { describe, expect, test } from 'vitest'
import { RateLimitError, Worker } from 'holdfast'
import { windowLane } from '../../src/core/group-keys.ts'
import { RATE_MOST, WINDOW_KEYS } from '../../src/core/bounds.ts'
import { windowOf } from '../../src/core/limits.ts'
import { only, stage } from '../stage/stage.ts'

const many = (count: number, opts: object = {}) =>
  Array.from({ length: count }, (_, n) => ({ name: 'n', data: n, opts: { jobId: `j${n}`, ...opts } }))

/** Handlers that take so long, and how many of them run. */
function counting(ms: number) {
  const made = stage()
  const state = { running: 0, most: 0, starts: [] as number[] }
  const work = async (): Promise<void> => {
    state.starts.push(made.host.wall())
    state.most = Math.max(state.most, ++state.running)
    await new Promise<void>((resolve) => void made.host.timer(ms, resolve))
    state.running--
  }
  return { ...made, state, work }
}

/** The most starts in any stretch of so many ms. */
const densest = (starts: readonly number[], ms: number): number =>
  Math.max(0, ...starts.map((from) => starts.filter((at) => at >= from && at < from + ms).length))

describe('global concurrency', () => {
  test('holds over all workers, and every job runs', async () => {
    const { host, queue, worker, state, work } = counting(10)
    await queue.setGlobalConcurrency(3)
    expect(await queue.getGlobalConcurrency()).toBe(3)
    for (let n = 0; n < 3; n++) worker(work, { concurrency: 5 })
    await queue.addBulk(many(60))
    await host.advance(5)
    expect(await queue.isMaxed()).toBe(true)
    await host.advance(195)
    expect(state.most).toBe(3)
    expect(await queue.getCompletedCount()).toBe(60)
    expect(await queue.isMaxed()).toBe(false)
  })

  test('a worker that was refused is woken by the end of another worker’s job, and by nothing else', async () => {
    const { host, queue, store, worker, said } = stage()
    await queue.setGlobalConcurrency(1)
    const gates: (() => void)[] = []
    const wait = (): Promise<void> => new Promise((resolve) => void gates.push(resolve))
    const first = worker(wait)
    await queue.add('n', 1, { jobId: 'a' })
    await host.idle()
    worker(() => 1, { concurrency: 4 })
    await queue.add('n', 1, { jobId: 'b' })
    await host.idle()
    await first.pause(true)
    const before = store.calls
    await host.advance(1000)
    expect(store.calls).toBe(before)
    expect(only(said, 'active')).toEqual(['active a'])
    gates[0]!()
    await host.idle()
    expect(only(said, 'active', 'completed')).toEqual([
      'active a',
      'completed a undefined',
      'active b',
      'completed b 1',
    ])
  })

  test('room that a removal by force leaves is used', async () => {
    const { host, queue, worker, said } = stage()
    await queue.setGlobalConcurrency(1)
    worker(() => new Promise(() => undefined))
    await queue.add('n', 1, { jobId: 'a' })
    await host.idle()
    worker(() => 2, { name: 'v' })
    await queue.add('n', 1, { jobId: 'b' })
    await host.idle()
    await queue.remove('a', { force: true })
    await host.idle()
    expect(only(said, 'completed')).toEqual(['completed b 2'])
  })

  test('set while jobs run: those that were refused hear of ends that were sent before it was known', async () => {
    const { host, queue, worker, state, work } = counting(10)
    worker(work, { concurrency: 8 })
    worker(work, { concurrency: 8 })
    await queue.addBulk(many(60))
    await host.advance(5)
    await queue.setGlobalConcurrency(2)
    await host.advance(1)
    state.most = 0
    await host.advance(500)
    expect(await queue.getCompletedCount()).toBe(60)
    await queue.addBulk(many(20, { jobId: undefined }))
    state.most = 0
    await host.advance(200)
    expect(state.most).toBe(2)
    await queue.removeGlobalConcurrency()
    expect(await queue.getGlobalConcurrency()).toBeNull()
    await queue.addBulk(many(40, { jobId: undefined }))
    await host.advance(5)
    expect(state.running).toBe(16)
    await host.advance(100)
  })

  test('a queue that has all it may have is not drained', async () => {
    const { host, queue, worker, said } = counting(10)
    await queue.setGlobalConcurrency(1)
    worker(() => 1, { concurrency: 2 })
    await queue.addBulk(many(5))
    await host.advance(100)
    expect(only(said, 'drained')).toEqual(['drained'])
    expect(said.at(-1)).toBe('drained')
  })

  test('getNextJob gives nothing where there is no room, and its end wakes who waits', async () => {
    const { host, queue, store, worker, said } = stage()
    await queue.setGlobalConcurrency(1)
    const hand = new Worker('q', null, { store, name: 'hand' })
    await queue.addBulk(many(3))
    const job = (await hand.getNextJob())!
    expect(job.id).toBe('j0')
    expect(await hand.getNextJob()).toBeUndefined()
    worker(() => 1)
    await host.advance(10)
    expect(only(said, 'completed')).toEqual([])
    await job.moveToCompleted(1)
    await host.advance(10)
    expect(only(said, 'completed')).toHaveLength(2)
    await hand.close()
  })

  test.each([0, 1.5, 10_001, '3', null])('%s is refused', async (concurrency) => {
    const { queue } = stage()
    await expect(queue.setGlobalConcurrency(concurrency as number)).rejects.toMatchObject({
      code: 'OPTION_INVALID',
    })
  })
})

describe('a rate limit', () => {
  test.each([
    [1, 0],
    [2, 0],
    [4, 7],
  ])('of %i workers: never more in any window, and the budget is used', async (workers, ms) => {
    const { host, queue, worker, state, work } = counting(ms)
    const limiter = { max: 10, duration: 1000 }
    for (let n = 0; n < workers; n++) worker(work, { concurrency: 7, limiter })
    await queue.addBulk(many(100))
    await host.advance(30_000)
    expect(await queue.getCompletedCount()).toBe(100)
    expect(densest(state.starts, 1000)).toBe(10)
    expect(state.starts.at(-1)! - state.starts[0]!).toBeLessThan(9200)
  })

  test('set on the queue holds over workers without one, and ends when it is removed', async () => {
    const { host, queue, worker, state, work } = counting(0)
    worker(work, { concurrency: 10 })
    await queue.setGlobalRateLimit(5, 100)
    expect(await queue.getGlobalRateLimit()).toEqual({ max: 5, duration: 100 })
    await queue.addBulk(many(40))
    await host.advance(350)
    expect(state.starts).toHaveLength(20)
    expect(densest(state.starts, 100)).toBe(5)
    expect(await queue.getRateLimitTtl()).toBe(50)
    await queue.removeGlobalRateLimit()
    await host.advance(10)
    expect(state.starts).toHaveLength(40)
    expect(await queue.getGlobalRateLimit()).toBeNull()
  })

  test('of unlike limits the lower holds, whatever their windows are', async () => {
    const { host, queue, worker, state, work } = counting(0)
    await queue.setGlobalRateLimit(8, 1000)
    worker(work, { concurrency: 10, limiter: { max: 2, duration: 100 } })
    await queue.addBulk(many(30))
    await host.advance(4000)
    expect(densest(state.starts, 100)).toBe(2)
    expect(densest(state.starts, 1000)).toBe(8)
    expect(state.starts).toHaveLength(30)
  })

  test('smooth spreads the starts', async () => {
    const { host, queue, worker, state, work } = counting(0)
    worker(work, { concurrency: 10, limiter: { max: 10, duration: 1000, smooth: true } })
    await queue.addBulk(many(20))
    await host.advance(3000)
    const gaps = state.starts.slice(1).map((at, n) => at - state.starts[n]!)
    expect(new Set(gaps)).toEqual(new Set([100]))
  })

  test('a queue at its limit sleeps until its next slot, and one with nothing to do for ever', async () => {
    const { host, queue, store, worker, dump } = counting(0)
    worker(() => 1, { concurrency: 10, limiter: { max: 3, duration: 60_000 } })
    await queue.addBulk(many(5))
    await host.advance(1000)
    await host.advance(29_000)
    const before = store.calls
    await host.advance(29_000)
    expect(store.calls).toBe(before)
    await host.advance(2000)
    expect(await queue.getCompletedCount()).toBe(5)
    await host.advance(60_000)
    expect(dump().lanes.get(windowLane('q', 60_000)) ?? []).toEqual([])
    const idle = store.calls
    await host.advance(600_000)
    expect(store.calls).toBe(idle)
  })

  test('a job that has to wait keeps its place and its attempts', async () => {
    const { host, queue, worker, said } = stage()
    worker(() => 1, { limiter: { max: 1, duration: 100 } })
    await queue.add('n', 1, { jobId: 'a' })
    await queue.add('n', 1, { jobId: 'b' })
    await queue.add('n', 1, { jobId: 'c' })
    await host.advance(50)
    await queue.add('n', 1, { jobId: 'first', priority: 0, lifo: true })
    await host.advance(500)
    expect(only(said, 'active')).toEqual(['active a', 'active first', 'active b', 'active c'])
    expect(await queue.getJob('c')).toMatchObject({ attemptsMade: 1, attemptsStarted: 1 })
  })

  test('a job that comes within the window waits for its last millisecond', async () => {
    const { host, queue, worker, state, work } = counting(0)
    worker(work, { limiter: { max: 1, duration: 100 }, concurrency: 3 })
    await queue.add('n', 1)
    await host.advance(99)
    await queue.add('n', 1)
    await host.advance(1)
    expect(state.starts.map((at) => at - state.starts[0]!)).toEqual([0, 100])
  })

  test('costs nothing where it is not used: calls, records and keys of a job are what they were', async () => {
    const { host, queue, store, worker, dump } = stage()
    worker(() => 1)
    await host.advance(1000)
    const before = store.calls
    for (let n = 0; n < 100; n++) {
      await queue.add('n', 1)
      await host.idle()
    }
    // To add, to claim, to end and claim in vain, and what that leads to; retention looks once.
    expect(store.calls - before).toBe(401)
    const { records, lanes } = dump()
    expect([...records.keys()].filter((id) => id.startsWith('q:'))).toHaveLength(100)
    // Nothing of groups, batches or aging: no record beside the jobs', and keys of the plain form.
    expect([...records.keys()].filter((id) => !id.startsWith('q:'))).toEqual([])
    for (const record of records.values()) expect(record).toMatch(/"key":"0000000\/1\.\d{13}\.\w{26}"/)
    expect([...lanes].filter(([lane, keys]) => keys.length > 0 && !lane.startsWith('workers:'))).toHaveLength(
      1,
    )
  })

  test('getRateLimitTtl counts for the max that it is told, removeRateLimitKey gives the budget back', async () => {
    const { host, queue, worker, said } = stage()
    worker(() => 1, { limiter: { max: 2, duration: 1000 }, concurrency: 5 })
    await queue.addBulk(many(6))
    await host.advance(400)
    expect(await queue.getRateLimitTtl()).toBe(0)
    expect(await queue.getRateLimitTtl(2)).toBe(600)
    expect(await queue.getRateLimitTtl(3)).toBe(0)
    await queue.removeRateLimitKey()
    await host.idle()
    expect(only(said, 'completed')).toHaveLength(4)
  })

  test('obliterate leaves nothing of it', async () => {
    const { host, queue, worker, dump } = stage()
    const one = worker(() => 1, { limiter: { max: 20, duration: 1000 }, concurrency: 5 })
    await queue.setGlobalRateLimit(50, 5000)
    await queue.addBulk(many(20))
    await host.advance(1)
    await one.close()
    await queue.obliterate()
    const left = [...dump().lanes].filter(([lane, keys]) => keys.length > 0 && !lane.startsWith('audit:'))
    expect(left).toEqual([])
    expect([...dump().records.keys()]).toEqual([])
  })

  test('a suspect counts too, and holds nobody up that has room', async () => {
    const { host, queue, store, worker, said } = stage()
    const hand = new Worker('q', null, { store, name: 'hand', lockDuration: 1000 })
    await queue.addBulk(many(2))
    await hand.getNextJob()
    await hand.getNextJob()
    await hand.close()
    await host.advance(1500)
    worker(() => host.wall(), { maxStalledCount: 1, concurrency: 3, limiter: { max: 1, duration: 500 } })
    await host.advance(100)
    await queue.add('n', 1, { jobId: 'plain' })
    await host.advance(5000)
    const times = only(said, 'completed').map((line) => Number(line.split(' ')[2]))
    expect(times).toHaveLength(3)
    expect(times[1]! - times[0]!).toBeGreaterThanOrEqual(500)
    expect(times[2]! - times[1]!).toBeGreaterThanOrEqual(500)
    expect(times[2]! - times[0]!).toBeLessThan(2000)
  })

  test.each([
    [{ max: 0, duration: 1 }, 'limiter.max'],
    [{ max: 1 }, 'limiter.duration'],
    [{ max: 1, duration: 0 }, 'limiter.duration'],
    [{ max: 1, duration: 1, groupKey: 'g' }, 'groupKey'],
  ])('%j is refused', (limiter, field) => {
    const { store } = stage()
    expect(() => new Worker('q', () => 1, { store, limiter: limiter as never })).toThrow(field)
  })
})

describe('the window that keeps a limit', () => {
  test.each([
    [
      { max: 10, duration: 1000 },
      { max: 10, ms: 1000 },
    ],
    [
      { max: 10_000, duration: 1000 },
      { max: 10_000, ms: 1000 },
    ],
    [
      { max: 100_000, duration: 60_000 },
      { max: 10_000, ms: 6000 },
    ],
    [
      { max: RATE_MOST, duration: 10 },
      { max: WINDOW_KEYS, ms: 1 },
    ],
    [
      { max: 10, duration: 1000, smooth: true },
      { max: 1, ms: 100 },
    ],
    [
      { max: 3, duration: 1000, smooth: true },
      { max: 1, ms: 334 },
    ],
    [
      { max: 1, duration: 1000, smooth: true },
      { max: 1, ms: 1000 },
    ],
    [
      { max: 700, duration: 1000, smooth: true },
      { max: 14, ms: 20 },
    ],
  ])('%j', (limit, window) => {
    expect(windowOf(limit)).toEqual(window)
  })

  test('never lets more through than the limit, and wastes little', () => {
    for (const smooth of [false, true])
      for (const max of [1, 2, 3, 7, 10, 99, 100, 333, 1000, 9999, 10_001, 25_000, 123_456])
        for (const duration of [1, 7, 100, 333, 1000, 60_000, 3_600_000]) {
          const window = windowOf({ max, duration, smooth })
          expect(window.max).toBeLessThanOrEqual(WINDOW_KEYS)
          expect(Math.ceil(duration / window.ms) * window.max).toBeLessThanOrEqual(max)
          if (duration < 100 || max > 10_000 * duration) continue
          const used = (window.max / window.ms) * (duration / max)
          expect(used, `${max} in ${duration} ${smooth}`).toBeGreaterThan(0.95)
        }
  })
})

describe('a queue that is told to wait', () => {
  test('a 429: the job keeps its place, burns no attempt, and nothing is claimed until it is over', async () => {
    const { host, queue, store, worker, said } = stage()
    let limited = true
    const one: Worker = worker(async (job) => {
      if (!limited) return job.id
      await one.rateLimit(1000)
      throw Worker.RateLimitError()
    })
    await queue.addBulk(many(3))
    await host.advance(1)
    expect(await queue.getRateLimitTtl()).toBe(999)
    expect(await queue.getJobCounts('waiting', 'active')).toEqual({ waiting: 3, active: 0 })
    limited = false
    const before = store.calls
    await host.advance(998)
    expect(store.calls).toBe(before)
    expect(only(said, 'drained')).toEqual([])
    await host.advance(2)
    expect(only(said, 'completed')).toEqual(['completed j0 "j0"', 'completed j1 "j1"', 'completed j2 "j2"'])
    expect(await queue.getJob('j0')).toMatchObject({ attemptsMade: 1, attemptsStarted: 2 })
  })

  test('RateLimitError with a time says it itself; the longer wait holds', async () => {
    const { host, queue, worker, said } = stage()
    let tries = 0
    worker(() => {
      if (++tries === 1) throw new RateLimitError(1000)
    })
    await queue.add('n', 1)
    await host.advance(1)
    await queue.rateLimit(10)
    await host.advance(900)
    expect(tries).toBe(1)
    await host.advance(100)
    expect(tries).toBe(2)
    expect(only(said, 'failed')).toEqual([])
    await queue.rateLimit(60_000)
    await queue.add('n', 1)
    await host.advance(10)
    expect(tries).toBe(2)
    await queue.removeRateLimitKey()
    await host.idle()
    expect(tries).toBe(3)
    expect(await queue.getRateLimitTtl()).toBe(0)
  })

  test('a hold that cannot be stored lets the job come back later, and says so', async () => {
    const { host, queue, store, worker, said } = stage()
    let tries = 0
    worker(() => {
      if (++tries > 1) return
      store.mood = 'failed'
      throw new RateLimitError(1000)
    })
    await queue.add('n', 1)
    await host.advance(1)
    store.mood = 'well'
    await host.advance(60_000)
    expect(tries).toBeGreaterThan(1)
    expect(only(said, 'error').length).toBeGreaterThan(0)
  })
})
