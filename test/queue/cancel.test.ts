/** Cancelling: in every state, from outside and from within, and what becomes of it whatever the holder does. */
import { describe, expect, test } from 'vitest'
import { HoldfastError, Queue, Worker } from 'holdfast'
import { openLedger } from '../../src/ledger/ledger.ts'
import { settles } from '../faults/units.ts'
import { gate, only, stage } from '../stage/stage.ts'

const cancelled = { failedCode: 'CANCELLED', failedReason: 'not wanted' }

function heard(queue: Queue): string[] {
  const said: string[] = []
  queue.on('cancelled', (id, reason) => said.push(`cancelled ${id} ${reason}`))
  queue.on('failed', (job, error, prev) =>
    said.push(`failed ${job.id} ${(error as HoldfastError).code} ${job.failedReason} from ${prev}`),
  )
  return said
}

describe('a job that is not being run', () => {
  test.each([
    ['waiting', {}],
    ['delayed', { delay: 5000 }],
  ] as const)('that is %s fails at once, and what is its own stays', async (state, options) => {
    const { host, queue, worker, said } = stage()
    const own = heard(queue)
    const job = await queue.add(
      'n',
      { text: 'x'.repeat(3000) },
      { jobId: 'j', attempts: 5, tags: ['t'], ...options },
    )
    await job.log('a line')
    expect(await queue.cancel('j', 'not wanted')).toBe(true)
    expect(own).toEqual(['cancelled j not wanted', `failed j CANCELLED not wanted from ${state}`])
    const kept = (await queue.getJob('j'))!
    expect(kept).toMatchObject({ ...cancelled, attemptsMade: 0, attemptsStarted: 0, tags: ['t'] })
    expect((await kept.getLogs()).logs).toEqual(['a line'])
    expect(kept.data.text).toHaveLength(3000)
    worker(() => 'ran')
    await host.advance(10_000)
    expect(await queue.getJobState('j')).toBe('failed')
    expect(said.filter((line) => line !== 'drained')).toEqual([])
  })

  test('of which nothing is kept is gone with all its records', async () => {
    const { queue, dump } = stage()
    const own = heard(queue)
    const job = await queue.add(
      'n',
      { text: 'x'.repeat(3000) },
      { jobId: 'j', removeOnFail: true, keepLogs: 200 },
    )
    await job.log('a line')
    expect(await queue.cancel('j')).toBe(true)
    expect(own).toEqual([
      'cancelled j the job was cancelled',
      'failed j CANCELLED the job was cancelled from waiting',
    ])
    expect(await queue.getJob('j')).toBeUndefined()
    expect([...dump().records.keys()]).toEqual([])
  })

  test('that is cancelled twice says so once', async () => {
    const { queue } = stage()
    const own = heard(queue)
    await queue.add('n', 1, { jobId: 'j' })
    expect(await queue.cancel('j', 'not wanted')).toBe(true)
    expect(await queue.cancel('j', 'really not')).toBe(true)
    expect(own).toHaveLength(2)
    expect((await queue.getJob('j'))!).toMatchObject(cancelled)
  })

  test('that finished, or is not there, is not cancelled', async () => {
    const { host, queue, worker } = stage()
    worker(() => 1)
    await queue.add('n', 1, { jobId: 'j' })
    await host.idle()
    expect(await queue.cancel('j')).toBe(false)
    expect(await queue.cancel('nobody')).toBe(false)
    expect((await queue.getJob('j'))!.returnvalue).toBe(1)
  })

  test('can be put back in line', async () => {
    const { host, queue, worker } = stage()
    const job = await queue.add('n', 1, { jobId: 'j' })
    expect(await job.cancel('not wanted')).toBe(true)
    expect(job.failedCode).toBe('CANCELLED')
    await job.retry()
    worker(() => 'ran')
    await host.idle()
    expect((await queue.getJob('j'))!).toMatchObject({ returnvalue: 'ran', failedCode: undefined })
  })

  test('that is parked fails at once', async () => {
    const { host, queue, worker } = stage()
    const held = gate()
    worker(() => held.promise, { concurrency: 2, perName: { n: { concurrency: 1 } } })
    await queue.add('n', 1)
    await queue.add('n', 1, { jobId: 'j' })
    await host.idle()
    expect(await queue.cancel('j', 'not wanted')).toBe(true)
    expect(await queue.getJobState('j')).toBe('failed')
    held.open()
  })

  test.each([7, '', null])('takes no reason like %j', async (reason) => {
    const { queue, dump } = stage()
    await expect(queue.cancel('j', reason as never)).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    expect(dump().records.size).toBe(0)
  })
})

