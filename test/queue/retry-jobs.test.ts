/** Which finished jobs `retryJobs` puts back in line, and with what is left of their attempts. */
import { UnrecoverableError } from 'holdfast'
import { describe, expect, test } from 'vitest'
import { stage } from '../stage/stage.ts'

/** Two names by two codes, one of each a second: `a0 a1 b0 b1`, ... where 1 gave up. */
async function failed() {
  const made = stage()
  const { host, queue, worker } = made
  const began = host.wall()
  const w = worker((job) => {
    throw job.id.endsWith('1') ? new UnrecoverableError('never') : new Error('no')
  })
  for (const name of ['a', 'b']) {
    for (const kind of [0, 1]) {
      await queue.add(name, 1, { jobId: `${name}${kind}` })
      await host.idle()
      await host.advance(1000)
    }
  }
  await w.close()
  const waiting = async () => (await queue.getWaiting()).map(({ id }) => id).sort()
  return { ...made, began, waiting }
}

describe('retryJobs takes those of which all that is given holds', () => {
  test.each<[object, string[]]>([
    [{}, ['a0', 'a1', 'b0', 'b1']],
    [{ name: 'a' }, ['a0', 'a1']],
    [{ code: 'UNRECOVERABLE' }, ['a1', 'b1']],
    [{ name: 'b', code: 'ATTEMPTS_EXHAUSTED' }, ['b0']],
    [{ name: 'c' }, []],
    [{ code: 'STALLED' }, []],
    [{ name: 'a', from: undefined, to: undefined, code: undefined }, ['a0', 'a1']],
    [{ count: 1 }, ['a0', 'a1', 'b0', 'b1']],
  ])('%j', async (options, wanted) => {
    const { queue, waiting } = await failed()
    expect(await queue.retryJobs(options)).toBe(wanted.length)
    expect(await waiting()).toEqual(wanted)
  })

  test('from and to are of the end of the job, both included, as a Date or a number', async () => {
    const { queue, waiting, began } = await failed()
    expect(await queue.retryJobs({ from: began + 1001, to: began + 1999 })).toBe(0)
    expect(await queue.retryJobs({ from: began + 1000, to: new Date(began + 2000) })).toBe(2)
    expect(await waiting()).toEqual(['a1', 'b0'])
    expect(await queue.retryJobs({ from: new Date(began + 3001) })).toBe(0)
    expect(await queue.retryJobs({ from: new Date(began + 3000) })).toBe(1)
    expect(await queue.retryJobs({ to: 0 })).toBe(0)
    expect(await queue.retryJobs({ to: new Date(began) })).toBe(1)
  })

  test('attempts are given back where that is asked', async () => {
    const { queue } = await failed()
    await queue.retryJobs({ name: 'a' })
    await queue.retryJobs({ name: 'b', resetAttempts: true })
    expect((await queue.getJob('a0'))!.attemptsMade).toBe(1)
    expect((await queue.getJob('b0'))!.attemptsMade).toBe(0)
  })

  test('one that fails again meanwhile is not taken twice, whatever time is given', async () => {
    const { host, queue, worker } = await failed()
    worker(() => {
      throw new Error('still not')
    })
    const retrying = queue.retryJobs({ to: host.wall() + 1_000_000, count: 1 })
    for (let turn = 0; turn < 20; turn++) await host.idle()
    expect(await retrying).toBe(4)
    expect((await queue.getJob('a0'))!.attemptsStarted).toBe(2)
  })

  test('in steps of as many as asked, and of 200 at most', async () => {
    const { queue, store } = await failed()
    const steps: number[] = []
    store.moodOf = (changes) => {
      const retried = changes.filter(({ remove }) => remove?.some(([lane]) => lane === 'dead:q'))
      if (retried.length > 0) steps.push(retried.length)
      return 'well'
    }
    expect(await queue.retryJobs({ count: 3 })).toBe(4)
    expect(steps).toEqual([3, 1])
  })
})

test.each<[object, RegExp]>([
  [{ name: '' }, /^name must be/],
  [{ from: 'May' }, /^from must be/],
  [{ to: NaN }, /^to must be/],
  [{ code: 'NO_SUCH' }, /^code must be one of STALLED, /],
  [{ code: 'STALLED', state: 'completed' }, /^code must be left out/],
  [{ to: 5, timestamp: 5 }, /^timestamp must be left out/],
  [{ resetAttempts: 1 }, /^resetAttempts must be/],
  [{ count: 0 }, /^count must be/],
])('retryJobs(%j) is refused', async (options, message) => {
  await expect(stage().queue.retryJobs(options)).rejects.toMatchObject({
    code: 'OPTION_INVALID',
    message: expect.stringMatching(message),
  })
})
