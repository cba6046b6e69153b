/** Adding jobs: what they are then, ids that exist, bulks that are whole or not at all, and refusals before anything is written. */
import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { Queue } from 'holdfast'
import { stage } from '../stage/stage.ts'

test('a job is stored as it was given, with its defaults', async () => {
  const { host, queue } = stage()
  const job = await queue.add('welcome', { to: 'ada' })
  expect(job.id).toMatch(/^[0-9A-HJKMNP-TV-Z]{26}$/)
  const expected = {
    id: job.id,
    name: 'welcome',
    queueName: 'q',
    data: { to: 'ada' },
    progress: 0,
    attemptsMade: 0,
    attemptsStarted: 0,
    stalledCounter: 0,
    delay: 0,
    priority: 0,
    timestamp: host.wall(),
    deduplicated: false,
    history: [],
    stacktrace: [],
    metadata: {},
    fence: host.wall(),
    opts: { attempts: 1, priority: 0, lifo: false, jobId: job.id },
  }
  expect(job).toMatchObject(expected)
  const found = (await queue.getJob(job.id))!
  expect(found).toMatchObject(expected)
  expect(found.toJSON()).toEqual(job.toJSON())
  expect(JSON.parse(JSON.stringify(found))).toMatchObject(expected)
  expect([
    found.returnvalue,
    found.failedReason,
    found.failedCode,
    found.finishedOn,
    found.processedOn,
  ]).toEqual(Array.from({ length: 5 }, () => undefined))
})

