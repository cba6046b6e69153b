/** Schedules through a queue and its workers. */
import { Queue, type JobSchedulerJson } from 'holdfast'
import { memoryStore } from 'holdfast/memory'
import { virtualHost } from 'holdfast/testing'
import { describe, expect, test } from 'vitest'
import { daysOfFiveMinutes } from '../schedules/year.ts'
import { only, stage } from '../stage/stage.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
/** Where the virtual host begins. */
const START = Date.UTC(2026, 0, 1)

const quick = () => 'done'

describe('a schedule', () => {
  test('runs at its times while a worker is there', async () => {
    const { queue, host, worker } = stage()
    const at: number[] = []
    worker((job) => void at.push(host.wall() - START, Number(job.data.n)))
    await queue.upsertJobScheduler('report', { pattern: '*/10 * * * *' }, { name: 'make', data: { n: 7 } })
    await host.advance(25 * MINUTE)
    expect(at).toEqual([0, 7, 10 * MINUTE, 7, 20 * MINUTE, 7])
  })

  test('gives its jobs their ids, names, options and where they come from', async () => {
    const { queue, host, worker, said } = stage()
    const defaults = new Queue('q', { store: queue['ledger'].store, defaultJobOptions: { attempts: 3 } })
    const first = await defaults.upsertJobScheduler(
      'report',
      { every: HOUR },
      { data: 1, opts: { priority: 2 } },
    )
    const id = `sched:report:${START}`
    expect(first).toMatchObject({ id, name: 'report', data: 1, repeatJobKey: 'report', priority: 2 })
    expect((await queue.getJob(id))?.toJSON()).toEqual(first.toJSON())
    expect(first.opts.attempts).toBe(3)
    worker(quick)
    await host.advance(HOUR)
    expect(only(said, 'completed')).toEqual([
      `completed ${id} "done"`,
      `completed sched:report:${START + HOUR} "done"`,
    ])
    expect((await queue.add('plain', 1)).repeatJobKey).toBeUndefined()
  })

  test('does not wait for its last run, which may go on for ever', async () => {
    const { queue, host, worker, said } = stage()
    worker(() => new Promise(() => undefined), { concurrency: 10 })
    await queue.upsertJobScheduler('report', { every: MINUTE })
    await host.advance(3 * MINUTE)
    expect(only(said, 'active')).toHaveLength(4)
  })

  test('is made once, whatever is added again at each start', async () => {
    const { queue, host, worker, dump, said } = stage()
    const add = () =>
      queue.add(
        'daily-report',
        {},
        { repeat: { pattern: '0 9 * * 1-5', tz: 'America/New_York' }, jobId: 'daily-report' },
      )
    const job = await add()
    expect(job.id).toBe(`sched:daily-report:${Date.UTC(2026, 0, 1, 14)}`)
    const stored = dump()
    await add()
    expect(dump()).toEqual(stored)
    worker(quick)
    await host.advance(10 * DAY)
    await add()
    expect(await queue.getJobSchedulersCount()).toBe(1)
    expect(only(said, 'completed')).toHaveLength(7)
  })

  test('has an id of name, pattern and tz where nobody gives one', async () => {
    const { queue } = stage()
    await queue.add('a', 1, { repeat: { pattern: '@daily', tz: 'UTC' } })
    await queue.add('a', 1, { repeat: { every: 5000 } })
    await queue.add('a', 1, { repeat: { pattern: '@daily' } })
    const keys = (await queue.getJobSchedulers()).map(({ key }) => key)
    expect(keys.toSorted()).toEqual(['a:5000', 'a:@daily', 'a:@daily:UTC'])
  })

  test('of a pattern that is changed goes on with the new one, its count as it was', async () => {
    const { queue, host, worker } = stage()
    worker(quick)
    await queue.upsertJobScheduler('report', { pattern: '@hourly' })
    await host.advance(90 * MINUTE)
    await queue.upsertJobScheduler('report', { pattern: '@daily' }, { data: 'new' })
    expect(await queue.getJobScheduler('report')).toMatchObject({
      pattern: '@daily',
      next: START + DAY,
      last: START + HOUR,
      iterationCount: 2,
      template: { data: 'new' },
    })
  })

  test('whose data alone is changed keeps its times, also those it missed', async () => {
    const { queue, host, worker, said } = stage()
    await queue.upsertJobScheduler('report', { pattern: '30 * * * *' }, { data: 1 })
    await host.advance(40 * MINUTE)
    await queue.upsertJobScheduler('report', { pattern: '30 * * * *' }, { data: 'x'.repeat(5000) })
    worker((job) => job.data.length as number)
    await host.advance(1)
    expect(only(said, 'completed')).toEqual([`completed sched:report:${START + 30 * MINUTE} 5000`])
  })

  test('that is removed makes no more jobs; those it made stay', async () => {
    const { queue, host, worker, said } = stage()
    await queue.upsertJobScheduler('report', { every: HOUR }, { data: 'x'.repeat(5000) })
    expect(await queue.removeJobScheduler('report')).toBe(true)
    expect(await queue.removeJobScheduler('report')).toBe(false)
    worker(quick)
    await host.advance(5 * HOUR)
    expect(only(said, 'completed')).toHaveLength(1)
    expect(await queue.getJobScheduler('report')).toBeUndefined()
  })

  test('with a limit ends, and stays ended when it is asked for again', async () => {
    const { queue, host, worker, said } = stage()
    worker(quick)
    const ask = () => queue.upsertJobScheduler('report', { every: MINUTE, limit: 3 })
    await ask()
    await host.advance(10 * MINUTE)
    await ask()
    await host.advance(10 * MINUTE)
    expect(only(said, 'completed')).toHaveLength(3)
    const shown = await queue.getJobScheduler('report')
    expect(shown).toMatchObject({ iterationCount: 3, limit: 3 })
    expect(shown).not.toHaveProperty('next')
    await expect(queue.upsertJobScheduler('report', { every: HOUR, limit: 3 })).rejects.toMatchObject({
      code: 'SCHEDULE_INVALID',
      message: 'limit must be more than the 3 runs that were made, not 3',
    })
  })

  test('may delay each run by chance', async () => {
    const { queue, host, worker } = stage()
    const late: number[] = []
    worker((job) => void late.push(host.wall() - Number(job.id.split(':')[2])))
    await queue.upsertJobScheduler('report', { every: MINUTE, jitter: 20_000 })
    await host.advance(20 * MINUTE)
    expect(late).toHaveLength(20)
    expect(new Set(late).size).toBeGreaterThan(10)
    expect(Math.max(...late)).toBeLessThanOrEqual(20_000)
  })

  test.each([
    [
      { pattern: '' },
      'pattern must be a cron pattern of five fields (minute hour day month weekday), or six with seconds first, not ""',
    ],
    [
      { pattern: '0 0 30 2 *' },
      'pattern must be a cron pattern that can be read (Invalid explicit day of month definition), not "0 0 30 2 *"',
    ],
    [
      { pattern: '@daily', endDate: START + 1000 },
      'endDate must be after the next run, not the Date 2026-01-01T00:00:01.000Z',
    ],
  ])('that cannot run is refused before anything is written: %j', async (repeat, message) => {
    const { queue, dump, host } = stage()
    await host.advance(1)
    const stored = dump()
    await expect(queue.upsertJobScheduler('report', repeat)).rejects.toMatchObject({
      code: 'SCHEDULE_INVALID',
      message,
    })
    await expect(queue.add('report', 1, { repeat })).rejects.toMatchObject({
      code: 'SCHEDULE_INVALID',
      message,
    })
    expect(dump()).toEqual(stored)
  })

  test.each([
    [() => ['', { every: 1 }, {}], 'OPTION_INVALID', /the id of the schedule must be/],
    [() => ['x'.repeat(129), { every: 1 }, {}], 'OPTION_INVALID', /the id of the schedule must be/],
    [
      () => ['a', { every: 1 }, { opts: { jobId: 'b' } }],
      'OPTION_INVALID',
      /jobId must be left out of the jobs of a schedule/,
    ],
    [
      () => ['a', { every: 1 }, { opts: { group: { id: 'g', maxSize: 2 } } }],
      'OPTION_INVALID',
      /group\.maxSize must be left out of the jobs of a schedule/,
    ],
    [() => ['a', { every: 1 }, { opts: { attempts: 0 } }], 'OPTION_INVALID', /attempts must be/],
    [() => ['a', { every: 1 }, { data: { at: new Date() } }], 'PAYLOAD_NOT_JSON', /\$\.at is a Date/],
    [() => ['a', { every: 1 }, { data: 'x'.repeat(300_000) }], 'PAYLOAD_TOO_LARGE', /300003 bytes/],
    [() => ['a', { every: 1 }, { name: '' }], 'OPTION_INVALID', /the job name must be/],
    [() => ['a', { every: 1 }, 7], 'OPTION_INVALID', /the template must be an object/],
  ] as const)('what its jobs are made of is checked when it is made', async (given, code, message) => {
    const { queue } = stage()
    await expect(
      queue.upsertJobScheduler(...(given() as unknown as [string, object, object])),
    ).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    })
  })

  test('is no part of a bulk, and no default', async () => {
    const { queue, store } = stage()
    await expect(
      queue.addBulk([{ name: 'a', data: 1, opts: { repeat: { every: 5 } } }]),
    ).rejects.toMatchObject({
      code: 'OPTION_INVALID',
    })
    expect(() => new Queue('q', { store, defaultJobOptions: { repeat: { every: 5 } } as object })).toThrow(
      /no option "repeat"/,
    )
  })
})

