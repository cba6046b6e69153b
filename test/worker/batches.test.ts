/** Batches: one call of a handler for several jobs, each with a lease and an end of its own, and waiting for enough of them. */
import { describe, expect, test } from 'vitest'
import {
  type Job,
  type JobOptions,
  SnoozeError,
  UnrecoverableError,
  Worker,
  type WorkerOptions,
} from 'holdfast'
import type { JobContext } from '../../src/loops/attempt.ts'
import type { Change } from '../../src/store.ts'
import { gate, only, stage, type Stage } from '../stage/stage.ts'

const many = (count: number, opts: JobOptions = {}, from = 0) =>
  Array.from({ length: count }, (_, n) => ({
    name: 'n',
    data: n + from,
    opts: { jobId: `j${n + from}`, ...opts },
  }))

const idsOf = (job: Job): string[] => job.getBatch().map(({ id }) => id)

/** A worker that writes down the batches it gets. */
function batching(
  made: Stage,
  options: Partial<WorkerOptions>,
  work: (job: Job, context: JobContext) => unknown = () => 1,
) {
  const batches: string[][] = []
  const worker = made.worker((job, context) => {
    batches.push(idsOf(job))
    return work(job, context)
  }, options)
  return { batches, worker }
}

const gatheringIn = ({ dump }: Stage): number =>
  (dump().lanes.get('parked:q') ?? []).filter((key) => key.startsWith('*/')).length

