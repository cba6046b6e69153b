/** Aging: a job that waits comes before those that are due so much later as its priority is worth; and what is not asked for changes nothing. */
import * as fc from 'fast-check'
import { Queue } from 'holdfast'
import { describe, expect, test } from 'vitest'
import { readReadyKey, readyKey, restamped, withPriority } from '../../src/core/ready-key.ts'
import { only, stage } from '../stage/stage.ts'

const started = (said: readonly string[]): string[] => only(said, 'active').map((line) => line.split(' ')[1]!)

describe('the order of jobs that age', () => {
  test('is when they are due, later by what their priority is worth; and the key says it all', () => {
    const ulid = fc.stringMatching(/^[0-9A-HJKMNP-TV-Z]{26}$/)
    const order = fc.record({
      priority: fc.nat({ max: 1000 }),
      dueAt: fc.nat({ max: 2_000_000_000_000 }),
      ulid,
    })
    fc.assert(
      fc.property(
        order,
        order,
        fc.integer({ min: 1, max: 1e9 }),
        fc.nat({ max: 9 }),
        (a, b, aging, other) => {
          const [x, y] = [a, b].map(({ priority, dueAt, ulid: text }) =>
            readyKey(priority, false, dueAt, text, 'g', aging),
          )
          const [ax, by] = [a, b].map(({ priority, dueAt }) => dueAt + priority * aging)
          if (ax! !== by!) expect(x! < y!).toBe(ax! < by!)
          expect(readReadyKey(x!)).toEqual({ priority: a.priority, dueAt: a.dueAt, lifo: false, aging })
          expect(withPriority(withPriority(x!, other, false), a.priority, false)).toBe(x)
          expect(restamped(restamped(x!, b.dueAt, 'g'), a.dueAt, 'g')).toBe(x)
          // One of no priority stands where it would without.
          expect(
            readyKey(0, false, a.dueAt, a.ulid, undefined, aging).startsWith(
              readyKey(0, false, a.dueAt, a.ulid),
            ),
          ).toBe(true)
        },
      ),
      { numRuns: 100 },
    )
  })

  test('lets nothing wait for ever, whatever comes after it', async () => {
    const { host, store, worker, said } = stage()
    const queue = new Queue('q', { store, defaultJobOptions: { aging: 1000 } })
    worker(() => new Promise<void>((resolve) => void host.timer(100, resolve)))
    await queue.add('n', 1, { jobId: 'patient', priority: 5 })
    await queue.add('n', 1, { jobId: 'first' })
    // More urgent jobs than there is time for.
    for (let n = 0; n < 80; n++) {
      await queue.add('n', 1, { jobId: `u${n}` })
      await host.advance(90)
    }
    const order = started(said)
    const at = order.indexOf('patient')
    expect(at).toBeGreaterThan(40)
    expect(at).toBeLessThan(60)
    // Those due up to 5,000 ms after it came before it, and no other.
    expect(order.slice(0, at)).not.toContain('u57')
    expect(order.slice(at)).not.toContain('u55')
    expect(await queue.getJob('patient')).toMatchObject({
      priority: 5,
      opts: { priority: 5, aging: 1000, lifo: false },
    })
  })

  test('is kept by retries, and begins anew where a job begins anew', async () => {
    const { host, queue, store, worker, dump } = stage()
    const w = worker(() => Promise.reject(new Error('no')))
    await queue.add('n', 1, { jobId: 'a', priority: 3, aging: 1000, attempts: 2 })
    const keyOf = (): string =>
      [...dump().records].find(([id]) => id === 'q:a')![1].match(/"key":"([^"]*)"/)![1]!
    const before = keyOf()
    expect(before).toMatch(/^0000000\/1\.\d{13}\.\w{26}\.1000\.3$/)
    await host.advance(1)
    expect(await queue.getJobState('a')).toBe('failed')
    expect(keyOf()).toBe(before)
    await w.pause()
    await host.advance(5000)
    await (await queue.getJob('a'))!.retry()
    expect(readReadyKey(keyOf())).toMatchObject({ priority: 3, aging: 1000, dueAt: store.now() })
    const job = (await queue.getJob('a'))!
    await job.changePriority({ priority: 1 })
    expect(readReadyKey(keyOf())).toMatchObject({ priority: 1, aging: 1000, dueAt: store.now() })
    expect((await queue.getJob('a'))!.priority).toBe(1)
    await expect(job.changePriority({ lifo: true })).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    expect((await queue.verify()).problems).toEqual([])
  })

  test('counts from when a delayed job is due, and among the jobs of a group', async () => {
    const { host, queue, worker, said } = stage()
    const group = { id: 'g' }
    await queue.add('n', 1, { jobId: 'delayed', delay: 2000, priority: 1, aging: 1000, group })
    await host.advance(2500)
    await queue.add('n', 1, { jobId: 'before', aging: 1000, group })
    await host.advance(1000)
    await queue.add('n', 1, { jobId: 'behind', aging: 1000, group })
    worker(() => 1)
    await host.advance(1000)
    expect(started(said)).toEqual(['before', 'delayed', 'behind'])
  })

  test('a job that ages is no prioritised one, and a dead letter keeps what it says', async () => {
    const { host, queue, worker, store } = stage()
    await queue.add('n', 1, { jobId: 'a', priority: 2, aging: 60_000, deadLetter: 'letters' })
    expect(await queue.getPrioritizedCount()).toBe(0)
    expect((await queue.find({ state: 'prioritized' })).jobs).toEqual([])
    worker(() => Promise.reject(new Error('no')))
    await host.idle()
    const letters = new Queue('letters', { store })
    expect((await letters.getJobs())[0]!.opts).toMatchObject({ priority: 2, aging: 60_000 })
    expect(await letters.redrive()).toEqual({ redriven: 1, skipped: 0 })
    expect((await letters.verify()).problems).toEqual([])
  })

  test('costs nothing where it is not asked for: keys and records are what they were', async () => {
    const { queue, dump } = stage()
    await queue.add('n', 1, { priority: 7 })
    await queue.add('n', 1)
    await queue.add('n', 1, { lifo: true })
    const [last, plain, seventh] = dump().lanes.get('ready:q')!
    expect(last).toMatch(/^0000000\/0\.\d{13}\.\w{26}\/q:\w{26}$/)
    expect(plain).toMatch(/^0000000\/1\.\d{13}\.\w{26}\/q:\w{26}$/)
    expect(seventh).toMatch(/^0000007\/1\.\d{13}\.\w{26}\/q:\w{26}$/)
    for (const [id, record] of dump().records) if (id.startsWith('q:')) expect(record).not.toContain('aging')
  })

  test('refuses what makes no sense, naming the field', async () => {
    const { queue, store } = stage()
    const refusal = async (opts: object): Promise<string> =>
      queue.add('n', 1, opts).then(
        () => '',
        (error: { code: string; message: string }) => `${error.code} ${error.message.split(' ')[0]}`,
      )
    expect(await refusal({ aging: 0 })).toBe('OPTION_INVALID aging')
    expect(await refusal({ aging: 1.5 })).toBe('OPTION_INVALID aging')
    expect(await refusal({ aging: 1000, lifo: true })).toBe('OPTION_INVALID lifo')
    expect(await refusal({ aging: 86_400_000, priority: 2_000_000 })).toBe('OPTION_INVALID aging')
    expect(await refusal({ aging: 86_400_000, group: { id: 'g', priority: 2_000_000 } })).toBe(
      'OPTION_INVALID aging',
    )
    expect(await refusal({ aging: 86_400_000, priority: 1000 })).toBe('')
    expect(() => new Queue('q', { store, defaultJobOptions: { aging: 10, lifo: true } })).toThrow(/^lifo/)
  })
})