describe('missed runs', () => {
  const away = async (repeat: object, ms: number): Promise<{ runs: number; shown: JobSchedulerJson }> => {
    const { queue, host, worker, said } = stage()
    await queue.upsertJobScheduler('report', { pattern: '0 */1 * * *', startDate: START + 1, ...repeat })
    await host.advance(ms)
    worker(quick, { concurrency: 100 })
    await host.advance(1)
    return { runs: only(said, 'completed').length, shown: (await queue.getJobScheduler('report'))! }
  }

  test('make one run after a night, and the schedule says how many they were', async () => {
    const { runs, shown } = await away({}, 8.5 * HOUR)
    expect(runs).toBe(1)
    expect(shown).toMatchObject({
      missed: 'one',
      missedCount: 7,
      iterationCount: 1,
      last: START + 8 * HOUR,
      next: START + 9 * HOUR,
    })
    expect(shown.lastJobId).toBe(`sched:report:${START + 8 * HOUR}`)
  })

  test.each([
    [{ missed: 'skip' }, 0],
    [{ missed: 'all' }, 300],
    [{ missed: { max: 4 } }, 4],
    [{ missed: { maxAge: 5 * HOUR } }, 5],
    [{ missed: 'all', overlap: 'skip' }, 1],
  ])('%j: %d of 300', async (repeat, wanted) => {
    expect((await away(repeat, 300.5 * HOUR)).runs).toBe(wanted)
  })

  test('of a laptop that sleeps make one when it wakes', async () => {
    const { queue, host, worker, said } = stage()
    worker(quick)
    await queue.upsertJobScheduler('report', { pattern: '0 3 * * *' })
    await host.advance(HOUR)
    host.jump(9 * HOUR)
    await host.advance(30_000)
    expect(only(said, 'completed')).toEqual([`completed sched:report:${START + 3 * HOUR} "done"`])
  })
})

