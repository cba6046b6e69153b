/** How attempts end: results, failures and their backoff, what handlers ask for by throwing, and what is written down of it. */
import { describe, expect, test } from 'vitest'
import { RetryAfterError, SnoozeError, UnrecoverableError } from 'holdfast'
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
