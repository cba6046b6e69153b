/** Jobs whose next stall would end them: claimed alone, when every slot is empty, by one of however many workers. */
import { describe, expect, test } from 'vitest'
import { type Job, Worker } from 'holdfast'
import { renews } from '../faults/units.ts'
import { stage } from '../stage/stage.ts'

type Stage = ReturnType<typeof stage>

/** Lets all jobs that wait begin, and stall. */
async function stall({ host, store, passing }: Stage): Promise<void> {
  const frozen = new Worker('q', (() => new Promise(() => {})) as never, {
    store,
    lockDuration: 1000,
    maxStalledCount: 1,
    concurrency: 2,
  })
  frozen.on('error', () => {})
  await host.idle()
  store.moodOf = (changes) => (renews(changes) ? 'failed' : 'well')
  await host.advance(1500)
  store.moodOf = () => 'well'
  await passing(40_000, frozen.close(true))
}

describe('a suspect', () => {
  /** A job that has stalled once, where once is all that is allowed; it is due `backoff` ms later. */
  const withSuspect = async (backoff = 0) => {
    const made = stage()
    await made.queue.add('n', 1, { jobId: 'suspect', backoff })
    await stall(made)
    return made
  }

  test('waits in public as delayed until it is due, and is claimed alone by one of several workers', async () => {
    const { host, queue, worker } = await withSuspect()
    expect(await queue.getJobState('suspect')).toBe('waiting')
    await queue.addBulk(
      Array.from({ length: 30 }, (_, at) => ({ name: 'n', data: 1, opts: { jobId: `n${at}` } })),
    )
    const running = new Map<string, Set<string>>()
    const seenWithSuspect: string[][] = []
    const work = (name: string) => async (job: Job) => {
      const mine = running.get(name) ?? new Set()
      running.set(name, mine.add(job.id))
      if (mine.has('suspect')) seenWithSuspect.push([...mine])
      await new Promise<void>((resolve) => host.timer(30, resolve))
      mine.delete(job.id)
    }
    const options = { concurrency: 4, lockDuration: 1000, maxStalledCount: 1 }
    worker(work('a'), { ...options, name: 'a' })
    worker(work('b'), { ...options, name: 'b' })
    await host.advance(3000)
    expect(seenWithSuspect).toEqual([['suspect']])
    expect(await queue.getJobCounts('completed', 'waiting')).toEqual({ completed: 31, waiting: 0 })
  })

  test.each([4, 100])(
    'that falls due while %d slots are busy waits until they are empty',
    async (concurrency) => {
      const { host, queue, worker } = await withSuspect(60_000)
      expect(await queue.getJobState('suspect')).toBe('delayed')
      const running = new Set<string>()
      const seen: string[][] = []
      worker(
        async (job) => {
          running.add(job.id)
          if (running.has('suspect')) seen.push([...running])
          await new Promise<void>((resolve) => host.timer(100 + job.data, resolve))
          running.delete(job.id)
        },
        { concurrency, maxStalledCount: 1 },
      )
      await host.advance(19_000)
      for (let at = 0; at < 300; at++) {
        await queue.add('n', at % 70, { jobId: `n${at}` })
        await host.advance(5)
      }
      await host.advance(60_000)
      expect(seen).toEqual([['suspect']])
      expect(await queue.getJobCounts('completed')).toEqual({ completed: 301 })
    },
  )

  test('of a group runs while no other is on lease', async () => {
    const made = stage()
    const { host, queue, worker } = made
    for (const jobId of ['a', 'b']) await queue.add('n', 1, { jobId, group: { id: jobId } })
    await stall(made)
    const neighbours: unknown[] = []
    worker(
      async (job) => {
        neighbours.push(await queue.getJobState(job.id === 'a' ? 'b' : 'a'))
      },
      { concurrency: 4, maxStalledCount: 1 },
    )
    await host.advance(5000)
    // What is on lease when one of them ends the process is taken along.
    expect(neighbours).not.toContain('active')
    expect(neighbours.at(1)).toBe('completed')
  })

  test('that completes is like any other', async () => {
    const { host, queue, worker } = await withSuspect()
    worker(() => 'fine', { maxStalledCount: 1 })
    await host.idle()
    expect((await queue.getJob('suspect'))!).toMatchObject({
      returnvalue: 'fine',
      attemptsMade: 1,
      stalledCounter: 1,
    })
  })
})
