/** Dead letters: moved by the commit that fails the job, and sent back each exactly once. */
import { describe, expect, test } from 'vitest'
import { type Job, type JobOptions, Queue } from 'holdfast'
import { settles } from '../faults/units.ts'
import { gate, only, stage } from '../stage/stage.ts'

const fails = (): never => {
  throw new Error('no')
}

function withLetters() {
  const made = stage()
  return { ...made, letters: new Queue('dead', { store: made.store }) }
}

async function oneLetter(options: JobOptions = {}, data: unknown = { to: 'ada' }) {
  const made = withLetters()
  await made.queue.add('n', data, { jobId: 'j', deadLetter: 'dead', ...options })
  const worker = made.worker(fails)
  await made.host.advance(10_000)
  await worker.close()
  return { ...made, letter: (await made.letters.getJob('q:j'))! }
}

describe('a job that fails for good', () => {
  test('waits in the other queue with what it was, and is gone from its own', async () => {
    const { queue, said, letter, letters, host, store } = await oneLetter({
      attempts: 2,
      backoff: 1000,
      priority: 3,
      tags: ['vip', 'eu'],
      metadata: { user: 'u1' },
    })
    expect(await queue.getJob('j')).toBeUndefined()
    expect(await queue.getJobCounts()).toMatchObject({ failed: 0, waiting: 0 })
    expect(only(said, 'failed', 'exhausted')).toEqual(['failed j no', 'failed j no', 'exhausted j 2'])
    expect(letter).toMatchObject({
      id: 'q:j',
      name: 'n',
      data: { to: 'ada' },
      tags: ['vip', 'eu'],
      metadata: { user: 'u1' },
      priority: 3,
      attemptsMade: 0,
      attemptsStarted: 0,
      failedCode: undefined,
      origin: { queue: 'q', id: 'j', failedCode: 'ATTEMPTS_EXHAUSTED', failedReason: 'no', logs: [] },
    })
    expect(letter.opts).toMatchObject({ attempts: 2, deadLetter: undefined })
    expect(letter.origin!.history).toMatchObject([
      { attempt: 1, outcome: 'failed', error: { message: 'no' } },
      { attempt: 2, outcome: 'failed', error: { message: 'no' } },
    ])
    expect(letter.origin!.failedAt).toBe(host.wall() - 10_000 + 1000)
    expect(
      await store.scan([
        { lane: 'tag:q', limit: 9 },
        { lane: 'tag:dead', limit: 9 },
      ]),
    ).toMatchObject([[], [expect.stringContaining('eu/'), expect.stringContaining('vip/')]])
    expect((await letters.getWaiting())[0]!.origin).toMatchObject({ queue: 'q', history: [] })
  })

  test('takes its data along however large, and its log lines', async () => {
    const made = withLetters()
    const text = 'x'.repeat(200_000)
    await made.queue.add('n', text, { jobId: 'j', deadLetter: 'dead', keepLogs: 200 })
    made.worker(async (job) => {
      for (let line = 0; line < 60; line++) await job.log(`${line} ${'y'.repeat(3990)}`)
      await job.updateProgress('half')
      fails()
    })
    await made.host.advance(1000)
    const letter = (await made.letters.getJob('q:j'))!
    expect(letter.data).toBe(text)
    const { logs, history } = letter.origin!
    expect(history).toHaveLength(1)
    // The newest that fit into 128 KiB.
    expect(logs.length).toBeGreaterThan(28)
    expect(logs.length).toBeLessThan(34)
    expect(logs.at(-1)).toMatch(/^59 /)
    expect([...made.dump().records.keys()].filter((id) => id.includes('q:j'))).toEqual([])
    await made.queue.pause()
    expect((await made.letters.redrive()).redriven).toBe(1)
    expect((await made.queue.getJob('j'))!.data).toBe(text)
    expect([...made.dump().records.keys()].filter((id) => id.includes('dead'))).toEqual([])
    expect([...made.dump().records.keys()]).toContain('payload:q:j')
  })

  test('is moved although its options keep no failed jobs', async () => {
    expect((await oneLetter({ removeOnFail: true })).letter.origin).toMatchObject({ id: 'j' })
  })

  test('is not moved where it was cancelled, or completed', async () => {
    const { queue, letters, host, worker } = withLetters()
    await queue.add('n', 1, { jobId: 'j', deadLetter: 'dead' })
    await queue.cancel('j')
    worker(() => 1)
    await queue.add('n', 1, { jobId: 'k', deadLetter: 'dead' })
    await host.idle()
    expect(await queue.getJobCounts()).toMatchObject({ failed: 1, completed: 1 })
    expect(await letters.count()).toBe(0)
  })

  test('is moved where a reaper ends it', async () => {
    const { queue, letters, host, store, worker } = withLetters()
    await queue.add('n', 1, { jobId: 'j', deadLetter: { queue: 'dead', maxDepth: 0 } })
    const hands = worker(null as never, { maxStalledCount: 0, lockDuration: 1000 })
    await hands.getNextJob()
    const said: string[] = []
    const reaper = worker(fails, { maxStalledCount: 0, lockDuration: 1000 })
    reaper.on('deadLetterDepth', (queue, depth) => said.push(`${queue} ${depth}`))
    await host.advance(5000)
    expect((await letters.getJob('q:j'))!.origin).toMatchObject({ failedCode: 'STALLED' })
    expect(said).toEqual(['dead 1'])
    expect(await store.count([{ lane: 'lease:q' }, { lane: 'claims:q' }])).toEqual([0, 0])
  })

  test('is moved where it is ended by hand', async () => {
    const { queue, letters, worker } = withLetters()
    await queue.add('n', 1, { jobId: 'j', deadLetter: 'dead' })
    const job = (await worker(null as never).getNextJob())!
    await job.moveToFailed(new Error('no'))
    expect(job.failedCode).toBe('ATTEMPTS_EXHAUSTED')
    expect((await letters.getJob('q:j'))!.origin!.history).toHaveLength(1)
  })

  test.each(['before', 'after'] as const)(
    'is moved once where the answer is lost %s it applied',
    async (when) => {
      const { queue, letters, store, host, said, worker } = withLetters()
      let lost = 0
      store.moodOf = (changes) => (settles(changes) && lost++ === 0 ? `lost ${when}` : 'well')
      await queue.add('n', 1, { jobId: 'j', deadLetter: 'dead' })
      worker(fails)
      await host.advance(20_000)
      expect(lost).toBeGreaterThan(0)
      expect(await letters.getJobCounts()).toMatchObject({ waiting: 1 })
      expect(only(said, 'failed')).toEqual(['failed j no'])
    },
  )

  test('says so with many others in one cycle, none of which waits for another', async () => {
    const { queue, letters, host, worker } = withLetters()
    await queue.addBulk(
      Array.from({ length: 300 }, (_, n) => ({
        name: 'n',
        data: n,
        opts: n % 2 === 0 ? { deadLetter: 'dead' } : {},
      })),
    )
    worker((job) => (job.data % 4 === 0 ? fails() : job.data), { concurrency: 300 })
    await host.advance(1000)
    expect(await queue.getJobCounts()).toMatchObject({ completed: 225, failed: 0, active: 0 })
    expect(await letters.count()).toBe(75)
  })

  test('keeps what was logged while its end was being prepared', async () => {
    const { queue, letters, store, host, worker } = withLetters()
    const job = await queue.add('n', 1, { jobId: 'j', deadLetter: 'dead' })
    await job.log('first')
    let asked: Promise<unknown> | undefined
    store.moodOf = (changes) => {
      if (!settles(changes) || asked !== undefined) return 'well'
      asked = job.log('second')
      return 'failed'
    }
    worker(fails)
    await host.advance(5000)
    await asked
    expect((await letters.getJob('q:j'))!.origin!.logs).toEqual(['first', 'second'])
  })

  test('cannot go to its own queue, nor to no queue', async () => {
    const { queue, store } = withLetters()
    for (const deadLetter of ['q', '', 7, {}, { queue: 'd', maxDepth: -1 }, { queue: 'd', depth: 1 }])
      await expect(queue.add('n', 1, { deadLetter } as never)).rejects.toMatchObject({
        code: 'OPTION_INVALID',
      })
    expect(() => new Queue('d', { store, defaultJobOptions: { deadLetter: 'd' } })).toThrow(/another queue/)
  })
})

