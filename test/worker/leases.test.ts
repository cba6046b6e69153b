/** Leases: kept alive while handlers run, lost when they are not, ended by others; and jobs that take their worker along. */
import { describe, expect, test } from 'vitest'
import { HoldfastError, type Job, Worker } from 'holdfast'
import { MemoryContent } from 'holdfast/memory'
import { virtualHost } from 'holdfast/testing'
import { lanesOf } from '../../src/core/keys.ts'
import { renews } from '../faults/units.ts'
import { gate, only, stage } from '../stage/stage.ts'

test('a handler may run for as long as it likes: its lease is renewed', async () => {
  const { host, queue, said, worker } = stage()
  await queue.add('n', 1, { jobId: 'j' })
  worker(() => new Promise((resolve) => host.timer(3_600_000, () => resolve('done'))), { lockDuration: 1000 })
  worker(() => 'stolen', { lockDuration: 1000 })
  await host.advance(3_600_000)
  expect((await queue.getJob('j'))!).toMatchObject({ returnvalue: 'done', stalledCounter: 0 })
  expect(only(said, 'stalled', 'lockLost', 'error')).toEqual([])
})

test('a claim has its entry, by which its leases expire, until the last of its jobs has ended', async () => {
  const { host, queue, worker, store } = stage()
  await queue.addBulk(['brief', 'long'].map((name) => ({ name, data: null })))
  const long = gate<string>()
  worker((job) => (job.name === 'long' ? long.promise : undefined), { concurrency: 2 })
  await host.idle()
  expect(await queue.getJobCounts('active', 'completed')).toEqual({ active: 1, completed: 1 })
  const claims = { lane: lanesOf('q').claims }
  expect(await store.count([claims])).toEqual([1])
  long.open('done')
  await host.idle()
  expect(await store.count([claims])).toEqual([0])
})

describe('a lease that cannot be renewed', () => {
  test('is lost: the signal aborts with LOCK_LOST, the late result is discarded, lockLost comes once', async () => {
    const { host, queue, said, store, worker } = stage()
    await queue.add('n', 1, { jobId: 'j' })
    const late = gate<string>()
    let aborted: AbortSignal | undefined
    let runs = 0
    worker(
      (_, { signal }) => {
        if (++runs > 1) return 'second'
        aborted = signal
        return late.promise
      },
      { lockDuration: 1000, lockRenewTime: 400 },
    )
    await host.idle()
    store.moodOf = (changes) => (renews(changes) ? 'failed' : 'well')
    await host.advance(1600)
    expect(aborted!.aborted).toBe(true)
    expect(aborted!.reason).toBeInstanceOf(HoldfastError)
    expect(aborted!.reason).toMatchObject({ code: 'LOCK_LOST' })
    store.moodOf = () => 'well'
    await host.advance(1000)
    late.open('too late')
    await host.advance(5000)
    expect(only(said, 'lockLost')).toEqual(['lockLost j'])
    expect(only(said, 'completed')).toEqual(['completed j "second"'])
    expect((await queue.getJob('j'))!).toMatchObject({
      returnvalue: 'second',
      stalledCounter: 1,
      attemptsMade: 1,
    })
  })

  test('is taken by another worker, which reports the stall', async () => {
    const host = virtualHost()
    const content = new MemoryContent()
    const made = stage({ host, content })
    const { queue, said, store, worker } = made
    await queue.add('n', 1, { jobId: 'j' })
    const first = worker(() => new Promise(() => {}), { lockDuration: 1000 })
    await host.idle()
    // The first worker's process freezes: its calls go nowhere, another one's do.
    store.moodOf = (changes) => (renews(changes) ? 'failed' : 'well')
    const second = worker(() => 'rescued', { lockDuration: 1000 })
    await host.advance(1200)
    expect(only(said, 'stalled')).toEqual(['stalled j'])
    expect(only(said, 'lockLost')).toEqual(['lockLost j'])
    store.moodOf = () => 'well'
    await host.advance(1500)
    expect((await queue.getJob('j'))!).toMatchObject({
      returnvalue: 'rescued',
      stalledCounter: 1,
      attemptsMade: 1,
    })
    expect([first, second].every((one) => one.isRunning())).toBe(true)
    expect((await queue.getJob('j'))!.history.map(({ outcome }) => outcome)).toEqual(['stalled', 'completed'])
  })

  test('an unknown answer of a renewal loses nothing', async () => {
    for (const mood of ['lost before', 'lost after'] as const) {
      const { host, queue, said, store, worker } = stage()
      await queue.add('n', 1, { jobId: 'j' })
      worker(() => new Promise((resolve) => host.timer(5000, () => resolve('done'))), { lockDuration: 1000 })
      await host.idle()
      let lost = 0
      store.moodOf = (changes) => (renews(changes) && lost++ === 0 ? mood : 'well')
      await host.advance(5000)
      expect(lost).toBeGreaterThan(1)
      expect((await queue.getJob('j'))!).toMatchObject({ returnvalue: 'done', stalledCounter: 0 })
      expect(only(said, 'lockLost', 'stalled')).toEqual([])
    }
  })
})

