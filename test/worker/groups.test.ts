/** Groups: fair turns, limits of each, pauses, strict order; and that nothing is left of a group without jobs. */
import { describe, expect, test } from 'vitest'
import { type Job, type JobOptions, Worker } from 'holdfast'
import { groupWindowLane } from '../../src/core/group-keys.ts'
import { only, stage } from '../stage/stage.ts'

const job = (group: string, id: string, opts: JobOptions = {}) => ({
  name: 'n',
  data: group,
  opts: { ...opts, jobId: id, group: { id: group } },
})
const jobsOf = (group: string, count: number, opts: JobOptions = {}) =>
  Array.from({ length: count }, (_, n) => job(group, `${group}${n}`, opts))

/** Handlers that take so long, and how many of each group run. */
function counting(ms: number) {
  const made = stage()
  const running = new Map<string, number>()
  const state = { most: new Map<string, number>(), starts: [] as { group: string; at: number }[] }
  const work = async ({ data }: { data: string }): Promise<void> => {
    state.starts.push({ group: data, at: made.host.wall() })
    const now = (running.get(data) ?? 0) + 1
    running.set(data, now)
    state.most.set(data, Math.max(state.most.get(data) ?? 0, now))
    if (ms > 0) await new Promise<void>((resolve) => void made.host.timer(ms, resolve))
    running.set(data, running.get(data)! - 1)
  }
  return { ...made, state, work }
}

const started = (said: readonly string[]): string[] => only(said, 'active').map((line) => line.split(' ')[1]!)
const leftOf = (
  dump: () => { lanes: ReadonlyMap<string, readonly string[]>; records: ReadonlyMap<string, string> },
) => ({
  keys: [...dump().lanes]
    .filter(([lane, keys]) => !/^(done|workers|audit):/.test(lane) && keys.length > 0)
    .map(([lane]) => lane),
  groups: [...dump().records.keys()].filter((id) => id.startsWith('group:')),
})

