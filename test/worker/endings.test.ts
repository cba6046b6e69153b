/** How attempts end: results, failures and their backoff, what handlers ask for by throwing, and what is written down of it. */
import { describe, expect, test } from 'vitest'
import { type Job, RetryAfterError, SnoozeError, UnrecoverableError, type WorkerOptions } from 'holdfast'
import { only, stage } from '../stage/stage.ts'

/** Throws what it is given, call by call; then it succeeds. */
const throwing = (...errors: unknown[]) => {
  const left = [...errors]
  return () => {
    if (left.length > 0) throw left.shift()
    return 'done'
  }
}

test('a job that completes has its result, and one entry of history', async () => {
  const { host, queue, said, worker } = stage()
  const start = host.wall()
  const job = await queue.add('sum', { a: 1, b: 2 })
  worker(({ data, name, id }) => ({ name, id, sum: data.a + data.b }))
  await host.idle()
  const done = (await queue.getJob(job.id))!
  expect(done).toMatchObject({
    name: 'sum',
    data: { a: 1, b: 2 },
    returnvalue: { name: 'sum', id: job.id, sum: 3 },
    attemptsMade: 1,
    attemptsStarted: 1,
    stalledCounter: 0,
    processedBy: 'w',
    processedOn: start,
    finishedOn: start,
    timestamp: start,
    history: [{ attempt: 1, outcome: 'completed', startedAt: start, endedAt: start, worker: 'w' }],
  })
  expect(done.failedReason).toBeUndefined()
  expect(await done.getState()).toBe('completed')
  expect(await done.isCompleted()).toBe(true)
  expect(said).toEqual([
    `active ${job.id}`,
    `completed ${job.id} ${JSON.stringify(done.returnvalue)}`,
    'drained',
  ])
})

test('a result larger than a head has a record of its own, and comes back', async () => {
  const { host, queue, worker, content } = stage()
  const job = await queue.add('n', 'ü'.repeat(2000))
  worker(({ data }) => data + data)
  await host.idle()
  expect((await queue.getJob(job.id))!.returnvalue).toBe('ü'.repeat(4000))
  expect([...content.records.keys()].sort()).toEqual([
    `payload:q:${job.id}`,
    `q:${job.id}`,
    `result:q:${job.id}`,
  ])
})

test('a job that fails is tried again after its backoff, until its attempts are used up', async () => {
  const { host, queue, said, worker } = stage()
  const job = await queue.add('n', 1, {
    attempts: 3,
    backoff: { type: 'exponential', delay: 1000 },
    jobId: 'j',
  })
  const starts: number[] = []
  const begin = host.wall()
  worker(() => {
    starts.push(host.wall() - begin)
    throw new Error(`no ${starts.length}`)
  })
  await host.advance(999)
  expect(await job.getState()).toBe('delayed')
  expect((await queue.getJob('j'))!).toMatchObject({ failedReason: 'no 1', attemptsMade: 1 })
  await host.advance(10_000)
  expect(starts).toEqual([0, 1000, 3000])
  expect(only(said, 'failed', 'exhausted', 'completed')).toEqual([
    'failed j no 1',
    'failed j no 2',
    'failed j no 3',
    'exhausted j 3',
  ])
  const failed = (await queue.getJob('j'))!
  expect(failed).toMatchObject({
    failedReason: 'no 3',
    failedCode: 'ATTEMPTS_EXHAUSTED',
    attemptsMade: 3,
    attemptsStarted: 3,
  })
  expect(failed.history.map(({ attempt, outcome, error }) => [attempt, outcome, error?.message])).toEqual([
    [1, 'failed', 'no 1'],
    [2, 'failed', 'no 2'],
    [3, 'failed', 'no 3'],
  ])
  expect(failed.stacktrace).toHaveLength(3)
  expect(failed.stacktrace[0]).toContain('no 1')
  expect(await failed.isFailed()).toBe(true)
})

test('without a backoff it is tried again at once, before what waits behind it', async () => {
  const { host, queue, worker } = stage()
  await queue.add('n', 1, { attempts: 2, jobId: 'a' })
  await queue.add('n', 1, { jobId: 'b' })
  const ran: string[] = []
  worker((job) => {
    ran.push(job.id)
    if (ran.length === 1) throw new Error('no')
  })
  await host.idle()
  expect(ran).toEqual(['a', 'a', 'b'])
})

