/** Closing: what runs may finish, is told to stop, is given back; afterwards nothing is left of a worker. */
import { describe, expect, test } from 'vitest'
import type { HoldfastError } from 'holdfast'
import { gate, only, stage } from '../stage/stage.ts'

/** A worker whose one handler runs for so long, and what its signal said. */
async function running(takes: number, heeds = false) {
  const made = stage()
  const { host, queue } = made
  const reasons: string[] = []
  await queue.add('n', 1, { jobId: 'j', attempts: 3 })
  await queue.add('n', 1, { jobId: 'next' })
  const w = made.worker(
    (_, { signal }) =>
      new Promise((resolve, reject) => {
        const cancel = host.timer(takes, () => resolve('done'))
        signal.addEventListener('abort', () => {
          reasons.push((signal.reason as HoldfastError).code)
          if (!heeds) return
          cancel()
          reject(new Error('stopped'))
        })
      }),
  )
  await host.idle()
  let closedAfter: number | undefined
  const close = (options?: Parameters<typeof w.close>[0]): Promise<void> => {
    const begin = host.monotonic()
    return w.close(options).then(() => void (closedAfter = host.monotonic() - begin))
  }
  return { ...made, w, reasons, close, closedAfter: () => closedAfter }
}

test('handlers may finish; nothing more is claimed', async () => {
  const { host, queue, said, close, closedAfter, reasons } = await running(20_000)
  void close()
  await host.advance(19_999)
  expect(closedAfter()).toBeUndefined()
  await host.advance(1)
  expect(closedAfter()).toBe(20_000)
  expect(reasons).toEqual([])
  expect((await queue.getJob('j'))!.returnvalue).toBe('done')
  expect(await queue.getJobState('next')).toBe('waiting')
  expect(only(said, 'closing', 'closed')).toEqual(['closing', 'closed'])
  expect(host.timers).toBe(0)
})

describe('after the timeout', () => {
  test('signals abort with CLOSING; a handler that heeds it gives its job back, no attempt burnt', async () => {
    const { host, queue, said, close, closedAfter, reasons } = await running(600_000, true)
    void close({ timeout: 5000 })
    await host.advance(5000)
    expect([closedAfter(), reasons]).toEqual([5000, ['CLOSING']])
    const job = (await queue.getJob('j'))!
    expect(await job.getState()).toBe('waiting')
    expect(job).toMatchObject({ attemptsMade: 0, attemptsStarted: 1, stalledCounter: 0 })
    expect(job.history.map(({ outcome }) => outcome)).toEqual(['released'])
    expect(only(said, 'failed', 'lockLost')).toEqual([])
  })

  test('one that ignores it has a second of grace, then its job is given back all the same', async () => {
    const { host, queue, close, closedAfter, reasons } = await running(60_000)
    void close({ timeout: 5000 })
    await host.advance(5999)
    expect([closedAfter(), reasons]).toEqual([undefined, ['CLOSING']])
    await host.advance(1)
    expect(closedAfter()).toBe(6000)
    expect(await queue.getJobState('j')).toBe('waiting')
    expect((await queue.getJob('j'))!.attemptsMade).toBe(0)
    expect(host.timers).toBe(1)
    await host.advance(60_000)
    expect(await queue.getJobState('j')).toBe('waiting')
    expect(host.timers).toBe(0)
  })

  test('a result within the grace counts', async () => {
    const { host, queue, close, closedAfter } = await running(5500)
    void close({ timeout: 5000 })
    await host.advance(6000)
    expect(closedAfter()).toBe(5500)
    expect(await queue.getJobState('j')).toBe('completed')
  })

  test('released jobs run at once in the next worker, before those that waited behind them', async () => {
    const { host, close, passing, worker, said } = await running(600_000, true)
    await passing(10, close(true))
    worker(() => 'again')
    await host.idle()
    expect(only(said, 'completed')).toEqual(['completed j "again"', 'completed next "again"'])
  })
})

test('true is a timeout of 0', async () => {
  const { host, close, closedAfter, reasons } = await running(600_000, true)
  void close(true)
  await host.advance(0)
  expect([closedAfter(), reasons]).toEqual([0, ['CLOSING']])
})

test('the default is 30 seconds', async () => {
  const { host, close, closedAfter } = await running(600_000, true)
  void close()
  await host.advance(29_999)
  expect(closedAfter()).toBeUndefined()
  await host.advance(1)
  expect(closedAfter()).toBe(30_000)
})

test('Infinity waits for as long as it takes', async () => {
  const { host, queue, close, closedAfter, reasons } = await running(7_200_000)
  void close({ timeout: Infinity })
  await host.advance(7_200_000)
  expect([closedAfter(), reasons]).toEqual([7_200_000, []])
  expect((await queue.getJob('j'))!).toMatchObject({ returnvalue: 'done', stalledCounter: 0 })
})