describe('a batch', () => {
  test('is up to so many jobs in the order of the queue, and concurrency counts batches', async () => {
    const made = stage()
    const { host, queue, said } = made
    const hold = gate()
    const { batches } = batching(made, { batch: { size: 4 }, concurrency: 2 }, () => hold.promise)
    await queue.addBulk(many(11))
    await host.idle()
    expect(batches).toEqual([
      ['j0', 'j1', 'j2', 'j3'],
      ['j4', 'j5', 'j6', 'j7'],
    ])
    expect(await queue.getActiveCount()).toBe(8)
    hold.open()
    await host.idle()
    expect(batches[2]).toEqual(['j8', 'j9', 'j10'])
    expect(only(said, 'completed')).toHaveLength(11)
    expect(only(said, 'active')).toHaveLength(11)
    expect(said.at(-1)).toBe('drained')
  })

  test('that throws fails all of its jobs, each with its own attempts and backoff', async () => {
    const made = stage()
    const { host, queue, said } = made
    let calls = 0
    const { batches } = batching(made, { batch: { size: 5 } }, () => {
      if (++calls === 1) throw new Error('no')
      return 'done'
    })
    await queue.addBulk([...many(2, { attempts: 2, backoff: 100 }), ...many(1, {}, 2)])
    await host.advance(1000)
    expect(batches).toEqual([
      ['j0', 'j1', 'j2'],
      ['j0', 'j1'],
    ])
    expect(only(said, 'failed')).toEqual(['failed j0 no', 'failed j1 no', 'failed j2 no'])
    expect(await queue.getJob('j0')).toMatchObject({ attemptsMade: 2, returnvalue: 'done' })
    expect(await queue.getJob('j2')).toMatchObject({ attemptsMade: 1, failedCode: 'ATTEMPTS_EXHAUSTED' })
    expect((await queue.getJob('j0'))!.history.map(({ outcome }) => outcome)).toEqual(['failed', 'completed'])
  })

  test('may fail and complete single jobs, which end at once; the rest has what the handler gives', async () => {
    const made = stage()
    const { host, queue, said } = made
    const hold = gate()
    batching(made, { batch: { size: 6 } }, async (job) => {
      const [a, b, c, d] = job.getBatch()
      a!.setAsFailed(new Error('bad'))
      b!.setAsCompleted('own')
      c!.setAsFailed(new UnrecoverableError('never'))
      d!.setAsFailed(new SnoozeError(500))
      b!.setAsFailed(new Error('too late: the first word counts'))
      await hold.promise
      return 'all'
    })
    await queue.addBulk(many(6, { attempts: 2 }))
    await host.advance(10)
    expect(await queue.getJobState('j1')).toBe('completed')
    expect(await queue.getJobState('j2')).toBe('failed')
    expect(await queue.getJobState('j3')).toBe('delayed')
    expect(await queue.getJobState('j4')).toBe('active')
    // Its next attempt waits for a slot: this batch still has it.
    expect(await queue.getJobState('j0')).toBe('waiting')
    hold.open()
    await host.idle()
    expect(await queue.getJob('j1')).toMatchObject({ returnvalue: 'own', attemptsMade: 1 })
    expect(await queue.getJob('j2')).toMatchObject({ failedCode: 'UNRECOVERABLE', attemptsMade: 1 })
    expect(await queue.getJob('j4')).toMatchObject({ returnvalue: 'all' })
    expect(only(said, 'failed j0')).toEqual(['failed j0 bad', 'failed j0 bad'])
    expect(only(said, 'completed j1')).toEqual(['completed j1 "own"'])
  })

  test('is known to its handler alone: listeners get each job by itself, also while the handler goes on', async () => {
    const made = stage()
    const { host, queue } = made
    const hold = gate()
    let after: string[] = []
    const { batches, worker } = batching(made, { batch: { size: 3 } }, async (job) => {
      job.setAsCompleted('own')
      await hold.promise
      after = idsOf(job)
      throw new Error('no')
    })
    const told: string[][] = []
    worker.on('completed', (job) => told.push(idsOf(job)))
    worker.on('failed', (job) => told.push(idsOf(job!)))
    await queue.addBulk(many(3))
    await host.idle()
    expect(told).toEqual([['j0']])
    hold.open()
    await host.idle()
    expect(batches).toEqual([['j0', 'j1', 'j2']])
    expect(after).toEqual(batches[0])
    expect(told).toEqual([['j0'], ['j1'], ['j2']])
  })

  test('whose handler throws after it said how some end fails the others alone', async () => {
    const made = stage()
    const { host, queue } = made
    batching(made, { batch: { size: 3 } }, (job) => {
      job.setAsCompleted('mine')
      throw new Error('later')
    })
    await queue.addBulk(many(3))
    await host.idle()
    expect(await queue.getJobCounts('completed', 'failed')).toEqual({ completed: 1, failed: 2 })
    expect(await queue.getJob('j0')).toMatchObject({ returnvalue: 'mine' })
  })

  test('has its word on a job, however long it takes to judge it', async () => {
    const made = stage()
    const { host, queue } = made
    const slowly = (): Promise<boolean> => new Promise((resolve) => void host.timer(50, () => resolve(false)))
    batching(made, { batch: { size: 2 }, retryIf: slowly }, (job) => job.setAsFailed(new Error('no')))
    await queue.addBulk(many(2, { attempts: 2 }))
    await host.advance(100)
    expect(await queue.getJob('j0')).toMatchObject({ failedReason: 'no', failedCode: 'UNRECOVERABLE' })
    expect(await queue.getJobState('j1')).toBe('completed')
  })

  test('writes what its jobs wrote before they end', async () => {
    const made = stage()
    const { host, queue } = made
    batching(made, { batch: { size: 2 } }, (job, { log }) => {
      void log('of the first')
      for (const one of job.getBatch()) {
        void one.updateProgress(one.data)
        one.setAsCompleted(1)
      }
    })
    await queue.addBulk(many(2))
    await host.idle()
    expect(await queue.getJob('j1')).toMatchObject({ progress: 1, returnvalue: 1 })
    expect((await (await queue.getJob('j0'))!.getLogs()).logs).toEqual(['of the first'])
  })

  test('keeps a time limit for each job: one that is over fails, and the others go on', async () => {
    const made = stage()
    const { host, queue } = made
    const aborted: boolean[] = []
    batching(made, { batch: { size: 3 } }, async (job, { signal, signalOf }) => {
      await new Promise<void>((resolve) => void host.timer(500, resolve))
      aborted.push(...job.getBatch().map((one) => signalOf(one).aborted), signal.aborted)
    })
    await queue.addBulk([...many(1, { timeout: 100 }), ...many(2, {}, 1)])
    await host.advance(200)
    expect(await queue.getJob('j0')).toMatchObject({
      failedCode: 'TIMEOUT',
      failedReason: expect.stringContaining('100 ms'),
    })
    await host.advance(1000)
    expect(aborted).toEqual([true, false, false, false])
    expect(await queue.getCompletedCount()).toBe(2)
  })

  test('aborts its own signal once no job is left to work for', async () => {
    const made = stage()
    const { host, queue, said } = made
    let reason: unknown
    batching(made, { batch: { size: 3 } }, async (job, { signal }) => {
      job.setAsCompleted('done')
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      reason = signal.reason
    })
    await queue.addBulk([...many(2), ...many(1, { timeout: 300 }, 2)])
    await host.idle()
    await queue.cancel('j1', 'not wanted')
    await host.advance(200)
    expect(reason).toBeUndefined()
    await host.advance(200)
    expect(reason).toMatchObject({ code: 'TIMEOUT' })
    expect(only(said, 'cancelled')).toEqual(['cancelled j1 not wanted'])
    expect(await queue.getJob('j1')).toMatchObject({ failedCode: 'CANCELLED', attemptsMade: 0 })
    expect(await queue.getJob('j2')).toMatchObject({ failedCode: 'TIMEOUT' })
    expect(await queue.getJobState('j0')).toBe('completed')
  })

  test('loses single leases: what comes of those jobs is discarded', async () => {
    const made = stage()
    const { host, queue, said } = made
    const hold = gate()
    const seen: string[] = []
    batching(made, { batch: { size: 3 } }, async (job, { signalOf }) => {
      signalOf(job).addEventListener('abort', () => seen.push(job.id))
      await hold.promise
    })
    await queue.addBulk(many(3))
    await host.idle()
    await queue.remove('j0', { force: true })
    await host.idle()
    expect(seen).toEqual(['j0'])
    hold.open()
    await host.idle()
    expect(only(said, 'lockLost', 'completed')).toEqual([
      'lockLost j0',
      'completed j1 undefined',
      'completed j2 undefined',
    ])
  })

  test('is renewed as one claim, and stalls job by job when its worker is gone', async () => {
    const made = stage()
    const { host, queue, said } = made
    batching(made, { batch: { size: 3 }, lockDuration: 1000 }, () => new Promise(() => undefined))
    await queue.addBulk(many(3))
    await host.advance(10_000)
    expect(only(said, 'stalled', 'lockLost')).toEqual([])
    expect(made.dump().lanes.get('claims:q')).toHaveLength(1)
    // Another opening of the content: the leases of this one are over.
    const next = stage({ content: made.content, host })
    const again = batching(next, { batch: { size: 3 } })
    await host.advance(5000)
    expect(only(next.said, 'stalled').sort()).toEqual(['stalled j0', 'stalled j1', 'stalled j2'])
    expect(again.batches.flat().sort()).toEqual(['j0', 'j1', 'j2'])
    expect(await next.queue.getJob('j2')).toMatchObject({ stalledCounter: 1, attemptsMade: 1 })
  })
})