describe('groups', () => {
  test('take turns, whatever their backlogs are', async () => {
    const { host, queue, worker, said } = stage()
    await queue.addBulk(jobsOf('big', 50))
    await queue.addBulk([...jobsOf('b', 2), ...jobsOf('c', 1)])
    worker(() => 1)
    await host.advance(100)
    const order = started(said)
    expect(order).toHaveLength(53)
    expect(order.indexOf('b0')).toBeLessThan(4)
    expect(order.indexOf('c0')).toBeLessThan(4)
    expect(order.indexOf('b1')).toBeLessThan(7)
  })

  test('one with all the slots uses them, and jobs without a group run beside them', async () => {
    const { host, queue, worker, state, work } = counting(10)
    worker(work as never, { concurrency: 10 })
    await queue.addBulk(jobsOf('a', 100))
    await host.advance(100)
    expect(state.most.get('a')).toBe(10)
    await host.advance(200)
    await queue.addBulk([...jobsOf('b', 50), ...Array.from({ length: 50 }, () => ({ name: 'n', data: '-' }))])
    await host.advance(30)
    expect(state.most.get('b')).toBeGreaterThanOrEqual(4)
    expect(state.most.get('-')).toBeGreaterThanOrEqual(4)
    await host.advance(1000)
    expect(await queue.getCompletedCount()).toBe(200)
  })

  test('nothing is left of a group without jobs, and the queue is drained', async () => {
    const { host, queue, store, worker, said, dump } = stage()
    worker(() => 1, { concurrency: 3, group: { concurrency: 1, limit: { max: 2, duration: 1000 } } })
    await queue.addBulk([...jobsOf('a', 5), ...jobsOf('b', 1)])
    await host.advance(60_000)
    expect(only(said, 'completed')).toHaveLength(6)
    expect(said.at(-1)).toBe('drained')
    expect(leftOf(dump)).toEqual({ keys: [], groups: [] })
    const before = store.calls
    await host.advance(600_000)
    expect(store.calls).toBe(before)
  })

  test('a limit on each holds over all workers', async () => {
    const { host, queue, worker, state, work } = counting(10)
    for (let n = 0; n < 3; n++) worker(work as never, { concurrency: 8, group: { concurrency: 2 } })
    await queue.addBulk([...jobsOf('a', 40), ...jobsOf('b', 40), ...jobsOf('c', 3)])
    await host.advance(400)
    expect(await queue.getCompletedCount()).toBe(83)
    expect([...state.most]).toEqual([
      ['a', 2],
      ['b', 2],
      ['c', 2],
    ])
  })

  test('a rate of each holds in every window, over all workers', async () => {
    const { host, queue, worker, state, work, dump } = counting(3)
    const group = { limit: { max: 5, duration: 1000 } }
    for (let n = 0; n < 3; n++) worker(work as never, { concurrency: 8, group })
    await queue.addBulk([...jobsOf('a', 40), ...jobsOf('b', 12)])
    await host.advance(10)
    expect(await queue.getGroupRateLimitTtl('a', group.limit)).toBe(990)
    await host.advance(20_000)
    expect(await queue.getCompletedCount()).toBe(52)
    for (const one of ['a', 'b']) {
      const starts = state.starts.filter(({ group }) => group === one).map(({ at }) => at)
      for (const from of starts)
        expect(starts.filter((at) => at >= from && at < from + 1000).length).toBeLessThanOrEqual(5)
    }
    const last = state.starts.at(-1)!.at - state.starts[0]!.at
    expect(last).toBeLessThan(7200)
    expect(dump().lanes.get(groupWindowLane('q', 1000)) ?? []).toEqual([])
  })

  test('with starts to remember and room left takes the next job at once', async () => {
    const { host, queue, worker, said, dump } = stage()
    worker(() => host.wall(), { group: { limit: { max: 3, duration: 60_000 } } })
    const began = host.wall()
    for (let n = 0; n < 4; n++) {
      await queue.add('n', 'a', { jobId: `j${n}`, group: { id: 'a' } })
      await host.advance(1000)
    }
    expect(only(said, 'completed')).toEqual([0, 1000, 2000].map((ms, n) => `completed j${n} ${began + ms}`))
    await host.advance(60_000)
    expect(only(said, 'completed').at(-1)).toBe(`completed j3 ${began + 60_000}`)
    await host.advance(200_000)
    expect(leftOf(dump)).toEqual({ keys: [], groups: [] })
  })

  test('with starts to remember is looked at a few times in a window, however many there are', async () => {
    const { host, queue, worker, said, dump } = stage()
    worker(() => 1, { group: { limit: { max: 1000, duration: 60_000 } } })
    for (let n = 0; n < 60; n++) {
      await queue.add('n', 1, { group: { id: 'a' } })
      await host.advance(1000)
    }
    expect(only(said, 'completed')).toHaveLength(60)
    expect(dump().lanes.get('turn:q')!.length).toBeLessThanOrEqual(9)
    await host.advance(70_000)
    expect(leftOf(dump)).toEqual({ keys: [], groups: [] })
  })

  test('that comes while its group is looked at is run at once', async () => {
    const { host, queue, store, worker, said } = stage()
    worker(() => 1, { group: { limit: { max: 3, duration: 60_000 } } })
    let comes = true
    const commit = store.commit.bind(store)
    store.commit = async (changes) => {
      if (changes.some(({ add = [] }) => add.some(([lane]) => lane === 'idle:q')) && comes) {
        comes = false
        // Before the unit that takes the group out of the line.
        await queue.add('n', 'a', { jobId: 'late', group: { id: 'a' } })
      }
      return commit(changes)
    }
    await queue.addBulk(jobsOf('a', 1))
    await host.advance(2000)
    expect(comes).toBe(false)
    expect(only(said, 'completed')).toHaveLength(2)
  })

  test('whose visit is put off by a change of settings is visited after it', async () => {
    const { host, queue, store, worker, said } = stage()
    const commit = store.commit.bind(store)
    store.commit = async (changes) => {
      const answers = await commit(changes)
      if (changes.some(({ move }) => move?.from.lane === 'turn:q' && move.to.length > 0)) {
        store.commit = commit
        await queue.setGlobalConcurrency(5)
        // The worker hears of it before it plans its visits.
        await Promise.resolve()
      }
      return answers
    }
    worker(() => 1, { limiter: { max: 10, duration: 1000 } })
    await queue.add('n', 'g', { jobId: 'a', group: { id: 'g' } })
    await host.advance(100)
    expect(started(said)).toEqual(['a'])
  })

  test('limits of the queue hold beside those of groups, and nobody asks without end', async () => {
    const { host, queue, store, worker, state, work } = counting(10)
    await queue.setGlobalConcurrency(3)
    await queue.setGlobalRateLimit(10, 1000)
    worker(work as never, { concurrency: 8, group: { concurrency: 2 } })
    await queue.addBulk([...jobsOf('a', 10), ...jobsOf('b', 10), ...jobsOf('c', 10)])
    await host.advance(500)
    const before = store.calls
    await host.advance(400)
    expect(store.calls).toBe(before)
    await host.advance(5000)
    expect(await queue.getCompletedCount()).toBe(30)
    const starts = state.starts.map(({ at }) => at)
    for (const from of starts)
      expect(starts.filter((at) => at >= from && at < from + 1000).length).toBeLessThanOrEqual(10)
  })

  test('a pause holds from the moment it resolves; it and resuming say whether anything changed', async () => {
    const { host, queue, store, worker, said } = stage()
    worker(() => 1)
    expect(await queue.pauseGroup('a')).toBe(true)
    expect(await queue.pauseGroup('a')).toBe(false)
    await queue.addBulk([...jobsOf('a', 2), ...jobsOf('b', 2)])
    await host.advance(10)
    expect(started(said)).toEqual(['b0', 'b1'])
    expect(await queue.getGroups()).toEqual([{ id: 'a', waiting: 2, active: 0, paused: true }])
    await host.advance(30_000)
    const before = store.calls
    await host.advance(60_000)
    expect(store.calls).toBe(before)
    expect(await queue.resumeGroup('a')).toBe(true)
    expect(await queue.resumeGroup('a')).toBe(false)
    await host.advance(10)
    expect(started(said)).toEqual(['b0', 'b1', 'a0', 'a1'])
  })

  test('limits of its own hold for a group, and are remembered while it has no jobs', async () => {
    const { host, queue, worker, state, work, dump } = counting(10)
    worker(work as never, { concurrency: 8, group: { concurrency: 1 } })
    await queue.setGroupConcurrency('a', 3)
    await queue.setGroupRateLimit('b', 1, 100)
    expect(await queue.getGroupConcurrency('a')).toBe(3)
    expect(await queue.getGroupRateLimit('b')).toEqual({ max: 1, duration: 100 })
    await host.advance(100)
    await queue.addBulk([...jobsOf('a', 9), ...jobsOf('b', 3), ...jobsOf('c', 3)])
    await host.advance(1000)
    expect(state.most.get('a')).toBe(3)
    expect(state.most.get('c')).toBe(1)
    const starts = state.starts.filter(({ group }) => group === 'b').map(({ at }) => at)
    expect(starts.slice(1).map((at, n) => at - starts[n]!)).toEqual([100, 100])
    await queue.addBulk(
      jobsOf('a', 9).map((one) => ({ ...one, opts: { ...one.opts, jobId: `x${one.opts.jobId}` } })),
    )
    await host.advance(1000)
    expect(await queue.getCompletedCount()).toBe(24)
    await queue.removeGroupConcurrency('a')
    await queue.removeGroupRateLimit('b')
    await host.advance(1000)
    expect(leftOf(dump)).toEqual({ keys: [], groups: [] })
  })

  test('a weight is how many jobs a turn takes', async () => {
    const { host, queue, worker, said } = stage()
    await queue.setGroupWeight('a', 3)
    await queue.addBulk([...jobsOf('a', 9), ...jobsOf('b', 9), ...jobsOf('c', 9)])
    worker(() => 1, { concurrency: 1 })
    await host.advance(100)
    const first = started(said).slice(0, 10)
    expect(started(said)).toHaveLength(27)
    expect(first.filter((id) => id.startsWith('b'))).not.toHaveLength(0)
  })

  test('rateLimitGroup holds one group, and none of the others', async () => {
    const { host, queue, worker, said } = stage()
    let limited = true
    const one: Worker = worker(async (job) => {
      if (job.data !== 'a' || !limited) return 1
      limited = false
      await one.rateLimitGroup(job, 1000)
      throw Worker.RateLimitError()
    })
    await queue.addBulk([...jobsOf('a', 2), ...jobsOf('b', 2)])
    await host.advance(500)
    expect(only(said, 'completed')).toHaveLength(2)
    expect(await queue.getGroupRateLimitTtl('a')).toBeGreaterThan(400)
    await host.advance(600)
    expect(only(said, 'completed')).toHaveLength(4)
    expect(await queue.getJob('a0')).toMatchObject({ attemptsMade: 1 })
  })

  test('maxSize: a group that is full takes no more, and nothing of a bulk is added', async () => {
    const { queue, dump } = stage()
    const full = (id: string) => ({ name: 'n', data: 1, opts: { jobId: id, group: { id: 'a', maxSize: 3 } } })
    await queue.addBulk([full('1'), full('2')])
    const before = JSON.stringify([...dump().records])
    await expect(queue.addBulk([full('3'), full('4')])).rejects.toMatchObject({
      code: 'GROUP_FULL',
      outcome: 'failed',
    })
    expect(JSON.stringify([...dump().records])).toBe(before)
    await queue.add('n', 1, full('3').opts)
    await expect(queue.add('n', 1, full('4').opts)).rejects.toMatchObject({ code: 'GROUP_FULL' })
    expect((await queue.add('n', 1, full('3').opts)).deduplicated).toBe(true)
    expect(await queue.getGroupsJobsCount('a')).toBe(3)
    expect(await queue.getGroupsJobsCount()).toBe(3)
    expect((await queue.getGroupJobs('a')).map(({ id }) => id)).toEqual(['1', '2', '3'])
  })

  test('groupBy: the queue says the group', async () => {
    const { store, host, worker, said } = stage()
    const { Queue } = await import('holdfast')
    const queue = new Queue('q', { store, groupBy: ({ data }) => (data as { user?: string }).user })
    await queue.addBulk(
      Array.from({ length: 20 }, (_, n) => ({ name: 'n', data: { user: 'x' }, opts: { jobId: `x${n}` } })),
    )
    await queue.add('n', { user: 'y' }, { jobId: 'y' })
    const plain = await queue.add('n', {}, { jobId: 'plain' })
    expect(plain.opts.group).toBeUndefined()
    expect((await queue.getJob('y'))!.opts.group).toEqual({ id: 'y', priority: 0 })
    worker(() => 1)
    await host.advance(50)
    expect(started(said).indexOf('y')).toBeLessThan(5)
    expect(started(said)).toHaveLength(22)
  })

  test('priority orders the jobs of a group', async () => {
    const { queue, host, worker, said } = stage()
    for (const [id, priority] of [
      ['c', 5],
      ['b', 1],
      ['a', 0],
    ] as const)
      await queue.add('n', 1, { jobId: id, group: { id: 'g', priority } })
    worker(() => 1)
    await host.advance(50)
    expect(started(said)).toEqual(['a', 'b', 'c'])
  })
})

