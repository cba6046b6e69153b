import { expect, test } from 'vitest'
import { Queue, Worker } from 'holdfast'
import { memoryStore } from 'holdfast/memory'
import { virtualHost } from 'holdfast/testing'

test('a job goes through', async () => {
  const host = virtualHost()
  const store = memoryStore({ host })
  const queue = new Queue<{ welcome: { data: { to: string }; result: number } }>('emails', { store })
  const job = await queue.add('welcome', { to: 'ada' }, { attempts: 3, backoff: 1000 })
  expect(await job.getState()).toBe('waiting')
  let n = 0
  const events: unknown[] = []
  const worker = new Worker<{ welcome: { data: { to: string }; result: number } }>(
    'emails',
    {
      welcome: async (job, context) => {
        await job.log('hello')
        await job.updateProgress(50)
        if (n++ === 0) throw new Error('no')
        return context.attempt
      },
    },
    { store, concurrency: 2 },
  )
  worker.on('completed', (job, result) => void events.push(['completed', job.id, result]))
  worker.on('failed', (job, error) => void events.push(['failed', job?.id, error.message]))
  worker.on('error', (error) => void events.push(error))
  await host.idle()
  expect(await job.getState()).toBe('delayed')
  await host.advance(1001)
  expect(events).toEqual([
    ['failed', job.id, 'no'],
    ['completed', job.id, 2],
  ])
  const found = await queue.getJob(job.id)
  expect(found).toMatchObject({ attemptsMade: 2, attemptsStarted: 2, returnvalue: 2, progress: 50 })
  expect(await queue.verify()).toEqual({ ok: true, jobs: 1, problems: [] })
  expect(await found!.getLogs()).toEqual({ logs: ['hello', 'hello'], count: 2 })
  const closing = worker.close()
  await host.advance(10)
  await closing
  expect(host.timers).toBe(0)
})