test('a job is printed with its fields, keeps what was changed inside its data, and lets nobody replace a field', async () => {
  const { queue } = stage()
  const job = await queue.add('welcome', { to: ['ada'] })
  expect(inspect(job)).toMatch(/^Job \{[^]*queueName: 'q'[^]*to: \[ 'ada' \]/)
  job.data.to.push('bob')
  expect(job.data).toEqual({ to: ['ada', 'bob'] })
  expect((await queue.getJob(job.id))!.data).toEqual({ to: ['ada'] })
  expect(() => Object.assign(job, { priority: 5 })).toThrow(TypeError)
})

test('all options are kept', async () => {
  const { queue } = stage()
  const opts = {
    jobId: 'é/:x',
    delay: 5000,
    priority: 7,
    lifo: true,
    attempts: 4,
    backoff: { type: 'exponential', delay: 10, jitter: { around: 0.5 } },
    timeout: 99,
    removeOnComplete: true,
    removeOnFail: { count: 2 },
    keepLogs: 3,
    metadata: { user: 'ada', __proto__x: 'y' },
  } as const
  await queue.add('n', null, opts)
  const job = (await queue.getJob('é/:x'))!
  expect(job.opts).toEqual(opts)
  expect(job).toMatchObject({ data: null, delay: 5000, priority: 7, metadata: opts.metadata })
  expect(await job.getState()).toBe('delayed')
})

test('the defaults of a queue hold where a job does not say', async () => {
  const { store } = stage()
  const queue = new Queue('q', { store, defaultJobOptions: { attempts: 9, priority: 3, delay: 100 } })
  expect((await queue.add('n', 1)).opts).toMatchObject({ attempts: 9, priority: 3, delay: 100 })
  expect((await queue.add('n', 1, { attempts: 2, delay: 0 })).opts).toMatchObject({
    attempts: 2,
    priority: 3,
    delay: 0,
  })
  expect((await queue.add('n', 1, { attempts: undefined })).opts.attempts).toBe(9)
})

test('data may be anything of JSON, or nothing', async () => {
  const { queue } = stage()
  for (const data of [undefined, null, 0, '', false, [], {}, [null], 'ü'.repeat(5000)]) {
    const job = await queue.add('n', data)
    expect((await queue.getJob(job.id))!.data).toEqual(data)
  }
})

describe('an id that exists', () => {
  test('gives the job that has it, unchanged', async () => {
    const { host, queue, worker, dump } = stage()
    await queue.add('first', { n: 1 }, { jobId: 'j', removeOnComplete: false })
    worker(async (job) => {
      await job.updateProgress(50)
      return 'done'
    })
    await host.idle()
    const before = JSON.stringify([...dump().records])
    const again = await queue.add('second', { n: 2 }, { jobId: 'j', attempts: 5 })
    expect(again).toMatchObject({
      deduplicated: true,
      name: 'first',
      data: { n: 1 },
      returnvalue: 'done',
      progress: 50,
      attemptsMade: 1,
    })
    expect(again.opts.attempts).toBe(1)
    expect(again.history).toHaveLength(1)
    expect(JSON.stringify([...dump().records])).toBe(before)
  })

  test('makes one job of many adds at once', async () => {
    const { queue } = stage()
    const jobs = await Promise.all(Array.from({ length: 20 }, (_, n) => queue.add('n', n, { jobId: 'j' })))
    expect(jobs.filter(({ deduplicated }) => !deduplicated)).toHaveLength(1)
    expect(new Set(jobs.map(({ data }) => data)).size).toBe(1)
    expect(await queue.count()).toBe(1)
  })

  test('may be added again once the job is gone, with a fence above the old one', async () => {
    const { host, queue, worker } = stage()
    const fences: number[] = []
    worker((_, { fence }) => void fences.push(fence))
    for (let time = 0; time < 3; time++) {
      const job = await queue.add('n', time, { jobId: 'j', removeOnComplete: true })
      expect(job.deduplicated).toBe(false)
      await host.advance(1)
    }
    expect(fences).toEqual([...new Set(fences)].sort((a, b) => a - b))
    expect(fences).toHaveLength(3)
  })
})

describe('a bulk', () => {
  test('is one unit: all of it is there, in order', async () => {
    const { queue, store } = stage()
    await queue.isPaused()
    const before = store.calls
    const jobs = await queue.addBulk(Array.from({ length: 400 }, (_, n) => ({ name: `n${n}`, data: n })))
    // One to be ready, one to write.
    expect(store.calls - before).toBeLessThanOrEqual(2)
    expect(jobs.map(({ data }) => data)).toEqual(Array.from({ length: 400 }, (_, n) => n))
    expect((await queue.getJobs('waiting', 0, -1, true)).map(({ name }) => name)).toEqual(
      jobs.map(({ name }) => name),
    )
  })

  test('with one wrong job leaves nothing', async () => {
    const { queue, content } = stage()
    const good = { name: 'n', data: 1 }
    for (const bad of [
      { name: '', data: 1 },
      { name: 'n', data: 1n },
      { name: 'n', data: 1, opts: { delay: NaN } },
      { name: 'n', data: 'x'.repeat(300 * 1024) },
    ])
      await expect(queue.addBulk([good, bad as typeof good])).rejects.toMatchObject({ outcome: 'failed' })
    expect([content.records.size, content.lanes.size]).toEqual([0, 0])
  })

  test('that no unit holds is stored in several, and none of it is there before all is', async () => {
    const { queue, content } = stage()
    const many = Array.from({ length: 1001 }, (_, n) => ({ name: 'n', data: n, opts: { delay: n % 2 } }))
    const large = Array.from({ length: 3 }, (_, n) => ({ name: 'n', data: `${n}${'x'.repeat(200 * 1024)}` }))
    expect((await queue.addBulk(many)).map(({ data }) => data)).toEqual(many.map(({ data }) => data))
    expect(await queue.getJobCounts('waiting', 'delayed')).toEqual({ waiting: 501, delayed: 500 })
    expect((await queue.addBulk(large)).map(({ data }) => data)).toEqual(large.map(({ data }) => data))
    expect(await queue.count()).toBe(1004)
    expect([...content.lanes.keys()].toSorted()).toEqual(['due:q', 'ready:q'])
    expect((await queue.verify()).problems).toEqual([])
  })

  test('that a failing store refuses leaves nothing, and can be repeated', async () => {
    const { queue, store } = stage()
    const bulk = ['a', 'b', 'c'].map((jobId) => ({ name: 'n', data: 1, opts: { jobId } }))
    store.moodOf = () => 'failed'
    await expect(queue.addBulk(bulk)).rejects.toMatchObject({ code: 'STORE_FULL', outcome: 'failed' })
    store.moodOf = () => 'lost after'
    await expect(queue.addBulk(bulk)).rejects.toMatchObject({ outcome: 'unknown' })
    store.moodOf = () => 'well'
    expect((await queue.addBulk(bulk)).map(({ deduplicated }) => deduplicated)).toEqual([true, true, true])
    expect(await queue.count()).toBe(3)
  })

  test('adds those whose ids are new, and gives the others as they are', async () => {
    const { queue } = stage()
    await queue.add('old', 1, { jobId: 'b' })
    const jobs = await queue.addBulk(
      ['a', 'b', 'a'].map((jobId, data) => ({ name: 'n', data, opts: { jobId } })),
    )
    expect(jobs.map(({ id, name, data, deduplicated }) => [id, name, data, deduplicated])).toEqual([
      ['a', 'n', 0, false],
      ['b', 'old', 1, true],
      ['a', 'n', 0, true],
    ])
  })

  test('of nothing is nothing', async () => {
    const { queue } = stage()
    expect(await queue.addBulk([])).toEqual([])
    for (const [bad, message] of [
      [null, 'jobs[1]: a job of a bulk must be { name, data, opts }, not null'],
      ['n', 'jobs[1]: a job of a bulk must be { name, data, opts }, not "n"'],
      [{ data: 1 }, 'jobs[1]: the job name must be a text of 1 to 256 characters, not undefined'],
      [
        { name: 'n', data: 1, options: {} },
        'jobs[1]: a job of a bulk has no option "options"; it has name, data, opts',
      ],
      [
        { name: 'n', data: 1, opts: { delay: -1 } },
        /^jobs\[1\]: delay must be a whole number of milliseconds/,
      ],
    ] as const) {
      const refusal = {
        code: 'OPTION_INVALID',
        message: typeof message === 'string' ? message : expect.stringMatching(message),
      }
      await expect(queue.addBulk([{ name: 'n', data: 1 }, bad as never])).rejects.toMatchObject(refusal)
    }
    expect(await queue.count()).toBe(0)
    await expect(queue.addBulk('x' as never)).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  })
})

describe('what is refused before anything is written', () => {
  test.each<[string, unknown[], string]>([
    ['an empty name', ['', 1], 'name'],
    ['a name that is no text', [7, 1], 'name'],
    ['a name too long', ['x'.repeat(257), 1], 'name'],
    ['a name with a lone surrogate', ['\ud800', 1], 'name'],
    ['an unknown option', ['n', 1, { attemps: 2 }], 'attemps'],
    ['a delay that is NaN', ['n', 1, { delay: NaN }], 'delay'],
    ['a negative priority', ['n', 1, { priority: -1 }], 'priority'],
    ['a delay and a time', ['n', 1, { delay: 1, runAt: 1 }], 'runAt'],
    ['options that are null', ['n', 1, null], 'object'],
  ])('%s', async (_, args, field) => {
    const { queue, content } = stage()
    const add = queue.add.bind(queue) as (...args: unknown[]) => Promise<unknown>
    await expect(add(...args)).rejects.toMatchObject({
      code: 'OPTION_INVALID',
      outcome: 'failed',
      message: expect.stringContaining(field),
    })
    expect(content.records.size).toBe(0)
  })
})

test('waiting is said of jobs that can run at once, and not of others', async () => {
  const { queue } = stage()
  const heard: string[] = []
  queue.on('waiting', (job) => void heard.push(job.id))
  await queue.add('n', 1, { jobId: 'now' })
  await queue.add('n', 1, { jobId: 'later', delay: 5 })
  await queue.add('n', 1, { jobId: 'now' })
  await queue.addBulk(['x', 'y'].map((jobId) => ({ name: 'n', data: 1, opts: { jobId } })))
  expect(heard).toEqual(['now', 'x', 'y'])
})

test('a closed queue takes nothing, and leaves the store open', async () => {
  const { queue, store } = stage()
  await queue.add('n', 1)
  await queue.close()
  await queue.close()
  const calls: (() => Promise<unknown>)[] = [
    () => queue.add('n', 1),
    () => queue.addBulk([{ name: 'n', data: 1 }]),
    () => queue.getJob('x'),
    () => queue.getJobs(),
    () => queue.count(),
    () => queue.pause(),
    () => queue.isPaused(),
    () => queue.remove('x'),
    () => queue.verify(),
  ]
  for (const call of calls)
    await expect(call()).rejects.toMatchObject({ code: 'QUEUE_CLOSED', outcome: 'failed' })
  expect(await new Queue('q', { store }).count()).toBe(1)
})
