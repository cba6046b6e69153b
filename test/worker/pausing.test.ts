/** Pausing a queue, pausing a worker, and what is said when a queue has run dry. */
import { describe, expect, test } from 'vitest'
import { gate, only, stage } from '../stage/stage.ts'

describe('a paused queue', () => {
  test('gives out nothing, whoever asks; what runs goes on; resumed it goes on at once', async () => {
    const { host, queue, said, worker } = stage()
    const first = gate()
    await queue.add('n', 1, { jobId: 'running' })
    worker((job) => (job.id === 'running' ? first.promise : 1), { concurrency: 2 })
    worker(() => 1)
    await host.idle()
    await queue.pause()
    await queue.add('n', 1, { jobId: 'waiting' })
    await queue.add('n', 1, { jobId: 'due', delay: 100 })
    first.open()
    await host.advance(60_000)
    expect(only(said, 'active')).toEqual(['active running'])
    expect(await queue.getJobState('running')).toBe('completed')
    expect(await queue.getJobCounts('waiting', 'delayed')).toEqual({ waiting: 2, delayed: 0 })
    expect(await queue.isPaused()).toBe(true)
    await queue.resume()
    await host.idle()
    expect(only(said, 'completed')).toHaveLength(3)
  })

  test('is paused for workers that come later, and after a restart', async () => {
    const { host, queue, said, worker, content } = stage()
    await queue.pause()
    await queue.add('n', 1)
    worker(() => 1)
    await host.advance(1000)
    expect(said).toEqual([])
    const next = stage({ host, content })
    next.worker(() => 1)
    await host.advance(1000)
    expect(await next.queue.isPaused()).toBe(true)
    expect(only(next.said, 'active')).toEqual([])
    await next.queue.resume()
    await host.idle()
    expect(only(next.said, 'completed')).toHaveLength(1)
  })

  test('costs no store calls while it stays so', async () => {
    const { host, queue, store, worker } = stage()
    await queue.pause()
    await queue.add('n', 1)
    worker(() => 1)
    await host.advance(1000)
    const before = store.calls
    await host.advance(3_600_000)
    expect(store.calls).toBe(before)
  })

  test('says paused and resumed once each time', async () => {
    const { queue } = stage()
    const heard: string[] = []
    queue.on('paused', () => void heard.push('paused')).on('resumed', () => void heard.push('resumed'))
    await queue.resume()
    await queue.pause()
    await queue.pause()
    await queue.resume()
    expect(heard).toEqual(['paused', 'resumed'])
    expect(await queue.isPaused()).toBe(false)
  })
})

describe('a paused worker', () => {
  test('waits for what it runs and claims nothing more, while another goes on', async () => {
    const { host, queue, said, worker } = stage()
    const end = gate()
    await queue.add('n', 1, { jobId: 'a' })
    const mine = worker(() => end.promise)
    await host.idle()
    let paused = false
    const pausing = mine.pause().then(() => (paused = true))
    await host.idle()
    expect([paused, mine.isPaused(), mine.isRunning()]).toEqual([false, true, true])
    end.open()
    await pausing
    await queue.add('n', 1, { jobId: 'b' })
    await host.advance(1000)
    expect(await queue.getJobState('b')).toBe('waiting')
    worker(() => 1)
    await host.idle()
    expect(await queue.getJobState('b')).toBe('completed')
    mine.resume()
    expect(mine.isPaused()).toBe(false)
    expect(only(said, 'paused', 'resumed')).toEqual(['paused', 'resumed'])
  })

  test('does not wait when it is told not to, and goes on when it is resumed', async () => {
    const { host, queue, said, worker } = stage()
    const end = gate()
    await queue.add('n', 1, { jobId: 'a' })
    const w = worker(() => end.promise)
    await host.idle()
    await w.pause(true)
    await queue.add('n', 1, { jobId: 'b', delay: 50 })
    await host.advance(100)
    end.open()
    await host.idle()
    expect(await queue.getJobState('a')).toBe('completed')
    expect(await queue.getJobState('b')).toBe('delayed')
    w.resume()
    await host.idle()
    expect(only(said, 'completed')).toHaveLength(2)
  })

  test('may be paused before it begins', async () => {
    const { host, queue, worker } = stage()
    const w = worker(() => 1)
    await w.pause()
    await queue.add('n', 1, { jobId: 'j' })
    await host.advance(100)
    expect(await queue.getJobState('j')).toBe('waiting')
    w.resume()
    await host.idle()
    expect(await queue.getJobState('j')).toBe('completed')
  })
})

test('without autorun it runs when it is told to, and run() ends with the worker', async () => {
  const { host, queue, worker, passing } = stage()
  await queue.add('n', 1, { jobId: 'j' })
  const w = worker(() => 1, { autorun: false })
  await host.advance(100)
  expect([w.isRunning(), await queue.getJobState('j')]).toEqual([false, 'waiting'])
  let over = false
  const running = w.run().then(() => (over = true))
  await host.idle()
  expect([w.isRunning(), await queue.getJobState('j'), over]).toEqual([true, 'completed', false])
  await passing(100, w.close())
  await running
  expect(w.isRunning()).toBe(false)
})

describe('drained', () => {
  test('comes once, after the last job has ended, at any concurrency', async () => {
    for (const concurrency of [1, 3, 10]) {
      const { host, queue, said, worker } = stage()
      await queue.addBulk(['a', 'b', 'c'].map((jobId) => ({ name: 'n', data: 1, opts: { jobId } })))
      worker(() => new Promise((resolve) => host.timer(10, () => resolve(1))), { concurrency })
      await host.advance(1000)
      expect(said.filter((line) => line === 'drained')).toHaveLength(1)
      expect(said.at(-1)).toBe('drained')
      await queue.add('n', 1)
      await host.advance(1000)
      expect(said.filter((line) => line === 'drained')).toHaveLength(2)
    }
  })

  test('does not come for a queue that gave nothing', async () => {
    const { host, said, worker } = stage()
    worker(() => 1)
    await host.advance(60_000)
    expect(said).toEqual([])
  })
})
