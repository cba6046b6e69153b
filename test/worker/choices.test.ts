/** What a worker is given to choose by: backoff strategies of its own, and handlers by name. */
import { describe, expect, test } from 'vitest'
import type { Job, WorkerOptions } from 'holdfast'
import { only, stage } from '../stage/stage.ts'

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