describe('of what is over in a batch', () => {
  const pass = ({ host }: Stage, ms: number): Promise<void> =>
    new Promise((resolve) => void host.timer(ms, resolve))
  /** A schema for numbers, which answers when `until` does. */
  const checking = (until: (value: number) => Promise<unknown>) => {
    const data = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: (value: number) => until(value).then(() => ({ value })),
      },
    }
    return { schemas: { n: { data } } as never }
  }

  test('jobs that were said to have ended abort nothing: not when leases are looked at, not by their time limits', async () => {
    const made = stage()
    const { host, queue, said } = made
    const aborted: unknown[] = []
    batching(made, { batch: { size: 3 }, lockDuration: 1000 }, async (job, { signal, signalOf }) => {
      const [a, b, c] = job.getBatch()
      const first = signalOf(a!)
      a!.setAsFailed(new Error('again'))
      b!.setAsCompleted(1)
      await pass(made, 2000)
      c!.setAsCompleted(1)
      await pass(made, 2000)
      aborted.push(first.aborted, signal.aborted)
    })
    await queue.addBulk([...many(1, { attempts: 2, backoff: 60_000 }), ...many(2, { timeout: 2500 }, 1)])
    await host.advance(100)
    await queue.cancel('j0')
    await host.advance(5000)
    expect(aborted).toEqual([false, false])
    expect(only(said, 'error', 'lockLost')).toEqual([])
  })

  test('a job that was said to have ended is told of no lease that is lost before the store knows its end', async () => {
    const made = stage()
    const { host, queue, store } = made
    const aborted: boolean[] = []
    batching(made, { batch: { size: 2 }, lockDuration: 1000 }, async (job, { signalOf }) => {
      const [a, b] = job.getBatch()
      const signals = [signalOf(a!), signalOf(b!)]
      store.moodOf = () => 'failed'
      a!.setAsCompleted(1)
      await pass(made, 3000)
      aborted.push(...signals.map((signal) => signal.aborted))
      store.moodOf = () => 'well'
    })
    await queue.addBulk(many(2))
    await host.advance(5000)
    expect(aborted).toEqual([false, true])
  })

  test('the order of the queue stays, whichever data are checked first', async () => {
    const made = stage()
    const { host, queue } = made
    const options = checking((value) => pass(made, 100 - value * 10))
    const { batches } = batching(made, { batch: { size: 3 }, ...options })
    await queue.addBulk(many(3))
    await host.advance(1000)
    expect(batches).toEqual([['j0', 'j1', 'j2']])
  })

  test('a job whose time was over, or whose lease was gone, before the handler was called is not given to it', async () => {
    const made = stage()
    const { host, queue, said } = made
    const options = checking((value) =>
      value === 0 ? new Promise(() => undefined) : pass(made, value * 100),
    )
    const { batches } = batching(made, { batch: { size: 4 }, lockDuration: 1000, ...options })
    await queue.addBulk([...many(1, { timeout: 500 }), ...many(3, {}, 1)])
    await host.advance(150)
    await queue.remove('j1', { force: true })
    await queue.cancel('j2')
    await host.advance(300)
    expect(batches).toEqual([])
    await host.advance(100)
    expect(batches).toEqual([['j3']])
    expect(await queue.getJob('j0')).toMatchObject({ failedCode: 'TIMEOUT' })
    expect(await queue.getJob('j2')).toMatchObject({ failedCode: 'CANCELLED' })
    expect(only(said, 'lockLost', 'completed')).toEqual(['lockLost j1', 'completed j3 1'])
    // Its check still goes on, but the slot is free again.
    await queue.addBulk(many(1, {}, 4))
    await host.advance(2000)
    expect(batches[1]).toEqual(['j4'])
    expect(only(said, 'error')).toEqual([])
  })
})