test('the newest twenty entries of a history are kept, in order, however it ends', async () => {
  const { host, queue, worker } = stage()
  let runs = 0
  await queue.add('n', 1, { attempts: 30, jobId: 'j', keepLogs: 0 })
  worker(() => {
    if (++runs < 27) throw new Error(`no ${runs}`)
  })
  await host.idle()
  const { history, attemptsMade } = (await queue.getJob('j'))!
  expect(attemptsMade).toBe(27)
  expect(history.map(({ attempt }) => attempt)).toEqual(Array.from({ length: 20 }, (_, at) => at + 8))
  expect(history.at(-1)!.outcome).toBe('completed')
})

describe('what a handler throws decides', () => {
  test('UnrecoverableError: no further attempt', async () => {
    const { host, queue, said, worker } = stage()
    await queue.add('n', 1, { attempts: 5, jobId: 'j' })
    worker(throwing(new UnrecoverableError('never')))
    await host.idle()
    expect((await queue.getJob('j'))!).toMatchObject({ failedCode: 'UNRECOVERABLE', attemptsMade: 1 })
    expect(only(said, 'failed')).toEqual(['failed j never'])
  })

  test('its name counts, as it may be of another copy of the package', async () => {
    const { host, queue, worker } = stage()
    await queue.add('n', 1, { attempts: 5, jobId: 'j' })
    worker(throwing(Object.assign(new Error('never'), { name: 'UnrecoverableError' })))
    await host.idle()
    expect((await queue.getJob('j'))!.failedCode).toBe('UNRECOVERABLE')
  })

  test.each<[string, (now: number) => unknown, number]>([
    ['milliseconds', () => 5000, 5000],
    ['a point in time', (now) => new Date(now + 7000), 7000],
    ['a point in the past', (now) => new Date(now - 7000), 0],
    ['a week', () => 7 * 86_400_000, 7 * 86_400_000],
    ['nothing', () => 0, 0],
    ['something negative', () => -5, 0],
    ['an invalid date', () => new Date(NaN), 300],
    ['no number at all', () => 'soon', 300],
  ])('RetryAfterError with %s', async (_, after, expected) => {
    const { host, queue, worker } = stage()
    const begin = host.wall()
    await queue.add('n', 1, { attempts: 2, backoff: 300, jobId: 'j' })
    worker(throwing(new RetryAfterError('later', after(begin) as number)))
    await host.advance(Math.max(0, expected - 1))
    expect((await queue.getJob('j'))!.returnvalue).toBe(expected === 0 ? 'done' : undefined)
    await host.advance(1)
    expect((await queue.getJob('j'))!).toMatchObject({ returnvalue: 'done', attemptsMade: 2 })
  })

  test('RetryAfterError of the last attempt is the end', async () => {
    const { host, queue, worker } = stage()
    await queue.add('n', 1, { jobId: 'j' })
    worker(throwing(new RetryAfterError('later', 5)))
    await host.idle()
    expect((await queue.getJob('j'))!.failedCode).toBe('ATTEMPTS_EXHAUSTED')
  })

  test.each([
    [1000, 1000],
    [3 * 86_400_000, 3 * 86_400_000],
    [0, 1],
    [NaN, 1],
    [-5, 1],
  ])('SnoozeError(%d) comes back after %d ms and burns no attempt', async (ms, expected) => {
    const { host, queue, said, worker } = stage()
    await queue.add('n', 1, { jobId: 'j' })
    worker(throwing(new SnoozeError(ms)))
    await host.idle()
    expect((await queue.getJob('j'))!).toMatchObject({ attemptsMade: 0, attemptsStarted: 1 })
    await host.advance(expected - 1)
    expect(await queue.getJobState('j')).toBe('delayed')
    await host.advance(1)
    expect((await queue.getJob('j'))!).toMatchObject({
      attemptsMade: 1,
      attemptsStarted: 2,
      returnvalue: 'done',
    })
    expect((await queue.getJob('j'))!.history.map(({ outcome }) => outcome)).toEqual(['snoozed', 'completed'])
    expect(only(said, 'failed')).toEqual([])
  })
})