describe('a job that is being run', () => {
  test('hears of it at once, and fails whatever it gives', async () => {
    const { host, queue, said, worker } = stage()
    const own = heard(queue)
    let reason: unknown
    await queue.add('n', 1, { jobId: 'j', attempts: 5 })
    worker(
      (_, { signal }) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            reason = signal.reason
            resolve('done all the same')
          })
        }),
    )
    await host.idle()
    expect(await queue.cancel('j', 'not wanted')).toBe(true)
    await host.idle()
    expect(reason).toMatchObject({ code: 'CANCELLED', message: 'not wanted' })
    expect(own).toEqual([])
    expect(said).toEqual(['active j', 'cancelled j not wanted', 'failed j not wanted', 'drained'])
    const job = (await queue.getJob('j'))!
    expect(job).toMatchObject({ ...cancelled, attemptsMade: 0, attemptsStarted: 1, returnvalue: undefined })
    expect(job.history).toMatchObject([{ outcome: 'cancelled', error: { message: 'not wanted' } }])
  })

  test.each([
    ['throws', () => Promise.reject(new Error('no'))],
    ['gives a large result', () => Promise.resolve('x'.repeat(5000))],
  ] as const)('has failed where its handler heard of nothing and %s', async (_, end) => {
    const { host, queue, store, said, worker } = stage()
    await queue.add('n', 1, { jobId: 'j', attempts: 5 })
    const held = gate()
    worker(() => held.promise.then(end))
    await host.idle()
    store.arm({ hints: 'drop' })
    expect(await queue.cancel('j', 'not wanted')).toBe(true)
    held.open()
    await host.idle()
    expect(only(said, 'cancelled', 'failed', 'completed', 'exhausted')).toEqual([
      'cancelled j not wanted',
      'failed j not wanted',
    ])
    expect((await queue.getJob('j'))!).toMatchObject({ ...cancelled, attemptsMade: 0 })
  })

  test('hears of it with the next renewal where hints are lost', async () => {
    const { host, queue, store, worker } = stage()
    await queue.add('n', 1, { jobId: 'j' })
    let at: number | undefined
    worker(
      (_, { signal }) =>
        new Promise((resolve) =>
          signal.addEventListener('abort', () => {
            at = host.wall()
            resolve(1)
          }),
        ),
      { lockDuration: 1000 },
    )
    await host.idle()
    store.arm({ hints: 'drop' })
    const asked = host.wall()
    await queue.cancel('j')
    await host.advance(500)
    expect(at! - asked).toBeLessThanOrEqual(500)
    expect(await queue.getJobState('j')).toBe('failed')
  })

  test('fails as cancelled where its process dies, and is not said to stall', async () => {
    const { host, queue, store, said, worker, passing } = stage()
    await queue.add('n', 1, { jobId: 'j', attempts: 5 })
    const dead = new Worker('q', () => new Promise(() => undefined), { store, lockDuration: 1000 })
    await host.idle()
    await queue.cancel('j', 'not wanted')
    // As the end of a process would have it: it renews no more, and stores nothing.
    store.moodOf = (changes) => (settles(changes) ? 'failed' : 'well')
    const gone = dead.close(true)
    await host.advance(3000)
    store.moodOf = () => 'well'
    await passing(20_000, gone)
    worker(() => 'ran', { lockDuration: 1000 })
    await host.advance(5000)
    expect((await queue.getJob('j'))!).toMatchObject({ ...cancelled, stalledCounter: 0 })
    expect(only(said, 'stalled', 'active')).toEqual([])
  })

  test('ends as cancelled where its worker closes and gives back what it runs', async () => {
    const { host, queue, said, worker, passing } = stage()
    await queue.add('n', 1, { jobId: 'j' })
    const running = worker(() => new Promise(() => undefined))
    await host.idle()
    await queue.cancel('j', 'not wanted')
    await passing(2000, running.close(true))
    expect(await queue.getJobState('j')).toBe('failed')
    expect(only(said, 'cancelled', 'failed')).toEqual(['cancelled j not wanted', 'failed j not wanted'])
  })

  test('is cancelled although its worker parks it just then', async () => {
    const { host, queue, store, worker } = stage()
    const held = gate()
    const ledger = openLedger(store, 'q')
    worker(() => held.promise, { concurrency: 2, perName: { n: { concurrency: 1 } } })
    await queue.add('n', 1)
    await host.idle()
    let asked: Promise<boolean> | undefined
    store.moodOf = (changes) => {
      const parks = changes.some(({ add = [] }) => add.some(([lane]) => lane === ledger.lanes.parked))
      if (parks && asked === undefined) {
        asked = queue.cancel('j', 'not wanted')
        return 'failed'
      }
      return 'well'
    }
    await queue.add('n', 1, { jobId: 'j' })
    await host.advance(5000)
    expect(await asked).toBe(true)
    expect((await queue.getJob('j'))!).toMatchObject(cancelled)
    held.open()
  })

  test('is refused a completion by hand, with CANCELLED', async () => {
    const { queue, worker } = stage()
    await queue.add('n', 1, { jobId: 'j' })
    const hands = worker(null as never)
    const job = (await hands.getNextJob())!
    await queue.cancel('j', 'not wanted')
    await expect(job.moveToCompleted('done')).rejects.toMatchObject({ code: 'CANCELLED', outcome: 'failed' })
    expect((await queue.getJob('j'))!).toMatchObject({ ...cancelled, returnvalue: undefined })
  })

  test('takes progress and log lines until it ends', async () => {
    const { host, queue, worker } = stage()
    await queue.add('n', 1, { jobId: 'j' })
    worker(async (job, { signal }) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      await job.updateProgress('stopping')
      await job.log('stopped')
    })
    await host.idle()
    await queue.cancel('j', 'not wanted')
    await host.idle()
    const job = (await queue.getJob('j'))!
    expect(job).toMatchObject({ ...cancelled, progress: 'stopping' })
    expect((await job.getLogs()).logs).toEqual(['stopped'])
  })
})