describe('an older letter of that id', () => {
  const again = async (
    between: (letters: Queue, letter: Job, worker: ReturnType<typeof withLetters>['worker']) => unknown,
  ) => {
    const made = await oneLetter({ tags: ['old'], keepLogs: 3 }, 'x'.repeat(5000))
    await made.letter.log('about the old one')
    await between(made.letters, made.letter, made.worker)
    await made.queue.add('n', 'new', { jobId: 'j', deadLetter: 'dead', tags: ['new'] })
    const worker = made.worker(fails)
    await made.host.advance(5000)
    await worker.close()
    const letter = (await made.letters.getJob('q:j'))!
    expect(letter).toMatchObject({ data: 'new', tags: ['new'], failedCode: undefined })
    expect((await letter.getLogs()).count).toBe(0)
    expect((await made.store.scan([{ lane: 'tag:dead', limit: 9 }]))[0]).toHaveLength(1)
    expect(await made.letters.getJobCounts()).toMatchObject({ waiting: 1, failed: 0, active: 0, delayed: 0 })
    expect(await made.letters.verify()).toMatchObject({ ok: true, jobs: 1 })
    return made
  }

  test('that waits is replaced', () => again(() => undefined))

  test('that failed there too is replaced', () =>
    again(async (_, __, worker) => {
      const one = worker(fails, {}, 'dead')
      await new Promise((resolve) => one.once('failed', resolve))
      await one.close()
    }))

  test('that is being run is replaced, and its holder loses it', async () => {
    let held: Job | undefined
    await again(async (_, __, worker) => {
      held = await worker(null as never, {}, 'dead').getNextJob()
    })
    await expect(held!.moveToCompleted(1)).rejects.toMatchObject({ code: 'LOCK_LOST' })
  })
})