describe('the jobs of a batch', () => {
  test('are of one name where there are handlers by name, within the slot of their claim', async () => {
    const made = stage()
    const { host, queue, worker, said } = made
    const batches: string[][] = []
    const work = async (job: Job): Promise<void> => {
      batches.push(job.getBatch().map(({ name }) => name))
      await new Promise<void>((resolve) => void host.timer(10, resolve))
    }
    worker({ a: work, b: work }, { batch: { size: 4 }, perName: { b: { concurrency: 1 } } })
    await queue.addBulk(['a', 'b', 'a', 'b', 'c'].map((name) => ({ name, data: 1 })))
    await host.advance(5)
    expect(batches).toEqual([['a', 'a']])
    await host.advance(100)
    expect(batches).toEqual([['a', 'a'], ['b'], ['b']])
    expect(only(said, 'failed')).toHaveLength(1)
    expect((await queue.getFailed())[0]).toMatchObject({ failedCode: 'NO_HANDLER' })
  })

  test('of groups take turns as ever, so a batch has jobs of many', async () => {
    const made = stage()
    const { host, queue } = made
    const jobs = ['a', 'b', 'c'].flatMap((id) =>
      Array.from({ length: 4 }, (_, n) => ({
        name: 'n',
        data: 1,
        opts: { jobId: `${id}${n}`, group: { id } },
      })),
    )
    await queue.addBulk(jobs)
    const { batches } = batching(made, { batch: { size: 3, minSize: 2 }, group: { concurrency: 1 } })
    await host.advance(100)
    expect(batches[0]).toHaveLength(3)
    expect(new Set(batches[0]!.map((id) => id[0]))).toEqual(new Set(['a', 'b', 'c']))
    expect(await queue.getCompletedCount()).toBe(12)
    for (const batch of batches) expect(new Set(batch.map((id) => id[0])).size).toBe(batch.length)
  })

  test('each count for the limits of the queue, which go before its size', async () => {
    const made = stage()
    const { host, queue } = made
    await queue.setGlobalConcurrency(3)
    const { batches } = batching(made, {
      batch: { size: 5, minSize: 4, timeout: 100 },
      limiter: { max: 4, duration: 1000 },
    })
    await queue.addBulk(many(8))
    await host.advance(100)
    expect(batches.map(({ length }) => length).slice(0, 2)).toEqual([3, 1])
    await host.advance(5000)
    expect(await queue.getCompletedCount()).toBe(8)
  })

  test('that stalled too often run alone', async () => {
    const made = stage()
    const { host, queue } = made
    batching(made, { batch: { size: 3 }, maxStalledCount: 1 }, () => new Promise(() => undefined))
    await queue.addBulk(many(3))
    await host.idle()
    const next = stage({ content: made.content, host })
    const { batches } = batching(next, { batch: { size: 3 }, concurrency: 2, maxStalledCount: 1 })
    await host.advance(10_000)
    expect(batches.map(({ length }) => length)).toEqual([1, 1, 1])
  })

  test('whose data no schema takes fail, and the handler gets the others', async () => {
    const made = stage()
    const { host, queue } = made
    const hold = gate<number>()
    const numbers = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: async (value: unknown) =>
          typeof value === 'number' ? { value } : { issues: [{ message: 'no number' }] },
      },
    }
    const { batches } = batching(
      made,
      { batch: { size: 3 }, schemas: { n: { data: numbers, result: numbers } } as never },
      (job) => {
        job.setAsCompleted('no number')
        return hold.promise
      },
    )
    await queue.addBulk([...many(2), { name: 'n', data: 'text', opts: { jobId: 'bad' } }])
    await host.idle()
    await queue.addBulk(many(3, {}, 3))
    await host.idle()
    expect(batches).toEqual([['j0', 'j1']])
    expect(await queue.getActiveCount()).toBe(1)
    hold.open(7)
    await host.idle()
    expect(await queue.getJob('bad')).toMatchObject({ failedCode: 'SCHEMA_MISMATCH' })
    expect(await queue.getJob('j0')).toMatchObject({ failedCode: 'SCHEMA_MISMATCH' })
    expect(await queue.getJob('j1')).toMatchObject({ returnvalue: 7 })
  })

  test('are held once where all of them meet the same 429', async () => {
    const made = stage()
    const { host, queue, store } = made
    let calls = 0
    const { batches } = batching(made, { batch: { size: 60 } }, () => {
      if (++calls === 1) throw Object.assign(new Error('429'), { name: 'RateLimitError', ms: 1000 })
    })
    const before = store.calls
    await queue.addBulk(many(60))
    await host.advance(900)
    expect(batches).toHaveLength(1)
    expect(store.calls - before).toBeLessThan(30)
    await host.advance(200)
    expect(batches).toHaveLength(2)
    expect(await queue.getJob('j0')).toMatchObject({ attemptsMade: 1 })
  })

  test('have no batch elsewhere: a handler of one job gets it alone', async () => {
    const { host, queue, worker, said } = stage()
    worker((job) => {
      expect(job.getBatch()).toEqual([job])
      expect(() => job.setAsCompleted(1)).toThrow(expect.objectContaining({ code: 'NOT_SUPPORTED' }))
      job.setAsFailed(new Error('no'))
    })
    await queue.add('n', 1, { jobId: 'a' })
    await host.idle()
    expect(only(said, 'failed')).toEqual(['failed a job a is in no batch: throw the error'])
  })
})