describe('a job of a group', () => {
  test('is delayed, retried, snoozed, promoted, moved and removed as any other', async () => {
    const { host, queue, worker, said } = stage()
    let tries = 0
    worker(async (job) => {
      if (job.id !== 'retried') return job.id
      if (++tries < 3) throw new Error('no')
      return 'at last'
    })
    await queue.pause()
    await queue.add('n', 1, { jobId: 'delayed', delay: 1000, group: { id: 'g' } })
    await queue.add('n', 1, { jobId: 'promoted', delay: 60_000, group: { id: 'g' } })
    await queue.add('n', 1, { jobId: 'removed', delay: 500, group: { id: 'g' } })
    await queue.add('n', 1, { jobId: 'first', group: { id: 'g' } })
    await queue.add('n', 1, { jobId: 'retried', attempts: 3, backoff: 100, group: { id: 'g' } })
    await queue.add('n', 1, { jobId: 'second', group: { id: 'g' } })
    expect(await queue.getJobCounts('waiting', 'delayed')).toEqual({ waiting: 3, delayed: 3 })
    expect((await queue.getWaiting()).map(({ id }) => id)).toEqual(['first', 'retried', 'second'])
    expect(await queue.getJobState('promoted')).toBe('delayed')
    expect(await queue.getJobState('first')).toBe('waiting')
    await (await queue.getJob('promoted'))!.promote()
    await (await queue.getJob('second'))!.changePriority({ priority: 0, lifo: true })
    expect(await queue.remove('removed')).toBe(1)
    expect((await queue.verify()).problems).toEqual([])
    await queue.resume()
    await host.advance(50)
    expect(started(said)).toEqual(['second', 'first', 'retried', 'promoted'])
    await host.advance(2000)
    expect(started(said)).toEqual(['second', 'first', 'retried', 'promoted', 'retried', 'retried', 'delayed'])
    expect(await queue.getCompletedCount()).toBe(5)
    await (await queue.getJob('first'))!.retry()
    await host.advance(50)
    expect(started(said).slice(7)).toEqual(['first'])
    await queue.pause()
    expect(await queue.retryJobs({ state: 'completed' })).toBe(5)
    await queue.resume()
    await host.advance(50)
    expect(started(said).slice(8).toSorted()).toEqual(['delayed', 'first', 'promoted', 'retried', 'second'])
  })

  test('that stalls comes back, and at its last stall runs alone', async () => {
    const { host, queue, store, worker, said } = stage()
    const hand = new Worker('q', null, { store, name: 'hand', lockDuration: 1000, group: { concurrency: 2 } })
    await queue.addBulk([...jobsOf('a', 2), ...jobsOf('b', 1)])
    const got = [await hand.getNextJob(), await hand.getNextJob(), await hand.getNextJob()]
    expect(got.map((one) => one!.opts.group!.id).sort()).toEqual(['a', 'a', 'b'])
    expect(await hand.getNextJob()).toBeUndefined()
    expect(await queue.getGroupActiveCount('a')).toBe(2)
    await hand.close()
    await host.advance(1500)
    let running = 0
    let most = 0
    worker(
      async () => {
        most = Math.max(most, ++running)
        await new Promise<void>((resolve) => void host.timer(10, resolve))
        running--
      },
      { concurrency: 5, maxStalledCount: 1 },
    )
    await host.advance(5000)
    expect(only(said, 'stalled')).toHaveLength(3)
    expect(only(said, 'completed')).toHaveLength(3)
    expect(most).toBe(1)
  })

  test.each([1, 4])('strict order holds through retries, with %i workers', async (workers) => {
    const { host, queue, worker, said } = stage()
    let tries = 0
    for (let n = 0; n < workers; n++)
      worker(
        async (job) => {
          await new Promise<void>((resolve) => void host.timer(5, resolve))
          if (job.id === 'a1' && ++tries < 4) throw new Error('no')
        },
        { concurrency: 3, group: { strict: true } },
      )
    await queue.addBulk([...jobsOf('a', 5, { attempts: 5, backoff: 100 }), ...jobsOf('b', 3)])
    await host.advance(5000)
    expect(only(said, 'completed a').map((line) => line.split(' ')[1])).toEqual([
      'a0',
      'a1',
      'a2',
      'a3',
      'a4',
    ])
    expect(started(said).filter((id) => id.startsWith('a'))).toEqual([
      'a0',
      'a1',
      'a1',
      'a1',
      'a1',
      'a2',
      'a3',
      'a4',
    ])
    expect(only(said, 'completed')).toHaveLength(8)
  })

  test('that waits in a held-up group is shown and can be promoted, drained and removed', async () => {
    const { host, queue, worker } = stage()
    worker(
      () => {
        throw new Error('no')
      },
      { group: { strict: true } },
    )
    await queue.addBulk(jobsOf('a', 3, { attempts: 5, backoff: 10_000 }))
    await host.advance(100)
    expect(await queue.getJobCounts('waiting', 'delayed')).toEqual({ waiting: 2, delayed: 1 })
    expect(await queue.getJobState('a0')).toBe('delayed')
    expect((await queue.getDelayed()).map(({ id }) => id)).toEqual(['a0'])
    expect((await queue.verify()).problems).toEqual([])
    await (await queue.getJob('a0'))!.promote()
    await host.advance(100)
    expect(await queue.remove('a0')).toBe(1)
    await host.advance(100)
    expect((await queue.getDelayed()).map(({ id }) => id)).toEqual(['a1'])
    await queue.drain(true)
    expect(await queue.getJobCounts('waiting', 'delayed')).toEqual({ waiting: 0, delayed: 0 })
  })

  test.each([
    ['cancelled', ['b']],
    ['cleaned', ['b']],
    ['promoted', ['b', 'a']],
  ])('that held its group up holds it up no more once it is %s', async (how, completed) => {
    const { host, queue, worker, said } = stage()
    const work = ({ id, attemptsMade }: Job): void => {
      if (id === 'a' && attemptsMade === 0) throw new Error('no')
    }
    worker(work, { group: { strict: true } })
    const opts = { attempts: 2, backoff: 60_000, group: { id: 'g' } }
    for (const jobId of ['a', 'b']) await queue.add('n', 1, { ...opts, jobId })
    await host.advance(1000)
    if (how === 'cancelled') await queue.cancel('a', 'not needed')
    else if (how === 'cleaned') await queue.clean(0, 10, 'delayed')
    else await queue.promoteJobs()
    await host.advance(1000)
    expect(only(said, 'completed').map((line) => line.split(' ')[1])).toEqual(completed)
  })

  test('in a bulk of any size arrives as the others do', async () => {
    const { host, queue, worker, said } = stage()
    const bulk = Array.from({ length: 3000 }, (_, n) =>
      job(`g${n % 7}`, `j${n}`, n % 3 === 0 ? { delay: 1000 } : {}),
    )
    await queue.addBulk(bulk)
    expect(await queue.getJobCounts('waiting', 'delayed')).toEqual({ waiting: 2000, delayed: 1000 })
    expect(await queue.getJobState('j1')).toBe('waiting')
    expect((await queue.verify()).problems).toEqual([])
    worker(() => 1, { concurrency: 100 })
    await host.advance(3000)
    expect(only(said, 'completed')).toHaveLength(3000)
    await expect(
      queue.addBulk(
        Array.from({ length: 2000 }, () => ({
          name: 'n',
          data: 1,
          opts: { group: { id: 'a', maxSize: 5000 } },
        })),
      ),
    ).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  })

  test('in a bulk of any size does not wait for those of other groups', async () => {
    const { host, queue, worker, said } = stage()
    await queue.addBulk([...jobsOf('big', 5000), ...jobsOf('z', 1)])
    worker(() => 1, { concurrency: 10 })
    await host.advance(10_000)
    expect(started(said)).toHaveLength(5001)
    expect(started(said).indexOf('z0')).toBeLessThan(100)
  })

  test('is cleaned, and obliterated with all there is of its group', async () => {
    const { host, queue, worker, dump } = stage()
    const one = worker(() => new Promise(() => undefined), {
      group: { concurrency: 1, limit: { max: 3, duration: 9000 } },
    })
    await queue.setGroupWeight('z', 4)
    await queue.addBulk([...jobsOf('a', 5), ...jobsOf('b', 5, { delay: 500 }), ...jobsOf('c', 1)])
    await host.advance(10)
    await queue.pauseGroup('c')
    expect((await queue.clean(0, 2, 'waiting')).length).toBe(2)
    await queue.obliterate({ force: true })
    await host.advance(2000)
    await Promise.all([one.close(true), host.advance(60_000)])
    await queue.obliterate({ force: true })
    expect(leftOf(dump)).toEqual({ keys: [], groups: [] })
    expect([...dump().records.keys()].filter((id) => !id.startsWith('worker'))).toEqual([])
  })
})