describe('strategies of the worker', () => {
  type Strategy = NonNullable<WorkerOptions['backoffStrategies']>[string]
  const play = async (strategy: Strategy | undefined, maxDelay?: number) => {
    const made = stage()
    const { host, queue, said, worker } = made
    await queue.add('n', 1, { attempts: 3, backoff: { type: 'mine', delay: 70, maxDelay }, jobId: 'j' })
    const begin = host.wall()
    const starts: number[] = []
    const backoffStrategies: Record<string, Strategy> = strategy === undefined ? {} : { mine: strategy }
    worker(
      () => {
        starts.push(host.wall() - begin)
        throw new Error(`no ${starts.length}`)
      },
      { backoffStrategies },
    )
    await host.advance(100_000_000)
    return { starts, errors: only(said, 'error'), job: (await queue.getJob('j'))! }
  }

  test('are given attempt, error and job', async () => {
    const asked: unknown[] = []
    const { starts, errors } = await play((attempt, error, job: Job) => {
      asked.push([attempt, (error as Error).message, job.id])
      return attempt * 500
    })
    expect(asked).toEqual([
      [1, 'no 1', 'j'],
      [2, 'no 2', 'j'],
    ])
    expect(starts).toEqual([0, 500, 1500])
    expect(errors).toEqual([])
  })

  test('may take their time', async () => {
    expect((await play(async () => 40)).starts).toEqual([0, 40, 80])
  })

  test('may give -1: the job fails for good', async () => {
    const { starts, job } = await play(() => -1)
    expect(starts).toEqual([0])
    expect(job).toMatchObject({ failedCode: 'UNRECOVERABLE', attemptsMade: 1 })
  })

  test.each<[string, () => number]>([
    ['NaN', () => NaN],
    ['a text', () => 'x' as never],
    ['something negative', () => -2],
    ['nothing', () => undefined as never],
    ['a symbol', () => Symbol('s') as never],
    ['something that cannot be shown', () => ({ toString: 5 }) as never],
    [
      'an error',
      () => {
        throw new Error('broken')
      },
    ],
    [
      'something thrown that is no error',
      () => {
        throw undefined
      },
    ],
  ])('that give %s are reported, and the job waits its delay', async (_, strategy) => {
    const { starts, errors } = await play(strategy)
    expect(starts).toEqual([0, 70, 140])
    expect(errors).toEqual(['error OPTION_INVALID', 'error OPTION_INVALID'])
  })

  test('that are missing are reported, and the job waits its delay', async () => {
    const { starts, errors } = await play(undefined)
    expect(starts).toEqual([0, 70, 140])
    expect(errors).toHaveLength(2)
  })

  test('wait for as long as maxDelay allows', async () => {
    expect((await play(() => 5000, 200)).starts).toEqual([0, 200, 400])
    expect((await play(() => 30 * 86_400_000)).starts).toEqual([0, 86_400_000])
  })
})

describe('handlers by name', () => {
  test('get the jobs of their names', async () => {
    const { host, queue, worker } = stage()
    const ran: string[] = []
    worker({ a: () => void ran.push('a'), b: () => void ran.push('b') })
    await queue.addBulk(['b', 'a', 'b'].map((name) => ({ name, data: 1 })))
    await host.idle()
    expect(ran).toEqual(['b', 'a', 'b'])
  })

  test.each(['other', '__proto__', 'constructor', 'toString'])(
    'none for %s: NO_HANDLER, by its own attempts',
    async (name) => {
      const { host, queue, said, worker } = stage()
      await queue.add(name, 1, { attempts: 2, backoff: 100, jobId: 'j' })
      worker({ a: () => undefined })
      await host.advance(99)
      expect((await queue.getJob('j'))!).toMatchObject({ attemptsMade: 1 })
      await host.advance(1)
      expect((await queue.getJob('j'))!).toMatchObject({ attemptsMade: 2, failedCode: 'NO_HANDLER' })
      expect(only(said, 'failed')).toHaveLength(2)
    },
  )

  test('a later worker that has one takes it', async () => {
    const { host, queue, worker, passing } = stage()
    await queue.add('new', 1, { attempts: 2, backoff: 100, jobId: 'j' })
    const first = worker({ a: () => undefined })
    await host.idle()
    await passing(10, first.close())
    worker({ new: () => 'ok' })
    await host.advance(100)
    expect((await queue.getJob('j'))!.returnvalue).toBe('ok')
  })
})

test('the context has claim, attempt, fence and signal; fences rise, claims never repeat', async () => {
  const { host, queue, worker } = stage()
  const seen: { token: string; attempt: number; fence: number }[] = []
  await queue.add('n', 1, { attempts: 4, jobId: 'j' })
  worker((job, { token, attempt, fence, signal }, third) => {
    seen.push({ token, attempt, fence })
    expect(third).toBe(signal)
    expect(job.fence).toBe(fence)
    expect(job.attemptsStarted).toBe(attempt)
    if (attempt < 4) throw new Error('no')
  })
  await host.idle()
  expect(seen.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4])
  expect(new Set(seen.map(({ token }) => token)).size).toBe(4)
  const fences = seen.map(({ fence }) => fence)
  expect(fences).toEqual([...new Set(fences)].sort((a, b) => a - b))
})