describe('waiting for a batch', () => {
  test('goes on until there are enough; meanwhile jobs wait in nobody’s hands, and nothing is asked', async () => {
    const made = stage()
    const { host, queue, store, said } = made
    const { batches } = batching(made, { batch: { size: 5, minSize: 3 } })
    await queue.add('n', 1, { jobId: 'a', priority: 2 })
    await queue.add('n', 1, { jobId: 'b' })
    await host.advance(1000)
    const before = store.calls
    await host.advance(600_000)
    expect(store.calls).toBe(before)
    expect(batches).toEqual([])
    expect(await queue.getJobCounts()).toMatchObject({ waiting: 2, active: 0 })
    expect((await queue.getWaiting()).map(({ id }) => id)).toEqual(['b', 'a'])
    expect(await queue.explain('a')).toMatchObject({
      state: 'waiting',
      causes: [{ cause: 'gathering', jobs: 2 }],
    })
    expect(only(said, 'drained')).toEqual([])
    await queue.add('n', 1, { jobId: 'c', priority: 1 })
    await host.idle()
    expect(batches).toEqual([['b', 'c', 'a']])
    expect(only(said, 'drained')).toEqual(['drained'])
    await queue.addBulk(many(6))
    await host.idle()
    expect(gatheringIn(made)).toBe(1)
    expect(only(said, 'drained')).toEqual(['drained'])
  })

  test('ends after its timeout, which begins anew with the next batch', async () => {
    const made = stage()
    const { host, queue } = made
    const { batches } = batching(made, { batch: { size: 5, minSize: 3, timeout: 1000 } })
    await queue.add('n', 1, { jobId: 'a' })
    await host.advance(600)
    await queue.add('n', 1, { jobId: 'b' })
    await host.advance(399)
    expect(batches).toEqual([])
    await host.advance(1)
    expect(batches).toEqual([['a', 'b']])
    await queue.addBulk(many(7))
    await host.idle()
    expect(batches.slice(1).map(({ length }) => length)).toEqual([5])
    await host.advance(999)
    expect(batches).toHaveLength(2)
    await host.advance(1)
    expect(batches[2]).toEqual(['j5', 'j6'])
  })

  test('begins anew with a batch that was taken before it ended', async () => {
    const made = stage()
    const { host, queue } = made
    const { batches } = batching(made, { batch: { size: 5, minSize: 3, timeout: 1000 } })
    await queue.add('n', 1, { jobId: 'a' })
    await host.advance(600)
    await queue.addBulk(many(5))
    await host.advance(999)
    expect(batches.map(({ length }) => length)).toEqual([5])
    await host.advance(1)
    expect(batches.map(({ length }) => length)).toEqual([5, 1])
  })

  test('is over when the queue goes on that was paused meanwhile', async () => {
    const made = stage()
    const { host, queue } = made
    const { batches } = batching(made, { batch: { size: 5, minSize: 3, timeout: 1000 } })
    await queue.add('n', 1, { jobId: 'a' })
    await host.advance(100)
    await queue.pause()
    await host.advance(5000)
    expect(batches).toEqual([])
    await queue.resume()
    await host.idle()
    expect(batches).toEqual([['a']])
  })

  test('is shared by all workers: what two of them saw is one batch', async () => {
    const made = stage()
    const { host, queue } = made
    const first = batching(made, { batch: { size: 6, minSize: 5 } })
    const second = batching(made, { batch: { size: 6, minSize: 5 } })
    for (let n = 0; n < 5; n++) {
      await queue.add('n', n)
      await host.advance(10)
    }
    expect([...first.batches, ...second.batches].map(({ length }) => length)).toEqual([5])
  })

  test('ends where a worker comes that waits for none, and leaves nothing behind when its own closes', async () => {
    const made = stage()
    const { host, queue } = made
    const { worker, batches } = batching(made, { batch: { size: 4, minSize: 4 } })
    await queue.addBulk(many(3))
    await host.idle()
    expect(gatheringIn(made)).toBe(3)
    await made.passing(100, worker.close())
    expect(await queue.getWaitingCount()).toBe(3)
    const other = batching(made, {})
    await host.idle()
    expect(other.batches.flat()).toEqual(['j0', 'j1', 'j2'])
    expect(batches).toEqual([])
  })

  test.each([
    ['as many run as may', async ({ queue }: Stage) => queue.setGlobalConcurrency(1)],
    ['its rate is used up', async ({ queue }: Stage) => queue.setGlobalRateLimit(1, 5000)],
  ])('moves nothing to and fro in a queue whose workers differ, while %s', async (_, limit) => {
    const made = stage()
    const { host, queue, store } = made
    await limit(made)
    const hold = gate()
    const plain = { hold: hold.promise }
    batching(made, { concurrency: 3 }, () => plain.hold)
    await queue.add('n', 1)
    await host.idle()
    const few = batching(made, { batch: { size: 9, minSize: 3 } })
    batching(made, { batch: { size: 9, minSize: 9 } })
    await queue.addBulk(many(2))
    await host.idle()
    const before = store.calls
    await queue.addBulk(many(2, {}, 2))
    await host.advance(100)
    expect(store.calls - before).toBeLessThan(60)
    await queue.addBulk(many(4, {}, 4))
    hold.open()
    await host.advance(60_000)
    expect(await queue.getCompletedCount()).toBe(9)
    // One that waits for none finds room for what gathered meanwhile.
    await made.passing(100, few.worker.close())
    const again = gate()
    plain.hold = again.promise
    await queue.addBulk(many(3, {}, 10))
    await host.advance(100)
    again.open()
    await host.advance(60_000)
    expect(await queue.getCompletedCount()).toBe(12)
  })

  test('goes on until the rate of the queue has room for what gathered', async () => {
    const made = stage()
    const { host, queue } = made
    const { batches } = batching(made, {
      batch: { size: 2, minSize: 2 },
      limiter: { max: 2, duration: 5000 },
    })
    await queue.addBulk(many(2))
    await host.advance(100)
    await queue.addBulk(many(1, {}, 2))
    await host.advance(100)
    await queue.addBulk(many(1, {}, 3))
    await host.advance(4799)
    expect(batches).toHaveLength(1)
    await host.advance(1)
    expect(batches[1]).toEqual(['j2', 'j3'])
  })

  test('goes on until the rate of the queue has room that somebody takes as a batch is claimed', async () => {
    const made = stage()
    const { host, queue, store } = made
    await queue.setGlobalRateLimit(2, 5000)
    const hand = new Worker('q', null, { store, name: 'hand', lockDuration: 1_000_000 })
    const { batches } = batching(made, { batch: { size: 2, minSize: 2 } })
    await host.advance(100)
    const commit = store.commit.bind(store)
    store.commit = async (changes) => {
      if (!changes.some(({ move }) => move?.from.lane === 'ready:q')) return commit(changes)
      store.commit = commit
      await hand.getNextJob('t')
      await hand.getNextJob('t')
      return commit(changes)
    }
    await queue.addBulk(many(4))
    await host.advance(4999)
    expect(batches).toEqual([])
    await host.advance(1)
    expect(batches).toEqual([['j2', 'j3']])
    await hand.close()
  })

  test('ends with its worker, also in the middle of a look', async () => {
    const made = stage()
    const { host, queue, store } = made
    const { worker } = batching(made, { batch: { size: 4, minSize: 4, timeout: 600_000 } })
    await host.idle()
    // What is asked after this is answered once the worker closes.
    store.moodOf = () => {
      store.mood = 'hung'
      return 'well'
    }
    await queue.addBulk(many(2))
    await host.idle()
    const closing = worker.close()
    await host.idle()
    store.moodOf = () => 'well'
    store.mood = 'well'
    await made.passing(100, closing)
    expect(host.timers).toBe(0)
    expect(await queue.getWaitingCount()).toBe(2)
  })

  test('counts jobs that fall due', async () => {
    const made = stage()
    const { host, queue } = made
    const { batches } = batching(made, { batch: { size: 3, minSize: 3 } })
    await queue.addBulk([...many(2), ...many(1, { delay: 500 }, 2)])
    await host.advance(400)
    expect(batches).toEqual([])
    await host.advance(200)
    expect(batches).toEqual([['j0', 'j1', 'j2']])
  })

  test('jobs that wait can be cancelled, changed, removed and found', async () => {
    const made = stage()
    const { host, queue } = made
    const { batches } = batching(made, { batch: { size: 4, minSize: 4 } })
    await queue.addBulk(many(3, { tags: ['t'], priority: 5 }))
    await host.idle()
    expect(gatheringIn(made)).toBe(3)
    expect(await queue.getPrioritizedCount()).toBe(3)
    await (await queue.getJob('j2'))!.changePriority({ priority: 1 })
    expect((await queue.getWaiting()).map(({ id }) => id)).toEqual(['j2', 'j0', 'j1'])
    expect(await queue.cancel('j0')).toBe(true)
    expect((await queue.find({ state: 'waiting', tags: ['t'] })).jobs).toHaveLength(2)
    expect((await queue.verify()).problems).toEqual([])
    await queue.drain()
    expect(await queue.count()).toBe(0)
    await host.idle()
    expect(batches).toEqual([])
  })

  test('getNextJob takes them too', async () => {
    const made = stage()
    const { host, queue } = made
    batching(made, { batch: { size: 4, minSize: 4 } })
    await queue.addBulk(many(2))
    await host.idle()
    const hand = new Worker('q', null, { store: made.store })
    expect((await hand.getNextJob())!.id).toBe('j0')
    await (await hand.getNextJob())!.moveToCompleted(1)
    await hand.close()
  })
})

