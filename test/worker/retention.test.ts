/** What is kept of finished jobs by their age, and what a worker finds when it starts. */
import { describe, expect, test } from 'vitest'
import type { Job, KeepJobs } from 'holdfast'
import { PAGE_KEYS } from '../../src/core/bounds.ts'
import { stage } from '../stage/stage.ts'

const DAY = 86_400_000

/** Adds a job of an id and lets it end. */
const playOn = (made: ReturnType<typeof stage>, removeOnComplete: KeepJobs) => async (jobId: string) => {
  await made.queue.add('n', 1, { jobId, removeOnComplete })
  await made.host.idle()
}

const idsOf = async ({ queue }: ReturnType<typeof stage>, state: 'completed' | 'failed' = 'completed') =>
  (await queue.getJobs(state, 0, -1, true)).map(({ id }) => id)

describe('by age', () => {
  test('jobs go when one finishes after their time, at the millisecond', async () => {
    const made = stage()
    made.worker(() => 1)
    const play = playOn(made, { age: 10 })
    await play('a')
    await made.host.advance(1)
    await play('b')
    await made.host.advance(9998)
    await play('c')
    expect(await idsOf(made)).toEqual(['a', 'b', 'c'])
    await made.host.advance(1)
    await play('d')
    expect(await idsOf(made)).toEqual(['b', 'c', 'd'])
    await made.host.advance(DAY)
    expect(await idsOf(made)).toEqual(['b', 'c', 'd'])
    await play('e')
    expect(await idsOf(made)).toEqual(['e'])
  })

  test('and by count a job goes as soon as one of them says so', async () => {
    const made = stage()
    made.worker(() => 1)
    const play = playOn(made, { age: 10, count: 3 })
    for (const id of ['a', 'b', 'c', 'd', 'e']) {
      await play(id)
      await made.host.advance(1000)
    }
    expect(await idsOf(made)).toEqual(['c', 'd', 'e'])
    await made.host.advance(7500)
    await play('f')
    expect(await idsOf(made)).toEqual(['d', 'e', 'f'])
    await made.host.advance(9500)
    await play('g')
    expect(await idsOf(made)).toEqual(['f', 'g'])
  })

  test('failed jobs have a rule of their own', async () => {
    const made = stage()
    made.worker(() => {
      throw new Error('no')
    })
    const fail = async (jobId: string): Promise<void> => {
      await made.queue.add('n', 1, { jobId, removeOnFail: { age: 10 }, removeOnComplete: { age: 1 } })
      await made.host.idle()
    }
    await fail('a')
    await made.host.advance(5000)
    await fail('b')
    expect(await idsOf(made, 'failed')).toEqual(['a', 'b'])
    await made.host.advance(6000)
    await fail('c')
    expect(await idsOf(made, 'failed')).toEqual(['b', 'c'])
  })

  test('age 0 keeps none', async () => {
    const made = stage()
    made.worker(() => 1)
    await playOn(made, { age: 0 })('a')
    expect(made.content.records.size).toBe(0)
  })

  test('a worker that is never idle keeps none a tenth longer than asked, and none shorter', async () => {
    const { host, queue, worker } = stage()
    const opts = { removeOnComplete: { age: 100 } }
    await queue.addBulk(Array.from({ length: 400 }, () => ({ name: 'n', data: 1, opts })))
    worker(() => new Promise<void>((resolve) => host.timer(1000, resolve)))
    for (let second = 1; second < 400; second++) {
      await host.advance(1000)
      const now = host.wall()
      const finished = (await queue.getJobs('completed', 0, -1, true)).map(
        (job: Job) => now - job.finishedOn!,
      )
      expect(finished.length).toBeGreaterThanOrEqual(Math.min(second, 99))
      expect(Math.max(0, ...finished)).toBeLessThanOrEqual(110_000)
    }
  })

  test('an idle worker asks the store nothing, whatever gets too old', async () => {
    const made = stage()
    made.worker(() => 1)
    await playOn(made, { age: 3600 })('a')
    await made.host.advance(60_000)
    const [before, timers] = [made.store.calls, made.host.timers]
    await made.host.advance(DAY)
    expect(made.store.calls).toBe(before)
    expect(made.host.timers).toBe(timers)
  })

  test('many go in small steps', async () => {
    const made = stage()
    const { host, queue, store, worker } = made
    const opts = { removeOnComplete: { age: 10 } }
    const first = worker(() => 1, { concurrency: 100 })
    for (let n = 0; n < 3; n++)
      await queue.addBulk(Array.from({ length: 300 }, () => ({ name: 'n', data: 1, opts })))
    await host.advance(5000)
    await first.close()
    await host.advance(DAY)
    const steps: number[] = []
    store.moodOf = (changes) => {
      const gone = changes.filter(({ remove }) => remove?.some(([lane]) => lane === 'done:q')).length
      if (gone > 0) steps.push(gone)
      return 'well'
    }
    worker(() => 1)
    await host.idle()
    expect(Math.max(...steps)).toBeLessThanOrEqual(PAGE_KEYS)
    expect(steps.reduce((sum, step) => sum + step, 0)).toBe(900)
    expect(made.content.records.size).toBe(0)
  })
})