describe('overlap: skip', () => {
  test('passes over a run while the one before is not finished', async () => {
    const { queue, host, worker, said } = stage()
    worker(() => new Promise((resolve) => host.timer(150 * MINUTE, () => resolve('done'))), {
      concurrency: 5,
    })
    await queue.upsertJobScheduler('report', { every: HOUR, overlap: 'skip' })
    await host.advance(4 * HOUR)
    expect(only(said, 'active')).toEqual([START, START + 3 * HOUR].map((at) => `active sched:report:${at}`))
    expect(await queue.getJobScheduler('report')).toMatchObject({ overlappedCount: 3, iterationCount: 2 })
    await queue.removeJobScheduler('report')
    await host.advance(150 * MINUTE)
  })

  test('goes on when the job of the last run is gone', async () => {
    const { queue, host, worker, said } = stage()
    await queue.upsertJobScheduler(
      'report',
      { every: HOUR, overlap: 'skip' },
      { opts: { removeOnComplete: true } },
    )
    worker(quick)
    await host.advance(HOUR)
    await queue.obliterate()
    await queue.upsertJobScheduler('report', { every: HOUR, overlap: 'skip' })
    await host.advance(1)
    expect(only(said, 'completed')).toHaveLength(3)
  })
})

describe('overlap: cancel-previous', () => {
  test('cancels a run that goes on when the next one comes', async () => {
    const { queue, host, worker, said } = stage()
    const reasons: unknown[] = []
    const untilTold = async (_: unknown, { signal }: { signal: AbortSignal }): Promise<void> => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      reasons.push((signal.reason as { code: string }).code)
      throw signal.reason
    }
    worker(untilTold as never, { concurrency: 5 })
    await queue.upsertJobScheduler('report', { every: HOUR, overlap: 'cancel-previous' })
    await host.advance(2 * HOUR + MINUTE)
    expect(only(said, 'active')).toHaveLength(3)
    expect(reasons).toEqual(['CANCELLED', 'CANCELLED'])
    const failed = await queue.getFailed()
    expect(failed.map(({ id, failedCode }) => [id, failedCode])).toEqual([
      [`sched:report:${START + HOUR}`, 'CANCELLED'],
      [`sched:report:${START}`, 'CANCELLED'],
    ])
    expect(await queue.getActiveCount()).toBe(1)
    await queue.trigger('report')
    await host.advance(MINUTE)
    expect(reasons).toHaveLength(3)
    await queue.removeJobScheduler('report')
    await queue.obliterate({ force: true })
  })

  test('cancels one that still waits, and leaves one that is finished', async () => {
    const { queue, host, worker, said } = stage()
    await queue.pause()
    worker(quick)
    await queue.upsertJobScheduler('report', { every: HOUR, overlap: 'cancel-previous' })
    await host.advance(HOUR + MINUTE)
    await queue.resume()
    await host.advance(HOUR)
    expect(only(said, 'completed')).toEqual([
      `completed sched:report:${START + HOUR} "done"`,
      `completed sched:report:${START + 2 * HOUR} "done"`,
    ])
    expect((await queue.getFailed()).map(({ id }) => id)).toEqual([`sched:report:${START}`])
  })
})