test('deadLetterDepth is said once when it is passed, and again after it fell below', async () => {
  const { queue, letters, host, worker } = withLetters()
  const said: string[] = []
  worker(fails, { concurrency: 5 }).on('deadLetterDepth', (name, depth) => said.push(`${name} ${depth}`))
  const add = async (count: number): Promise<void> => {
    await queue.addBulk(
      Array.from({ length: count }, () => ({
        name: 'n',
        data: 1,
        opts: { deadLetter: { queue: 'dead', maxDepth: 3 } },
      })),
    )
    await host.advance(1000)
  }
  await add(3)
  expect(said).toEqual([])
  await add(4)
  expect(said).toEqual(['dead 4'])
  await letters.drain()
  await add(5)
  expect(said).toEqual(['dead 4', 'dead 4'])
})

describe('redrive', () => {
  test('puts a letter back as it was, as a new generation with no attempts made', async () => {
    const { queue, letters, letter, host, worker, dump } = await oneLetter({
      attempts: 2,
      delay: 500,
      removeOnFail: 7,
      tags: ['t'],
    })
    const fence = letter.fence
    expect(await letters.redrive()).toEqual({ redriven: 1, skipped: 0 })
    const job = (await queue.getJob('j'))!
    expect(job).toMatchObject({ attemptsMade: 0, origin: undefined, tags: ['t'], failedReason: undefined })
    expect(job.opts).toMatchObject({
      attempts: 2,
      deadLetter: { queue: 'dead' },
      removeOnFail: { count: 7 },
      delay: 500,
    })
    expect(job.fence).toBeGreaterThanOrEqual(fence)
    expect(await letters.count()).toBe(0)
    expect([...dump().records.keys()]).toEqual(['q:j'])
    worker(fails)
    await host.advance(10_000)
    expect((await letters.getJob('q:j'))!.origin!.history).toHaveLength(2)
  })

  test.each([false, true])('puts a letter back into its group (lifo: %s)', async (lifo) => {
    const { queue, letters, letter, host, worker, store } = await oneLetter({ group: { id: 'g é' }, lifo })
    expect(await store.scan([{ lane: 'ready:dead', limit: 9 }])).toMatchObject([
      [expect.stringMatching(/^0000000\/[01]\.\d{13}\.[0-9A-Z]{26}\/dead:q%3Aj$/)],
    ])
    expect(letter.priority).toBe(0)
    await queue.pause()
    expect(await letters.redrive()).toEqual({ redriven: 1, skipped: 0 })
    expect(await store.count([{ lane: 'ready:q' }])).toEqual([0])
    expect(await queue.verify()).toMatchObject({ ok: true, jobs: 1 })
    await queue.resume()
    worker(() => 'ran')
    await host.advance(1000)
    expect((await queue.getJob('j'))!.returnvalue).toBe('ran')
  })

  test('skips one whose id lives again', async () => {
    const { queue, letters } = await oneLetter()
    await queue.add('n', 'another', { jobId: 'j' })
    expect(await letters.redrive()).toEqual({ redriven: 0, skipped: 1 })
    expect((await queue.getJob('j'))!.data).toBe('another')
    expect(await letters.count()).toBe(1)
    await queue.remove('j')
    expect(await letters.redrive()).toEqual({ redriven: 1, skipped: 0 })
  })

  test('one that is skipped does not stand for another that was asked for', async () => {
    const { queue, letters, host, worker } = await oneLetter()
    const stop = worker(fails)
    await queue.add('n', 2, { jobId: 'k', deadLetter: 'dead' })
    await host.idle()
    await stop.close()
    await queue.add('n', 'another', { jobId: 'j' })
    expect(await letters.redrive({ count: 1 })).toEqual({ redriven: 1, skipped: 1 })
    expect((await queue.getJob('k'))!.data).toBe(2)
  })

  test('takes those that are asked for, the first in line first', async () => {
    const { queue, letters, host, worker } = withLetters()
    worker({ a: fails, b: fails })
    const times: number[] = []
    for (const [at, name] of ['a', 'b', 'a', 'b'].entries()) {
      await queue.add(name, at, { jobId: `${at}`, deadLetter: 'dead' })
      await host.advance(1000)
      times.push((await letters.getJob(`q:${at}`))!.origin!.failedAt)
    }
    await queue.pause()
    const back = async (options: Parameters<Queue['redrive']>[0]): Promise<string[]> => {
      const { redriven } = await letters.redrive(options)
      const ids = (await queue.getWaiting()).map(({ id }) => id)
      expect(ids).toHaveLength(redriven)
      await queue.drain()
      return ids
    }
    expect(await back({ filter: { code: 'STALLED' } })).toEqual([])
    expect(await back({ filter: { from: times[1]!, to: new Date(times[2]!), name: 'a' } })).toEqual(['2'])
    expect(await back({ count: 1 })).toEqual(['0'])
    expect(await back({ filter: { code: 'ATTEMPTS_EXHAUSTED' } })).toEqual(['1', '3'])
    expect(await letters.count()).toBe(0)
  })

  test('leaves jobs that are no letters, that are being run, or completed', async () => {
    const { letters, worker, host } = await oneLetter()
    await letters.add('n', 'added here')
    const held = gate()
    worker((job) => (job.origin === undefined ? 1 : held.promise), { concurrency: 2 }, 'dead')
    await host.idle()
    expect(await letters.redrive()).toEqual({ redriven: 0, skipped: 0 })
    held.open()
    await host.idle()
    expect(await letters.getJobCounts()).toMatchObject({ completed: 2 })
    expect(await letters.redrive()).toEqual({ redriven: 0, skipped: 0 })
  })

  test('twice at once sends each back once', async () => {
    const { queue, letters, host, worker } = withLetters()
    worker(fails, { concurrency: 50 })
    await queue.addBulk(
      Array.from({ length: 250 }, () => ({ name: 'n', data: 1, opts: { deadLetter: 'dead' } })),
    )
    await host.advance(1000)
    await queue.pause()
    const [one, two] = await Promise.all([letters.redrive(), letters.redrive()])
    expect(one.redriven + two.redriven).toBe(250)
    expect(await queue.count()).toBe(250)
    expect(await letters.count()).toBe(0)
  })

  test.each([{ count: 0 }, { filter: { name: 7 } }, { filter: { since: 1 } }, { from: 1 }])(
    'refuses %j',
    async (options) => {
      const { queue } = withLetters()
      await expect(queue.redrive(options as never)).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    },
  )
})