describe('a worker that starts', () => {
  test('removes what got too old while there was none', async () => {
    const made = stage()
    const first = made.worker(() => 1)
    const play = playOn(made, { age: 10 })
    await play('a')
    await made.host.advance(5000)
    await play('b')
    await first.close()
    await made.host.advance(6000)
    made.worker(() => 1)
    await made.host.idle()
    expect(await idsOf(made)).toEqual(['b'])
  })

  test('removes what one before it left beyond the count', async () => {
    const made = stage()
    const { host, queue, store, worker } = made
    const first = worker(() => 1, { concurrency: 20 })
    const opts = { removeOnComplete: 3 }
    await queue.addBulk(
      Array.from({ length: 10 }, (_, n) => ({ name: 'n', data: 1, opts: { ...opts, jobId: `j${n}` } })),
    )
    const prunes = (remove: readonly (readonly [string, string])[] = []): boolean =>
      remove.some(([lane]) => lane === 'done:q')
    store.moodOf = (changes) => (changes.some(({ remove }) => prunes(remove)) ? 'failed' : 'well')
    await host.idle()
    await first.close()
    store.moodOf = () => 'well'
    expect(await queue.getJobCounts('completed')).toEqual({ completed: 10 })
    worker(() => 1)
    await host.idle()
    expect(await idsOf(made)).toEqual(['j7', 'j8', 'j9'])
  })

  test('goes by the job that finished last, each kind by its own', async () => {
    const made = stage()
    const { host, queue, worker } = made
    const first = worker(({ data }) => {
      if (data === 'fail') throw new Error('no')
    })
    await queue.add('n', 1, { jobId: 'a', removeOnComplete: { age: 1 } })
    await host.advance(1)
    await queue.add('n', 1, { jobId: 'b', removeOnComplete: { age: 1000 } })
    await queue.add('n', 'fail', { jobId: 'c', removeOnFail: { age: 1 } })
    await host.idle()
    await first.close()
    await host.advance(60_000)
    worker(() => 1)
    await host.idle()
    expect(await idsOf(made)).toEqual(['a', 'b'])
    expect(await idsOf(made, 'failed')).toEqual([])
  })

  test('removes nothing where nobody can read the rule', async () => {
    const made = stage({ sound: false })
    const { host, content, said } = made
    const first = made.worker(() => 1)
    const play = playOn(made, { age: 1 })
    await play('a')
    await host.advance(1)
    await play('b')
    await first.close()
    content.records.set('q:b', 'damaged')
    await host.advance(60_000)
    made.worker(() => 1)
    await host.idle()
    expect(content.lanes.get('done:q')!.size).toBe(2)
    expect(said.filter((line) => line.startsWith('error'))).toEqual([])
  })
})