describe('by force', () => {
  test('it ends at once, and its holder has lost it', async () => {
    const { host, queue, said, worker } = stage()
    const own = heard(queue)
    const held = gate()
    let reason: unknown
    await queue.add('n', 1, { jobId: 'j' })
    worker((_, { signal }) => {
      signal.addEventListener('abort', () => (reason = signal.reason))
      return held.promise
    })
    await host.idle()
    expect(await queue.cancel('j', 'not wanted', { force: true })).toBe(true)
    expect(await queue.getJobState('j')).toBe('failed')
    expect(own).toEqual(['cancelled j not wanted', 'failed j CANCELLED not wanted from active'])
    await host.idle()
    expect(reason).toMatchObject({ code: 'CANCELLED' })
    expect(only(said, 'lockLost', 'cancelled', 'failed')).toEqual(['lockLost j'])
    held.open()
    await host.idle()
    expect(only(said, 'completed')).toEqual([])
    expect((await queue.getJob('j'))!.history).toMatchObject([{ outcome: 'cancelled' }])
  })

  test('it ends one that was told before, with the first reason', async () => {
    const { host, queue, worker } = stage()
    await queue.add('n', 1, { jobId: 'j' })
    const held = gate()
    worker(() => held.promise)
    await host.idle()
    await queue.cancel('j', 'not wanted')
    expect(await queue.getJobState('j')).toBe('active')
    await queue.cancel('j', 'really not', { force: true })
    expect((await queue.getJob('j'))!).toMatchObject(cancelled)
    held.open()
  })
})

test('jobs that are cancelled are kept as failed ones are, no more of them', async () => {
  const { host, queue } = stage()
  for (let n = 0; n < 40; n++) await queue.add('n', n, { jobId: `${n}`, removeOnFail: 5 })
  for (let n = 0; n < 40; n++) await queue.cancel(`${n}`)
  await host.idle()
  expect((await queue.getJobCounts('failed')).failed).toBeLessThanOrEqual(15)
  await queue.close()
})