describe('batches through faults', () => {
  const options: Partial<WorkerOptions> = {
    batch: { size: 3, minSize: 2, timeout: 200 },
    concurrency: 2,
    lockDuration: 1000,
  }
  const produce = async ({ queue, host }: Stage): Promise<void> => {
    await queue.addBulk(many(3, { attempts: 3, backoff: 50 }))
    await host.advance(20)
    for (let n = 3; n < 8; n++) {
      await queue.addBulk(many(1, { attempts: 3, backoff: 50 }, n))
      await host.advance(20)
    }
  }
  /** One in three fails, by itself or with all of them, at its first attempt. */
  const work = (job: Job, { attempt }: JobContext): string => {
    for (const one of job.getBatch())
      if (one.attemptsMade === 0 && one.data % 3 === 0) one.setAsFailed(new Error('once'))
    if (attempt === 1 && job.data % 5 === 4) throw new Error('all')
    return 'done'
  }
  const isWorkers = (changes: readonly Change[]): boolean =>
    changes.some(
      ({ move, remove = [], hint = [] }) => move !== undefined || remove.length > 0 || hint.length > 0,
    )

  test.each(['failed', 'lost before', 'lost after'] as const)(
    'every call of the worker is once %s: every job ends',
    async (mood) => {
      let calls = 0
      for (let at = 0; at < Math.max(1, calls); at += 4) {
        const made = stage()
        let n = 0
        made.store.moodOf = (changes) => (isWorkers(changes) && n++ === at ? mood : 'well')
        batching(made, options, work)
        await produce(made)
        await made.host.advance(5000)
        expect(await made.queue.getJobCounts('completed', 'failed'), `call ${at}`).toEqual({
          completed: 8,
          failed: 0,
        })
        calls = n
      }
      expect(calls).toBeGreaterThan(10)
    },
  )

  test.each(['lost before', 'lost after'] as const)(
    'the process ends at any call (%s): every job ends at the next start',
    async (mood) => {
      let calls = 0
      for (let at = 0; at < Math.max(1, calls); at += 4) {
        const made = stage()
        let n = 0
        made.store.moodOf = (changes) => {
          if (!isWorkers(changes) || n++ < at) return 'well'
          return n - 1 === at ? mood : 'hung'
        }
        batching(made, options, work)
        await produce(made)
        const next = stage({ content: made.content, host: made.host })
        batching(next, options, work)
        await made.host.advance(5000)
        expect(await next.queue.getJobCounts('completed', 'failed'), `call ${at}`).toEqual({
          completed: 8,
          failed: 0,
        })
        calls = n
      }
    },
  )
})

