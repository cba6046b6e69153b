/** Time limits of attempts, and handlers that heed their signal or do not. */
import { expect, test } from 'vitest'
import { HoldfastError } from 'holdfast'
import { settles } from '../faults/units.ts'
import { gate, only, stage } from '../stage/stage.ts'

test('a limit aborts the signal with TIMEOUT and fails the attempt at that moment', async () => {
  const { host, queue, said, worker } = stage()
  let reason: unknown
  await queue.add('n', 1, { timeout: 500, jobId: 'j' })
  const w = worker(
    (_, { signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          reason = signal.reason
          reject(new Error('stopped'))
        })
      }),
  )
  const errors: Error[] = []
  w.on('failed', (_, error) => void errors.push(error))
  await host.advance(499)
  expect(await queue.getJobState('j')).toBe('active')
  await host.advance(1)
  expect(reason).toBeInstanceOf(HoldfastError)
  expect(reason).toMatchObject({ code: 'TIMEOUT' })
  expect((await queue.getJob('j'))!).toMatchObject({ failedCode: 'TIMEOUT', attemptsMade: 1 })
  expect(only(said, 'failed')).toHaveLength(1)
  expect(errors[0]).toBe(reason)
})

test('it is tried again by its backoff while attempts are left', async () => {
  const { host, queue, worker } = stage()
  await queue.add('n', 1, { timeout: 500, attempts: 2, backoff: 100, jobId: 'j' })
  let runs = 0
  worker((_, { signal }) => {
    if (++runs === 2) return 'ok'
    return new Promise((resolve) => signal.addEventListener('abort', resolve))
  })
  await host.advance(600)
  expect((await queue.getJob('j'))!).toMatchObject({ returnvalue: 'ok', attemptsMade: 2 })
  expect((await queue.getJob('j'))!.history.map(({ outcome }) => outcome)).toEqual(['failed', 'completed'])
})

test('a handler that ends in time is not disturbed by its limit', async () => {
  const { host, queue, said, worker } = stage()
  await queue.add('n', 1, { timeout: 500 })
  worker(() => new Promise((resolve) => host.timer(499, () => resolve(1))))
  await host.advance(498)
  const running = host.timers
  await host.advance(5000)
  expect(only(said, 'failed', 'error')).toEqual([])
  expect(only(said, 'completed')).toHaveLength(1)
  // The handler's own timer, its limit and the renewal of its lease are gone.
  expect(host.timers).toBe(running - 3)
})

test('a result that comes after the limit is discarded', async () => {
  const { host, queue, said, worker, store } = stage()
  await queue.add('n', 1, { timeout: 500, jobId: 'j' })
  const late = gate<string>()
  const failures: Error[] = []
  worker(() => late.promise).on('failed', (_, error) => void failures.push(error))
  store.moodOf = (changes) => {
    // The handler's result arrives while the failure is on its way to the store.
    if (settles(changes)) late.open('late')
    return 'well'
  }
  await host.advance(500)
  expect((await queue.getJob('j'))!).toMatchObject({ failedCode: 'TIMEOUT', returnvalue: undefined })
  expect(only(said, 'completed')).toEqual([])
  expect(failures[0]).toMatchObject({ code: 'TIMEOUT' })
})

test('a handler that ignores its signal keeps its slot for a lease more, then it is given to another', async () => {
  const { host, queue, said, worker } = stage()
  await queue.add('hang', 1, { timeout: 500, jobId: 'hang' })
  await queue.add('n', 1, { jobId: 'next' })
  const never = gate()
  const w = worker({ hang: () => never.promise, n: () => 'ran' }, { lockDuration: 2000 })
  await host.advance(500)
  expect(await queue.getJobState('hang')).toBe('failed')
  await host.advance(1999)
  expect(await queue.getJobState('next')).toBe('waiting')
  await host.advance(1)
  expect(only(said, 'error')).toEqual(['error TIMEOUT'])
  expect((await queue.getJob('next'))!.returnvalue).toBe('ran')
  never.open()
  await host.idle()
  await queue.add('n', 1, { jobId: 'more' })
  await host.idle()
  expect((await queue.getJob('more'))!.returnvalue).toBe('ran')
  expect(w.concurrency).toBe(1)
})

test('the end of the handler frees the slot at once', async () => {
  const { host, queue, worker } = stage()
  await queue.add('hang', 1, { timeout: 500 })
  await queue.add('n', 1, { jobId: 'next' })
  worker({
    hang: (_, { signal }) =>
      new Promise((resolve) => signal.addEventListener('abort', () => host.timer(50, () => resolve(1)))),
    n: () => 'ran',
  })
  await host.advance(549)
  expect(await queue.getJobState('next')).toBe('waiting')
  await host.advance(1)
  expect(await queue.getJobState('next')).toBe('completed')
})

test.each([
  ['fail', 1],
  ['retry', 3],
  [undefined, 3],
] as const)('by the policy %s the job is tried %d times of 3', async (timeoutPolicy, tries) => {
  const { host, queue, said, worker } = stage()
  await queue.add('n', 1, { timeout: 500, timeoutPolicy, attempts: 3, jobId: 'j' })
  worker((_, { signal }) => new Promise((resolve) => signal.addEventListener('abort', resolve)))
  await host.advance(10_000)
  const job = (await queue.getJob('j'))!
  expect(job).toMatchObject({ failedCode: 'TIMEOUT', attemptsMade: tries })
  expect(job.opts.timeoutPolicy).toBe(timeoutPolicy)
  expect(only(said, 'failed')).toHaveLength(tries)
  expect(only(said, 'exhausted')).toEqual([`exhausted j ${tries}`])
})

test('the policy is for the limit alone: other failures are tried again', async () => {
  const { host, queue, worker } = stage()
  await queue.add('n', 1, { timeout: 500, timeoutPolicy: 'fail', attempts: 2, jobId: 'j' })
  let runs = 0
  worker(() => {
    if (++runs === 1) throw new Error('no')
    return 'ok'
  })
  await host.advance(1000)
  expect((await queue.getJob('j'))!).toMatchObject({ returnvalue: 'ok', attemptsMade: 2 })
})