describe('trigger', () => {
  test('runs one now, beside its times', async () => {
    const { queue, host, worker, said } = stage()
    worker((job) => job.data as string)
    await queue.upsertJobScheduler(
      'report',
      { pattern: '@daily', startDate: START + 1 },
      { name: 'make', data: 'x'.repeat(2000) },
    )
    const job = await queue.trigger('report')
    expect(job).toMatchObject({ name: 'make', repeatJobKey: 'report', data: 'x'.repeat(2000) })
    await host.advance(1)
    expect(only(said, 'completed')).toHaveLength(1)
    expect(await queue.getJobScheduler('report')).toMatchObject({
      iterationCount: 0,
      next: START + DAY,
      lastJobId: job.id,
    })
    expect((await queue.trigger('report')).id).not.toBe(job.id)
  })

  test('heeds overlap: skip', async () => {
    const { queue } = stage()
    await queue.upsertJobScheduler('report', { every: HOUR, overlap: 'skip' })
    await expect(queue.trigger('report')).rejects.toMatchObject({ code: 'JOB_STATE' })
    await expect(queue.trigger('none')).rejects.toMatchObject({ code: 'SCHEDULE_INVALID' })
  })
})

describe('looking', () => {
  test('at all of them, by their next runs', async () => {
    const { queue } = stage()
    for (const hour of [5, 1, 3])
      await queue.upsertJobScheduler(`at ${hour}`, { pattern: `0 ${hour} * * *`, tz: 'UTC' })
    const keys = async (...range: [number?, number?, boolean?]): Promise<string[]> =>
      (await queue.getJobSchedulers(...range)).map(({ key }) => key)
    expect(await keys()).toEqual(['at 5', 'at 3', 'at 1'])
    expect(await keys(0, 1, true)).toEqual(['at 1', 'at 3'])
    expect(await keys(1, 1)).toEqual(['at 3'])
    expect(await keys(2, 1)).toEqual([])
    expect(await queue.getJobSchedulersCount()).toBe(3)
  })

  test('at one, with what its pattern says', async () => {
    const { queue } = stage()
    await queue.upsertJobScheduler(
      'report',
      { pattern: '0 9 * * 1-5', tz: 'Europe/Berlin', immediately: true },
      { name: 'make' },
    )
    expect(await queue.getJobScheduler('report')).toEqual({
      key: 'report',
      name: 'make',
      pattern: '0 9 * * 1-5',
      tz: 'Europe/Berlin',
      description: 'At 09:00 AM, Monday through Friday',
      missed: 'one',
      overlap: 'allow',
      next: Date.UTC(2026, 0, 1, 8),
      last: START,
      lastJobId: `sched:report:${START}`,
      iterationCount: 1,
      missedCount: 0,
      overlappedCount: 0,
      template: { data: undefined, opts: {} },
    })
  })
})

test('two days of every five minutes, none missed', async () => {
  expect(await daysOfFiveMinutes(2)).toEqual({ ran: 577, slots: 577, missed: 0 })
})

test('a worker without schedules looks once and never again', async () => {
  const { host, worker, store } = stage()
  worker(quick)
  await host.advance(1)
  const calls = store.calls
  await host.advance(7 * DAY)
  expect(store.calls).toBe(calls)
})

test('obliterate takes schedules along', async () => {
  const { queue, dump } = stage()
  await queue.upsertJobScheduler('a', { every: HOUR }, { data: 'x'.repeat(2000) })
  await queue.upsertJobScheduler('b', { pattern: '@daily' })
  await queue.obliterate()
  expect([...dump().records.keys()]).toEqual([])
})

test('nothing is ticked without a worker', async () => {
  const host = virtualHost()
  const queue = new Queue('q', { store: memoryStore({ host }) })
  await queue.upsertJobScheduler('a', { pattern: '@hourly', startDate: START + 1 })
  await host.advance(DAY)
  expect(await queue.count()).toBe(0)
})