test('a job removed by force while it runs: its result is discarded, lockLost comes once', async () => {
  const { host, queue, said, worker } = stage()
  await queue.add('n', 1, { jobId: 'j' })
  await queue.add('n', 1, { jobId: 'k' })
  const end = gate<string>()
  worker(() => end.promise, { concurrency: 2 })
  await host.idle()
  await expect(queue.remove('j')).rejects.toMatchObject({ code: 'JOB_STATE' })
  expect(await queue.remove('j', { force: true })).toBe(1)
  end.open('x')
  await host.idle()
  expect(only(said, 'lockLost', 'completed')).toEqual(['lockLost j', 'completed k "x"'])
  expect(await queue.getJob('j')).toBeUndefined()
})

test('what a handler writes after its lease was lost is refused', async () => {
  const { host, queue, worker } = stage()
  await queue.add('n', 1, { jobId: 'j' })
  const go = gate()
  const refused: unknown[] = []
  worker(async (job) => {
    await job.log('first')
    await job.updateProgress(1)
    await go.promise
    for (const write of [() => job.log('second'), () => job.updateProgress(2)]) {
      await write().catch((error: unknown) => refused.push((error as HoldfastError).code))
    }
  })
  await host.idle()
  await queue.remove('j', { force: true })
  await queue.add('n', 1, { jobId: 'j', delay: 1000 })
  go.open()
  await host.idle()
  expect(refused).toEqual(['LOCK_LOST', 'LOCK_LOST'])
  const anew = (await queue.getJob('j'))!
  expect(anew.progress).toBe(0)
  expect((await anew.getLogs()).count).toBe(0)
})

describe('when a process ends without a word', () => {
  /** A process whose workers never come back. */
  const killed = async (work: (job: Job) => unknown, jobs: readonly string[], concurrency = 10) => {
    const host = virtualHost()
    const content = new MemoryContent()
    const { queue, store, said } = stage({ host, content })
    await queue.addBulk(jobs.map((jobId) => ({ name: 'n', data: 1, opts: { jobId } })))
    const worker = new Worker('q', work as never, { store, concurrency, name: 'gone' })
    await host.idle()
    worker.removeAllListeners()
    worker.on('error', () => {})
    // Its calls reach the store no more: a newer one owns the content, and its own worker closes for itself.
    return { host, content, said, worker }
  }

  test('the next opening ends its leases at once', async () => {
    const { host, content, worker } = await killed(() => new Promise(() => {}), ['a', 'b'])
    const next = stage({ host, content })
    next.worker((job) => job.id)
    await host.idle()
    expect(only(next.said, 'stalled').sort()).toEqual(['stalled a', 'stalled b'])
    expect((await next.queue.getJob('a'))!).toMatchObject({
      stalledCounter: 1,
      attemptsMade: 0,
      attemptsStarted: 1,
    })
    await host.advance(1000)
    expect(only(next.said, 'completed')).toHaveLength(2)
    await next.passing(60_000, worker.close(true))
  })

  test('a job that takes its process along ends as STALLED after maxStalledCount + 1 grants, others complete', async () => {
    const host = virtualHost()
    const content = new MemoryContent()
    const first = stage({ host, content })
    const good = Array.from({ length: 20 }, (_, at) => `good${at}`)
    await first.queue.addBulk(
      [...good.slice(0, 10), 'poison1', 'poison2', ...good.slice(10)].map((jobId) => ({
        name: 'n',
        data: 1,
        opts: { jobId },
      })),
    )
    const grants: Record<string, number> = {}
    const dead: Worker[] = []
    let neighbours: string[] = []
    for (let life = 0; life < 12; life++) {
      const { store } = stage({ host, content })
      let aborted = false
      const running = new Set<string>()
      const worker = new Worker(
        'q',
        async (job: Job) => {
          grants[job.id] = (grants[job.id] ?? 0) + 1
          running.add(job.id)
          // A dead process does nothing more.
          if (aborted) await new Promise(() => {})
          if (job.id.startsWith('poison')) {
            if (grants[job.id] === 3) neighbours = [...running]
            aborted = true
            store.mood = 'hung'
            await new Promise(() => {})
          }
          await new Promise<void>((resolve) => host.timer(20, resolve))
          if (aborted) await new Promise(() => {})
          running.delete(job.id)
        },
        { store, concurrency: 10, maxStalledCount: 2, name: 'w' },
      )
      worker.on('error', () => {})
      dead.push(worker)
      await host.advance(20_000)
      if (!aborted) break
    }
    const last = stage({ host, content })
    for (const id of ['poison1', 'poison2']) {
      expect((await last.queue.getJob(id))!).toMatchObject({
        failedCode: 'STALLED',
        stalledCounter: 3,
        attemptsMade: 0,
      })
      expect(grants[id]).toBe(3)
    }
    // Its last run was alone: it took nobody along.
    expect(neighbours).toHaveLength(1)
    for (const id of good) {
      const job = (await last.queue.getJob(id))!
      expect(await job.getState()).toBe('completed')
      expect(job.attemptsMade).toBe(1)
      expect(job.stalledCounter).toBeLessThanOrEqual(2)
    }
    await last.passing(120_000, Promise.all(dead.map((worker) => worker.close(true))))
  })
})