test('it is one close, however often it is called', async () => {
  const { w, host, said } = await running(1000)
  const closes = [w.close(), w.close(true), w.close({ timeout: 5 })]
  expect(new Set(closes).size).toBe(1)
  await host.advance(1000)
  await Promise.all(closes)
  expect(w.close()).toBe(closes[0])
  expect(only(said, 'closing', 'closed', 'completed')).toEqual(['closing', 'completed j "done"', 'closed'])
  expect(w.isRunning()).toBe(false)
})

test.each([{ timeout: -1 }, { timeout: NaN }, { timeout: '5' }, { soon: true }, 5, null])(
  'options that are %j are refused, and the worker goes on',
  async (options) => {
    const { worker } = stage()
    const w = worker(() => 1)
    const closing = async (): Promise<void> => w.close(options as never)
    await expect(closing()).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    expect(w.isRunning()).toBe(true)
  },
)

describe('before it has begun', () => {
  test('while the store opens', async () => {
    const { host, queue, store, worker, passing, said } = stage()
    await queue.add('n', 1)
    store.mood = 'hung'
    const w = worker(() => 1)
    await host.idle()
    await passing(100, w.close())
    store.mood = 'well'
    await host.advance(60_000)
    expect(only(said, 'active')).toEqual([])
    expect(await queue.count()).toBe(1)
    expect(host.timers).toBe(0)
  })

  test('in the same breath', async () => {
    const { host, worker, passing, said } = stage()
    await passing(100, worker(() => 1).close())
    expect(said).toEqual(['closing', 'closed'])
    expect(host.timers).toBe(0)
  })

  test('without ever having run', async () => {
    const { host, worker, passing } = stage()
    await passing(100, worker(() => 1, { autorun: false }).close())
    expect(host.timers).toBe(0)
  })

  test('while the store cannot be opened', async () => {
    const { host, store, worker, passing } = stage()
    store.mood = 'failed'
    const w = worker(() => 1)
    await host.advance(2500)
    await passing(100, w.close())
    await host.advance(60_000)
    expect(host.timers).toBe(0)
  })
})

describe('with a store that', () => {
  test.each(['hung', 'failed', 'lost before'] as const)(
    'is %s, it comes to an end and says what was left',
    async (mood) => {
      const { host, queue, said, store, close, closedAfter } = await running(1000)
      store.mood = mood
      void close({ timeout: 5000 })
      await host.advance(40_000)
      expect(closedAfter()).toBeLessThanOrEqual(5000 + 1000 + 5000 + 5000)
      expect(only(said, 'error', 'closed').slice(-2)).toEqual(['error STORE_FAILED', 'closed'])
      expect(host.timers).toBe(0)
      store.mood = 'well'
      await host.advance(120_000)
      expect(host.timers).toBe(0)
      expect(['active', 'completed']).toContain(await queue.getJobState('j'))
    },
  )

  test('recovers in time, it keeps every ending', async () => {
    const { host, queue, store, close, closedAfter } = await running(1000)
    store.mood = 'failed'
    void close({ timeout: 5000 })
    await host.advance(2000)
    store.mood = 'well'
    await host.advance(4000)
    expect(closedAfter()).toBeLessThan(6000)
    expect((await queue.getJob('j'))!.returnvalue).toBe('done')
  })
})

test('what was claimed while the worker closed is given back', async () => {
  const { host, queue, store, worker, said } = stage()
  await queue.add('n', 1, { jobId: 'j' })
  const w = worker(() => 1)
  store.moodOf = (changes) => (changes.some(({ move }) => move !== undefined) ? 'hung' : 'well')
  await host.idle()
  // The claim is on its way; it arrives when the worker has released all it has.
  const closing = w.close(true)
  await host.advance(1500)
  store.mood = 'well'
  await host.advance(20_000)
  await closing
  expect(only(said, 'completed')).toEqual([])
  expect((await queue.getJob('j'))!).toMatchObject({ attemptsMade: 0 })
  expect(await queue.getJobState('j')).toBe('waiting')
})

test('await using closes a worker, and leaves the store open', async () => {
  const { host, queue, worker, passing } = stage()
  const block = async (): Promise<void> => {
    await using _ = worker(() => 1)
    await host.idle()
  }
  await passing(100, block())
  expect(host.timers).toBe(0)
  await queue.add('n', 1)
  expect(await queue.count()).toBe(1)
})

test('a job that adds jobs while the worker closes may do so', async () => {
  const { host, queue, worker } = stage()
  const go = gate()
  await queue.add('n', 1, { jobId: 'j' })
  const w = worker(async () => {
    await go.promise
    await queue.add('n', 2, { jobId: 'child' })
  })
  await host.idle()
  const closing = w.close()
  go.open()
  await host.advance(10)
  await closing
  expect(await queue.getJobState('child')).toBe('waiting')
})
