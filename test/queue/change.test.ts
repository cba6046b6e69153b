/** Changing jobs from outside: removing, retrying, progress and log lines. */
import { describe, expect, test } from 'vitest'
import { gate, only, stage } from '../stage/stage.ts'

describe('removing', () => {
  test('takes a job and all that is its own, from any place', async () => {
    const { host, queue, worker, content } = stage()
    const removed: string[] = []
    queue.on('removed', (id) => void removed.push(id))
    worker(async (job) => {
      await job.log('x')
      await job.updateProgress('y'.repeat(2000))
      if (job.id === 'failed') throw new Error('no')
      if (job.id === 'retrying') throw new Error('no')
      return 'z'.repeat(2000)
    })
    const data = 'd'.repeat(2000)
    await queue.add('n', data, { jobId: 'done' })
    await queue.add('n', data, { jobId: 'failed' })
    await queue.add('n', data, { jobId: 'retrying', attempts: 9, backoff: 5000 })
    await queue.add('n', data, { jobId: 'delayed', delay: 5000 })
    await host.idle()
    await queue.pause()
    await queue.add('n', data, { jobId: 'waiting' })
    const ids = ['done', 'failed', 'retrying', 'delayed', 'waiting']
    for (const id of ids) {
      expect(await queue.remove(id)).toBe(1)
      expect(await queue.remove(id)).toBe(0)
      expect(await queue.getJob(id)).toBeUndefined()
    }
    expect(removed).toEqual(ids)
    expect([...content.records.keys()]).toEqual(['queue:q:config'])
    await queue.resume()
    await host.advance(20_000)
    expect(await queue.count()).toBe(0)
  })

  test('fits into one call however much a job owns', async () => {
    const { host, queue, worker, content } = stage()
    worker(async (job) => {
      for (let line = 0; line < 200; line++) await job.log(`${line}`)
      throw new Error('no')
    })
    await queue.add('n', 'd'.repeat(2000), { jobId: 'j', keepLogs: 200, attempts: 25, backoff: 10 })
    await host.advance(150)
    expect(content.records.size).toBeGreaterThan(210)
    expect(await queue.getJobState('j')).toBe('delayed')
    expect(await queue.remove('j')).toBe(1)
    expect(content.records.size).toBe(0)
  })

  test('of a running job needs force', async () => {
    const { host, queue, worker } = stage()
    const end = gate()
    worker(() => end.promise)
    const job = await queue.add('n', 1, { jobId: 'j' })
    await host.idle()
    await expect(queue.remove('j')).rejects.toMatchObject({ code: 'JOB_STATE', outcome: 'failed' })
    await expect(job.remove()).rejects.toMatchObject({ code: 'JOB_STATE' })
    await job.remove({ force: true })
    await expect(job.remove()).rejects.toMatchObject({ code: 'JOB_NOT_FOUND' })
    end.open()
  })

  test('by two at once is done by one', async () => {
    const { queue } = stage()
    await queue.add('n', 1, { jobId: 'j' })
    const done = await Promise.all(Array.from({ length: 5 }, () => queue.remove('j')))
    expect(done.toSorted((a, b) => a - b)).toEqual([0, 0, 0, 0, 1])
  })

  test.each([{ force: 1 }, { hard: true }, null, 5])('options that are %j are refused', async (options) => {
    const { queue } = stage()
    await expect(queue.remove('j', options as never)).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  })
})

