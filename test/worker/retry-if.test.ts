/** Which errors are worth another attempt, as the worker's `retryIf` has it, and when that comes. */
import { RetryAfterError, SnoozeError, UnrecoverableError, Worker, retryHttp } from 'holdfast'
import { describe, expect, test } from 'vitest'
import { only, stage } from '../stage/stage.ts'

const HOUR = 3_600_000
const opts = { attempts: 5, backoff: 1000, jobId: 'j' }

/** A job whose handler throws this at each attempt. */
async function played(thrown: unknown, retryIf: unknown, jobOptions: object = {}, ms = 0) {
  const made = stage()
  const { host, queue, worker } = made
  await queue.add('n', { n: 1 }, { ...opts, ...jobOptions })
  worker(
    () => {
      throw thrown
    },
    { retryIf: retryIf as never },
  )
  await host.advance(ms)
  return { ...made, job: (await queue.getJob('j'))! }
}

describe('retryIf', () => {
  test('false fails the job for good', async () => {
    const { job, said } = await played(new Error('no'), () => false)
    expect(job).toMatchObject({ failedCode: 'UNRECOVERABLE', failedReason: 'no', attemptsMade: 1 })
    expect(only(said, 'exhausted')).toEqual(['exhausted j 1'])
  })

  test('true leaves it to the backoff', async () => {
    const { job, host } = await played(new Error('no'), () => true, {}, 999)
    expect(job).toMatchObject({ failedCode: undefined, attemptsMade: 1 })
    await host.advance(1)
    expect((await played(new Error('no'), () => true, {}, 10_000)).job).toMatchObject({
      failedCode: 'ATTEMPTS_EXHAUSTED',
      attemptsMade: 5,
    })
  })

  test('a number is waited instead of the backoff, a date waited for', async () => {
    expect((await played(new Error('no'), () => 5000, {}, 4999)).job.attemptsMade).toBe(1)
    expect((await played(new Error('no'), () => 5000, {}, 5000)).job.attemptsMade).toBe(2)
    const { job, host, queue } = await played(new Error('no'), () => new Date(Date.UTC(2026, 0, 1, 2)))
    expect(await job.getState()).toBe('delayed')
    await host.advance(2 * HOUR - 1)
    expect((await queue.getJob('j'))!.attemptsMade).toBe(1)
    await host.advance(1)
    expect((await queue.getJob('j'))!.attemptsMade).toBeGreaterThan(1)
  })

  test('a time of the past is now', async () => {
    expect((await played(new Error('no'), () => new Date(0))).job).toMatchObject({
      attemptsMade: 5,
      failedCode: 'ATTEMPTS_EXHAUSTED',
    })
  })

  test('waits at most the maxDelay that the job gives, else as long as it was told', async () => {
    const backoff = { type: 'fixed', delay: 10, maxDelay: 3000 }
    expect((await played(new Error('no'), () => 9 * HOUR, { backoff }, 3000)).job.attemptsMade).toBe(2)
    expect((await played(new Error('no'), () => 48 * HOUR, {}, 48 * HOUR - 1)).job.attemptsMade).toBe(1)
  })

  test('may take its time, and gets the error and the job', async () => {
    const error = new Error('no')
    const asked: unknown[] = []
    const { job } = await played(error, async (given: unknown, about: { id: string; data: unknown }) => {
      await Promise.resolve()
      asked.push(given, about.id, about.data)
      return false
    })
    expect(asked).toEqual([error, 'j', { n: 1 }])
    expect(job.failedCode).toBe('UNRECOVERABLE')
  })

  test('is asked at the last attempt too: the code is of the error, not of how often it was tried', async () => {
    expect((await played(new Error('no'), () => false, { attempts: 1 })).job.failedCode).toBe('UNRECOVERABLE')
    expect((await played(new Error('no'), () => true, { attempts: 1 })).job.failedCode).toBe(
      'ATTEMPTS_EXHAUSTED',
    )
  })

  test('is not asked about what says itself what is to be done', async () => {
    const asked: unknown[] = []
    const ask = (error: unknown): boolean => {
      asked.push(error)
      return true
    }
    expect((await played(new UnrecoverableError('no'), ask)).job.failedCode).toBe('UNRECOVERABLE')
    expect((await played(new SnoozeError(100), () => false)).job.attemptsMade).toBe(0)
    expect((await played(new RetryAfterError('no', 2000), () => false, {}, 2000)).job.attemptsMade).toBe(2)
    expect(asked).toEqual([])
  })

  test('is not asked where there is no handler: another worker may have one', async () => {
    const { host, queue, worker } = stage()
    await queue.add('other', 1, opts)
    worker({ n: () => 1 }, { retryIf: () => false })
    await host.idle()
    expect((await queue.getJob('j'))!).toMatchObject({ attemptsMade: 1, failedCode: undefined })
  })

  test.each<[string, () => unknown]>([
    ['throws', () => JSON.parse('{')],
    ['rejects', () => Promise.reject(new Error('oh'))],
    ['gives undefined', () => undefined],
    ['gives text', () => '5s'],
    ['gives NaN', () => NaN],
    ['gives an invalid Date', () => new Date(NaN)],
  ])('that %s is reported, and the job tried again', async (_, retryIf) => {
    const { job, said } = await played(new Error('no'), retryIf)
    expect(only(said, 'error')).toEqual(['error OPTION_INVALID'])
    expect(job).toMatchObject({ attemptsMade: 1, failedCode: undefined })
    expect(await job.getState()).toBe('delayed')
  })

  test('holds for jobs taken by hand', async () => {
    const { queue, store } = stage()
    await queue.add('n', 1, opts)
    const hands = new Worker('q', null, { store, retryIf: retryHttp })
    const job = (await hands.getNextJob())!
    await job.moveToFailed(Object.assign(new Error('gone'), { status: 410 }))
    expect((await queue.getJob('j'))!.failedCode).toBe('UNRECOVERABLE')
    await hands.close()
  })

  test('is a function', () => {
    expect(() => stage().worker(() => 1, { retryIf: 'always' as never })).toThrow(
      /retryIf must be a function/,
    )
  })
})

describe('retryHttp', () => {
  const failing = (status: number, headers: object = {}) =>
    Object.assign(new Error(`status ${status}`), { response: { status, headers } })

  test('fails for good what stays as it is', async () => {
    expect((await played(failing(404), retryHttp)).job.failedCode).toBe('UNRECOVERABLE')
    expect((await played(new Error('[PERMANENT] no'), retryHttp)).job.failedCode).toBe('UNRECOVERABLE')
  })

  test('tries the rest again', async () => {
    expect((await played(failing(503), retryHttp, {}, 4000)).job).toMatchObject({
      attemptsMade: 5,
      failedCode: 'ATTEMPTS_EXHAUSTED',
    })
  })

  test('waits as it is told, to the millisecond', async () => {
    const seconds = failing(429, new Headers({ 'retry-after': '90' }))
    expect((await played(seconds, retryHttp, {}, 89_999)).job.attemptsMade).toBe(1)
    expect((await played(seconds, retryHttp, {}, 90_000)).job.attemptsMade).toBe(2)
    const date = failing(429, { 'Retry-After': 'Thu, 01 Jan 2026 00:10:00 GMT' })
    expect((await played(date, retryHttp, {}, 599_999)).job.attemptsMade).toBe(1)
    expect((await played(date, retryHttp, { attempts: 2 }, 600_000)).job.attemptsMade).toBe(2)
  })
})