test.each([
  [{ group: {} }, 'group.id'],
  [{ group: { id: '' } }, 'group.id'],
  [{ group: { id: 'a', priority: -1 } }, 'group.priority'],
  [{ group: { id: 'a', maxSize: 0 } }, 'group.maxSize'],
  [{ group: { id: 'a', size: 0 } }, 'size'],
])('%j is refused', async (options, field) => {
  const { queue } = stage()
  await expect(queue.add('n', 1, options as never)).rejects.toThrow(field)
})

describe('explain', () => {
  const causes = async ({ queue }: ReturnType<typeof stage>, id: string) =>
    (await queue.explain(id)).causes.map(({ cause }) => cause)

  test('says that the queue, or the group, has all it may have, is paused, or waits', async () => {
    const made = stage()
    const { host, queue, worker } = made
    await queue.setGroupConcurrency('a', 1)
    await queue.setGlobalConcurrency(1)
    worker(() => new Promise((resolve) => void host.timer(1000, () => resolve(1))))
    await queue.addBulk(jobsOf('a', 2))
    await host.advance(10)
    expect(await causes(made, 'a1')).toEqual(['group-full', 'full'])
    await queue.rateLimit(60_000)
    await queue.pauseGroup('a')
    await host.advance(10)
    const told = await queue.explain('a1')
    expect(told.causes.map(({ cause }) => cause)).toEqual(['group-paused', 'limited', 'full'])
    expect(told.sentence).toContain('its group "a" is paused')
    await queue.resumeGroup('a')
    await queue.rateLimitGroup('a', 90_000)
    await host.advance(2000)
    expect(await causes(made, 'a1')).toEqual(['group-waits', 'limited'])
    expect((await queue.explain('a1')).nextAt! - host.wall()).toBe(88_000)
  })
})