describe('retrying', () => {
  test('puts a failed job behind those that wait, as a new generation', async () => {
    const { host, queue, worker } = stage()
    let fails = true
    const ran: string[] = []
    worker((job) => {
      ran.push(job.id)
      if (fails) throw new Error('no')
      return 'ok'
    })
    await queue.add('n', 1, { jobId: 'j', attempts: 2, priority: 4 })
    await host.advance(1000)
    await queue.pause()
    await queue.add('n', 1, { jobId: 'other', priority: 4 })
    const job = (await queue.getJob('j'))!
    expect(await job.getState()).toBe('failed')
    await host.advance(5)
    await job.retry()
    expect(await job.getState()).toBe('waiting')
    expect(job).toMatchObject({ attemptsMade: 2, priority: 4 })
    expect([job.failedReason, job.failedCode, job.finishedOn]).toEqual([undefined, undefined, undefined])
    fails = false
    await queue.resume()
    await host.idle()
    expect(ran).toEqual(['j', 'j', 'other', 'j'])
    const done = (await queue.getJob('j'))!
    expect(done).toMatchObject({ returnvalue: 'ok', attemptsMade: 3, attemptsStarted: 3 })
    expect(done.history.map(({ outcome }) => outcome)).toEqual(['failed', 'failed', 'completed'])
  })

  test('gives all attempts anew where it is asked to', async () => {
    const { host, queue, worker } = stage()
    worker(() => {
      throw new Error('no')
    })
    await queue.add('n', 1, { jobId: 'j', attempts: 3 })
    await host.idle()
    const job = (await queue.getJob('j'))!
    await job.retry({ resetAttempts: true })
    await host.idle()
    expect((await queue.getJob('j'))!).toMatchObject({ attemptsMade: 3, attemptsStarted: 6 })
  })

  test('a completed job drops its result and keeps its history', async () => {
    const { host, queue, worker, content } = stage()
    let runs = 0
    worker(() => {
      if (++runs === 2) throw new Error('no')
      return 'r'.repeat(2000)
    })
    await queue.add('n', 1, { jobId: 'j', attempts: 5, backoff: 1000 })
    await host.idle()
    await (await queue.getJob('j'))!.retry()
    expect(content.records.has('result:q:j')).toBe(false)
    await host.idle()
    const job = (await queue.getJob('j'))!
    expect(job.returnvalue).toBeUndefined()
    expect(job.history.map(({ attempt, outcome }) => [attempt, outcome])).toEqual([
      [1, 'completed'],
      [2, 'failed'],
    ])
    await host.advance(1000)
    expect((await queue.getJob('j'))!.returnvalue).toHaveLength(2000)
  })

  test('is not possible for what is not finished, or not there', async () => {
    const { queue } = stage()
    const job = await queue.add('n', 1, { jobId: 'j' })
    await expect(job.retry()).rejects.toMatchObject({ code: 'JOB_STATE', outcome: 'failed' })
    await queue.remove('j')
    await expect(job.retry()).rejects.toMatchObject({ code: 'JOB_NOT_FOUND', outcome: 'failed' })
  })

  test('by two at once is done once', async () => {
    const { host, queue, worker, said } = stage()
    worker(() => 1)
    await queue.add('n', 1, { jobId: 'j' })
    await host.idle()
    const [a, b] = await Promise.all([queue.getJob('j'), queue.getJob('j')])
    await queue.pause()
    const results = await Promise.allSettled([a!.retry(), b!.retry()])
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    await queue.resume()
    await host.idle()
    expect(only(said, 'completed')).toHaveLength(2)
  })
})

