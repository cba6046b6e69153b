/** Handlers and listeners that do the worst: whatever they throw is written down, bounded, and harms no other job. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { only, stage } from '../stage/stage.ts'

const thrower = (): never => {
  throw new Error('not to be read')
}
const everyTrap = new Proxy(
  {},
  Object.fromEntries(
    Object.getOwnPropertyNames(Reflect).map((trap) => [trap, thrower]),
  ) as ProxyHandler<object>,
)
const { proxy: revoked, revoke } = Proxy.revocable({}, {})
revoke()
class Broken extends Error {
  override get message(): string {
    return thrower()
  }
  override get name(): string {
    return thrower()
  }
  override get stack(): string {
    return thrower()
  }
}
const named = (name: string, field: string): object =>
  Object.defineProperty({ name }, field, { get: thrower, enumerable: true })

const ODD: readonly [string, unknown][] = [
  ['undefined', undefined],
  ['null', null],
  ['a symbol', Symbol('s')],
  ['a BigInt', 3n],
  ['a frozen error', Object.freeze(new Error('cold'))],
  ['a frozen object', Object.freeze({})],
  ['an error whose getters throw', new Broken()],
  ['a proxy that refuses everything', everyTrap],
  ['a revoked proxy', revoked],
  ['a retry-after that throws', named('RetryAfterError', 'retryAfter')],
  ['a retry-after that is a revoked proxy', { name: 'RetryAfterError', retryAfter: revoked }],
  ['a code that throws', named('HoldfastError', 'code')],
  ['10 MB of message', new Error('é'.repeat(5_000_000))],
]

describe('whatever a handler throws, the job fails and its neighbours do not notice', () => {
  test.each(ODD)('%s', async (_, thrown) => {
    const { host, queue, said, worker } = stage()
    await queue.addBulk(['a', 'bad', 'c'].map((jobId) => ({ name: 'n', data: 1, opts: { jobId } })))
    const w = worker(
      (job) => {
        if (job.id === 'bad') throw thrown
        return 'fine'
      },
      { concurrency: 3 },
    )
    w.on('failed', (_job, error) => expect(() => error instanceof Error).not.toThrow())
    await host.advance(1)
    const bad = (await queue.getJob('bad'))!
    expect(await bad.getState()).toBe('failed')
    expect(new TextEncoder().encode(bad.failedReason).length).toBeLessThanOrEqual(1024)
    expect(only(said, 'completed').sort()).toEqual(['completed a "fine"', 'completed c "fine"'])
    expect(only(said, 'error')).toEqual([])
  })

  test('a snooze that throws when it is read snoozes as short as can be', async () => {
    const { host, queue, worker } = stage()
    await queue.add('n', 1, { jobId: 'j' })
    let runs = 0
    worker(() => {
      if (++runs < 3) throw named('SnoozeError', 'ms')
    })
    await host.advance(2)
    expect((await queue.getJob('j'))!).toMatchObject({ attemptsMade: 1, attemptsStarted: 3 })
  })

  test('anything at all', async () => {
    await fc.assert(
      fc.asyncProperty(fc.anything({ withBigInt: true, withNullPrototype: true }), async (thrown) => {
        const { host, queue, said, worker } = stage()
        const job = await queue.add('n', 1)
        worker(() => {
          throw thrown
        })
        await host.idle()
        expect(await job.getState()).toBe('failed')
        expect(only(said, 'error')).toEqual([])
      }),
      { numRuns: 100 },
    )
  })

  test('also by rejecting, later', async () => {
    const { host, queue, worker } = stage()
    const job = await queue.add('n', 1)
    // oxlint-disable-next-line typescript/prefer-promise-reject-errors
    worker(() => new Promise((_, reject) => host.timer(50, () => reject(revoked))))
    await host.advance(50)
    expect(await job.getState()).toBe('failed')
  })
})

describe('a result that is no JSON fails the job for good, as its work is done', () => {
  const circular: Record<string, unknown> = {}
  circular['self'] = circular
  test.each<[string, unknown, RegExp]>([
    ['a BigInt', 1n, /BigInt/],
    ['a circle', circular, /circular/],
    ['too large', 'x'.repeat(300 * 1024), /300|307/],
    [
      'a toJSON that throws undefined',
      {
        toJSON: () => {
          throw undefined
        },
      },
      /not JSON/,
    ],
  ])('%s', async (_, result, said) => {
    const { host, queue, worker } = stage()
    const job = await queue.add('n', 1, { attempts: 3 })
    worker(() => result)
    await host.idle()
    const failed = (await queue.getJob(job.id))!
    expect(failed).toMatchObject({ failedCode: 'UNRECOVERABLE', attemptsMade: 1 })
    expect(failed.failedReason).toMatch(said)
  })
})

describe('a listener that throws', () => {
  const EVENTS = ['active', 'completed', 'failed', 'drained', 'retries-exhausted', 'progress'] as const

  test.each([
    ['an error', new Error('bad listener')],
    ['undefined', undefined],
    ['what throws when it is read', new Broken()],
    ['a revoked proxy', revoked],
  ])('%s is reported on error, and everything goes on', async (_, thrown) => {
    const { host, queue, said, worker } = stage()
    const w = worker(async (job) => {
      await job.updateProgress(1)
      if (job.id === 'b') throw new Error('no')
    })
    for (const event of EVENTS) {
      w.on(event, () => {
        throw thrown
      })
    }
    await queue.addBulk(['a', 'b', 'c'].map((jobId) => ({ name: 'n', data: 1, opts: { jobId } })))
    await host.idle()
    expect(only(said, 'completed').length + only(said, 'failed').length).toBe(3)
    expect(only(said, 'error').length).toBe(3 + 2 + 1 + 1 + 1 + 3)
  })

  test('later, being async, is reported too', async () => {
    const { host, queue, said, worker } = stage()
    const w = worker(() => 1)
    w.on('completed', async () => {
      await Promise.resolve()
      throw new Error('late')
    })
    await queue.add('n', 1)
    await host.idle()
    expect(only(said, 'error')).toEqual(['error late'])
  })

  test('on error is warned about, and that is the end of it', async () => {
    const { host, queue, worker } = stage()
    const w = worker(() => 1)
    w.on('error', () => {
      throw new Broken()
    })
    w.on('completed', () => {
      throw new Error('first')
    })
    await queue.add('n', 1)
    await host.idle()
    expect(host.warnings).toHaveLength(1)
    expect(host.warnings[0]).toContain("listener of 'error'")
  })

  test('of a queue is reported on the queue', async () => {
    const { queue } = stage()
    const errors: string[] = []
    queue.on('error', (error) => void errors.push(error.message))
    queue.on('waiting', () => {
      throw new Error('oh')
    })
    await queue.add('n', 1)
    expect(errors).toEqual(['oh'])
  })
})

test('an error that nobody hears is a warning', async () => {
  const { host, queue, worker } = stage()
  const w = worker(() => 1)
  w.removeAllListeners()
  w.on('completed', () => {
    throw new Broken()
  })
  await queue.add('n', 1)
  await host.idle()
  expect(host.warnings).toHaveLength(1)
  expect(host.warnings[0]).toContain('unheard error')
})

test('listeners come once, and go', async () => {
  const { host, queue, worker } = stage()
  const w = worker(() => 1)
  const heard: string[] = []
  const gone = (): void => void heard.push('gone')
  w.on('completed', gone)
    .once('completed', () => void heard.push('once'))
    .on('completed', () => void heard.push('on'))
  w.off('completed', gone)
  await queue.addBulk([1, 2].map((data) => ({ name: 'n', data })))
  await host.idle()
  expect(heard).toEqual(['once', 'on', 'on'])
})
