/** Trying again within a handler: waits by the worker's clock, and ends with the lease. */
import { RetryAfterError, SnoozeError, UnrecoverableError, retry, retryHttp } from 'holdfast'
import { virtualHost } from 'holdfast/testing'
import { describe, expect, test } from 'vitest'
import { only, stage } from '../stage/stage.ts'

/** Fails so often, then works; tells when it was called. */
function flaky(times: number, now: () => number, error: unknown = new Error('not yet')) {
  const calls: number[] = []
  const call = (attempt: number): string => {
    calls.push(now())
    if (calls.length <= times) throw error
    return `at ${attempt}`
  }
  return { calls, call }
}

describe('in a handler', () => {
  test('the waits are of its worker', async () => {
    const { host, queue, worker, said } = stage()
    const began = host.wall()
    const { calls, call } = flaky(2, () => host.wall() - began)
    worker((_, { signal }) => retry(call, { type: 'exponential', delay: 1000 }, { signal }))
    await queue.add('n', 1, { jobId: 'j' })
    await host.advance(2999)
    expect(calls).toEqual([0, 1000])
    await host.advance(1)
    expect(calls).toEqual([0, 1000, 3000])
    expect(only(said, 'completed')).toEqual(['completed j "at 3"'])
  })

  test('a wait ends with the signal, and no further try is made', async () => {
    const { host, queue, worker } = stage()
    const { calls, call } = flaky(9, () => 0)
    const w = worker((_, { signal }) => retry(call, 60_000, { signal, attempts: 9 }))
    await queue.add('n', 1, { jobId: 'j' })
    await host.advance(60_000)
    let closed = false
    void w.close({ timeout: 500 }).then(() => (closed = true))
    await host.advance(500)
    expect(closed).toBe(true)
    expect(calls).toHaveLength(2)
    expect((await queue.getJob('j'))!).toMatchObject({ attemptsMade: 0, attemptsStarted: 1 })
    expect(host.timers).toBe(0)
  })

  test('what is thrown last is what the attempt failed with', async () => {
    const { host, queue, worker } = stage()
    worker((_, { signal }) =>
      retry(
        (attempt) => {
          throw new Error(`try ${attempt}`)
        },
        10,
        { signal, attempts: 4 },
      ),
    )
    await queue.add('n', 1, { jobId: 'j' })
    await host.advance(30)
    expect((await queue.getJob('j'))!.failedReason).toBe('try 4')
  })
})

describe('retry', () => {
  const timed = async <T>(host: ReturnType<typeof virtualHost>, ms: number, trying: Promise<T>) => {
    const outcome = trying.then(
      (value) => value,
      (error: unknown) => error,
    )
    await host.advance(ms)
    return outcome
  }

  test('tries three times where nothing is said', async () => {
    const host = virtualHost()
    const error = new Error('no')
    const { calls, call } = flaky(Infinity, () => 0, error)
    expect(await timed(host, 200, retry(call, 100, { host }))).toBe(error)
    expect(calls).toHaveLength(3)
    expect(host.timers).toBe(0)
  })

  test.each([
    ['UnrecoverableError', new UnrecoverableError('no')],
    ['SnoozeError', new SnoozeError(5)],
  ])('%s ends it at once', async (_, error) => {
    const host = virtualHost()
    const { calls, call } = flaky(Infinity, () => 0, error)
    expect(await timed(host, 0, retry(call, 100, { host }))).toBe(error)
    expect(calls).toHaveLength(1)
  })

  test('RetryAfterError and retryIf say when to try again, or that there is no use', async () => {
    const host = virtualHost()
    const since = host.wall()
    const now = (): number => host.wall() - since
    const later = flaky(1, now, new RetryAfterError('no', new Date(since + 700)))
    await timed(host, 700, retry(later.call, 100, { host }))
    expect(later.calls).toEqual([0, 700])
    const told = flaky(1, now, { status: 429, headers: { 'retry-after': '2' } })
    await timed(host, 2000, retry(told.call, 100, { host, retryIf: retryHttp }))
    expect(told.calls).toEqual([700, 2700])
    const gone = flaky(1, now, { status: 404 })
    expect(await timed(host, 0, retry(gone.call, 100, { host, retryIf: retryHttp }))).toEqual({ status: 404 })
    expect(gone.calls).toHaveLength(1)
  })

  test('a signal that is aborted before it begins lets nothing be called', async () => {
    const reason = new Error('over')
    const { calls, call } = flaky(0, () => 0)
    await expect(retry(call, 100, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    expect(calls).toEqual([])
  })

  test('a signal that is aborted while it is called ends it with the reason', async () => {
    const reason = new Error('over')
    const controller = new AbortController()
    const trying = retry(
      async () => {
        controller.abort(reason)
        throw new Error('aborted, says the client')
      },
      0,
      { signal: controller.signal },
    )
    await expect(trying).rejects.toBe(reason)
  })

  test('leaves nothing behind on its signal', async () => {
    const host = virtualHost()
    const { signal } = new AbortController()
    let listening = 0
    const add = signal.addEventListener.bind(signal)
    const drop = signal.removeEventListener.bind(signal)
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listening++
      add(...args)
    }
    signal.removeEventListener = (...args: Parameters<typeof drop>) => {
      listening--
      drop(...args)
    }
    await timed(host, 1000, retry(flaky(2, () => 0).call, 100, { host, signal }))
    expect(listening).toBe(0)
  })

  test('elsewhere waits by the clock of the system', async () => {
    expect(await retry(flaky(1, () => 0).call, 1)).toBe('at 2')
  })

  test.each<[string, () => Promise<unknown>]>([
    ['backoff.type', () => retry(() => 1, { type: 'mine' })],
    ['backoff', () => retry(() => 1, -1)],
    ['attempts', () => retry(() => 1, 1, { attempts: 0 })],
    ['retryIf', () => retry(() => 1, 1, { retryIf: 7 as never })],
    ['"tries"', () => retry(() => 1, 1, { tries: 3 } as never)],
  ])('refuses a wrong %s', async (field, refused) => {
    await expect(refused()).rejects.toMatchObject({
      code: 'OPTION_INVALID',
      message: expect.stringContaining(field),
    })
  })
})