describe('progress', () => {
  test('is stored, said, and any value of JSON', async () => {
    const { host, queue, said, worker } = stage()
    worker(async (job) => {
      await job.updateProgress(50)
      expect(job.progress).toBe(50)
      await job.updateProgress({ files: 3 })
    })
    await queue.add('n', 1, { jobId: 'j' })
    await host.idle()
    expect((await queue.getJob('j'))!.progress).toEqual({ files: 3 })
    expect(only(said, 'progress')).toEqual(['progress j 50', 'progress j {"files":3}'])
  })

  test('of calls that come faster than the store only the last is written', async () => {
    const { host, queue, store, worker } = stage()
    let calls = 0
    worker(async (job) => {
      const before = store.calls
      await Promise.all(Array.from({ length: 50 }, (_, at) => job.updateProgress(at)))
      calls = store.calls - before
    })
    await queue.add('n', 1, { jobId: 'j' })
    await host.idle()
    expect((await queue.getJob('j'))!.progress).toBe(49)
    expect(calls).toBeLessThanOrEqual(4)
  })

  test('that is no JSON is refused with a code', async () => {
    const { queue } = stage()
    const job = await queue.add('n', 1)
    for (const bad of [
      1n,
      {
        toJSON: () => {
          throw undefined
        },
      },
    ])
      await expect(job.updateProgress(bad)).rejects.toMatchObject({ code: 'PAYLOAD_NOT_JSON' })
    await expect(job.updateProgress('x'.repeat(300 * 1024))).rejects.toMatchObject({
      code: 'PAYLOAD_TOO_LARGE',
    })
  })

  test('and log lines may come from anyone who has the job', async () => {
    const { queue } = stage()
    const job = await queue.add('n', 1, { jobId: 'j' })
    await job.updateProgress(7)
    await job.log('from outside')
    const found = (await queue.getJob('j'))!
    expect(found.progress).toBe(7)
    expect((await found.getLogs()).logs).toEqual(['from outside'])
    await queue.remove('j')
    for (const write of [() => job.log('x'), () => job.updateProgress(1)])
      await expect(write()).rejects.toMatchObject({ code: 'JOB_NOT_FOUND' })
  })

  test('from outside does not keep a running job from ending', async () => {
    const { host, queue, worker, said } = stage()
    const end = gate()
    worker(async (job) => {
      await end.promise
      await job.log('inside')
      return 'done'
    })
    const job = await queue.add('n', 1, { jobId: 'j' })
    await host.idle()
    await job.log('outside')
    await job.updateProgress(5)
    end.open()
    await host.idle()
    expect(only(said, 'completed', 'lockLost')).toEqual(['completed j "done"'])
    expect((await job.getLogs()).logs).toEqual(['outside', 'inside'])
  })
})

describe('log lines', () => {
  test('are kept in order, the newest of keepLogs', async () => {
    const { host, queue, worker } = stage()
    const counts: number[] = []
    worker(async (job) => {
      for (let line = 0; line < 7; line++) counts.push(await job.log(`line ${line}`))
    })
    await queue.add('n', 1, { jobId: 'j', keepLogs: 3 })
    await host.idle()
    const job = (await queue.getJob('j'))!
    expect(counts).toEqual([1, 2, 3, 3, 3, 3, 3])
    expect(await job.getLogs()).toEqual({ logs: ['line 4', 'line 5', 'line 6'], count: 3 })
    expect((await job.getLogs(1, 1)).logs).toEqual(['line 5'])
    expect((await job.getLogs(0, -2)).logs).toEqual(['line 4', 'line 5'])
  })

  test('keep their order when none is waited for, however many', async () => {
    const { host, queue, worker } = stage()
    worker(async (job) => {
      await Promise.all(Array.from({ length: 150 }, (_, line) => job.log(`${line}`)))
    })
    await queue.add('n', 1, { jobId: 'j', keepLogs: 200 })
    await host.idle()
    expect((await (await queue.getJob('j'))!.getLogs()).logs).toEqual(
      Array.from({ length: 150 }, (_, line) => `${line}`),
    )
  })

  test('of any text, cut where they are long; none where none are kept', async () => {
    const { queue, content } = stage()
    const job = await queue.add('n', 1)
    await job.log('é'.repeat(5000))
    await job.log(7 as never)
    await job.log('lone \ud800')
    const { logs } = await job.getLogs()
    expect(new TextEncoder().encode(logs[0]).length).toBeLessThanOrEqual(4096)
    expect(logs.slice(1)).toEqual(['7', 'lone \ufffd'])
    const quiet = await queue.add('n', 1, { keepLogs: 0, jobId: 'quiet' })
    expect(await quiet.log('x')).toBe(0)
    expect([...content.records.keys()].filter((id) => id.startsWith('log') && id.includes('quiet'))).toEqual(
      [],
    )
  })
})