describe('a worker with batches', () => {
  test('closes when they are done, and gives back what goes on', async () => {
    const made = stage()
    const { host, queue, said } = made
    const codes: unknown[] = []
    const { worker } = batching(made, { batch: { size: 3 } }, async (job, { signal }) => {
      job.setAsCompleted('kept')
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))
      codes.push(signal.reason)
    })
    await queue.addBulk(many(3))
    await host.idle()
    await made.passing(3000, worker.close({ timeout: 500 }))
    expect(only(said, 'failed')).toEqual([])
    expect(await queue.getJobCounts()).toMatchObject({ completed: 1, waiting: 2, active: 0 })
    expect(await queue.getJob('j1')).toMatchObject({ attemptsMade: 0, attemptsStarted: 1 })
    expect(made.dump().lanes.get('claims:q') ?? []).toEqual([])
  })

  test('gives the slot of a handler that does not heed its signal to another', async () => {
    const made = stage()
    const { host, queue, said } = made
    let calls = 0
    batching(made, { batch: { size: 2 }, lockDuration: 1000 }, () =>
      ++calls === 1 ? new Promise(() => undefined) : 1,
    )
    await queue.addBulk(many(2, { timeout: 100 }))
    await host.advance(500)
    await queue.addBulk(many(2, {}, 2))
    await host.advance(500)
    expect(calls).toBe(1)
    await host.advance(200)
    expect(calls).toBe(2)
    expect(only(said, 'error')).toEqual(['error TIMEOUT'])
  })

  test('heeds a changed concurrency, in batches', async () => {
    const made = stage()
    const { host, queue } = made
    const hold = gate()
    const { batches, worker } = batching(made, { batch: { size: 2 } }, () => hold.promise)
    await queue.addBulk(many(8))
    await host.idle()
    worker.concurrency = 3
    await host.idle()
    expect(batches).toHaveLength(3)
    worker.concurrency = 1
    hold.open()
    await host.idle()
    expect(batches).toHaveLength(4)
    expect(() => (worker.concurrency = 5001)).toThrow(/batch\.size/)
  })

  test('refuses options that make no sense, naming the field', () => {
    const { worker } = stage()
    const refusal = (batch: unknown, more: object = {}): string => {
      try {
        worker(() => 1, { batch, ...more } as never)
        return ''
      } catch (error) {
        return `${(error as { code: string }).code} ${(error as Error).message.split(' ')[0]}`
      }
    }
    expect(refusal({})).toBe('OPTION_INVALID batch.size')
    expect(refusal({ size: 0 })).toBe('OPTION_INVALID batch.size')
    expect(refusal({ size: 101 })).toBe('OPTION_INVALID batch.size')
    expect(refusal(10)).toBe('OPTION_INVALID batch')
    expect(refusal({ size: 2, minSize: 3 })).toBe('OPTION_INVALID batch.minSize')
    expect(refusal({ size: 2, minSize: 1.5 })).toBe('OPTION_INVALID batch.minSize')
    expect(refusal({ size: 2, timeout: 10 })).toBe('OPTION_INVALID batch.timeout')
    expect(refusal({ size: 2, minSize: 2, timeout: -1 })).toBe('OPTION_INVALID batch.timeout')
    expect(refusal({ size: 2, groupAffinity: true })).toBe('OPTION_INVALID batch')
    expect(refusal({ size: 100 }, { concurrency: 101 })).toBe('OPTION_INVALID batch.size')
    const { store } = stage()
    expect(() => new Worker('q', null, { store, batch: { size: 2 } })).toThrow(/^batch must be left out/)
  })
})
