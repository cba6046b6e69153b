/** Records that cannot be read: a damaged one is set aside with its bytes, one of a newer version is left alone; work goes on. */
import { describe, expect, test } from 'vitest'
import { seal } from '../../src/core/codec.ts'
import type { MemoryContent } from 'holdfast/memory'
import { only, stage } from '../stage/stage.ts'

const damage = (content: MemoryContent, id: string): string => {
  const record = content.records.get(id)!
  const damaged = `${record.slice(0, -3)}#${record.slice(-2)}`
  content.records.set(id, damaged)
  return damaged
}

/** A head as a newer version would write it. */
const renew = (content: MemoryContent, id: string, how: 'needs' | 'version'): string => {
  const record = content.records.get(id)!
  const [json = '', ...rest] = record.slice(8).split('\n')
  const body = [JSON.stringify({ ...JSON.parse(json), needs: ['x'] }), ...rest].join('\n')
  const newer = how === 'needs' ? seal(body) : record.replace('j1', 'j2')
  content.records.set(id, newer)
  return newer
}

async function three() {
  const made = stage({ sound: false })
  await made.queue.addBulk(
    ['a', 'bad', 'c'].map((jobId) => ({ name: 'n', data: 'x'.repeat(2000), opts: { jobId } })),
  )
  return made
}

describe('a damaged record', () => {
  test('is set aside as failed, with its bytes, and the worker goes on', async () => {
    const { host, queue, said, content, worker } = await three()
    const bytes = damage(content, 'q:bad')
    expect(await queue.getJobState('bad')).toBe('waiting')
    worker(() => 1)
    await host.idle()
    expect(content.records.get('q:bad')).toBe(bytes)
    expect(only(said, 'completed')).toHaveLength(2)
    expect(only(said, 'failed')).toHaveLength(1)
    expect(only(said, 'error')).toEqual([])
    const bad = (await queue.getJob('bad'))!
    expect(bad).toMatchObject({ failedCode: 'UNREADABLE', id: 'bad' })
    expect(bad.failedReason).toContain('checksum')
    expect(await queue.getJobState('bad')).toBe('failed')
    expect((await queue.getJobs('failed')).map(({ id, failedCode }) => [id, failedCode])).toEqual([
      ['bad', 'UNREADABLE'],
    ])
    expect(await queue.getJobCounts('failed', 'completed')).toEqual({ failed: 1, completed: 2 })
    expect((await queue.verify()).ok).toBe(true)
  })

  test('is refused by what would change it, with a code', async () => {
    const { host, queue, content, worker } = await three()
    damage(content, 'q:bad')
    worker(() => 1)
    await host.idle()
    const bad = (await queue.getJob('bad'))!
    for (const change of [() => bad.retry(), () => bad.log('x'), () => bad.updateProgress(1)])
      await expect(change()).rejects.toMatchObject({ code: 'STORE_CORRUPT', outcome: 'failed' })
  })

  test('can be removed, with all that was its own', async () => {
    const { host, queue, content, worker } = await three()
    damage(content, 'q:bad')
    worker(() => 1)
    await host.idle()
    expect(await queue.remove('bad')).toBe(1)
    expect([...content.records.keys()].filter((id) => id.includes('bad'))).toEqual([])
    expect(await queue.getJobState('bad')).toBe('unknown')
  })

  test('that runs is removed by force alone', async () => {
    const { host, queue, content, worker } = await three()
    let ended = (): void => {}
    worker(() => new Promise<void>((resolve) => (ended = resolve)))
    await host.idle()
    damage(content, 'q:a')
    await expect(queue.remove('a')).rejects.toMatchObject({ code: 'JOB_STATE' })
    expect(await queue.remove('a', { force: true })).toBe(1)
    ended()
    await host.idle()
    ended()
    await host.idle()
    ended()
    await host.idle()
    expect(await queue.getJobCounts('completed')).toEqual({ completed: 2 })
  })

  test('of a job that stalled is set aside by whoever ends its lease', async () => {
    const { host, content, worker, queue } = await three()
    worker(() => new Promise(() => {}), { concurrency: 3 })
    await host.idle()
    damage(content, 'q:bad')
    const next = stage({ host, content, sound: false })
    next.worker(() => 1, { concurrency: 3 })
    await host.advance(2000)
    expect(only(next.said, 'stalled')).toHaveLength(3)
    expect(only(next.said, 'completed')).toHaveLength(2)
    expect(await next.queue.getJobState('bad')).toBe('failed')
    await queue.close()
  })

  test('is pruned like any other', async () => {
    const { host, queue, content, worker } = await three()
    damage(content, 'q:bad')
    worker(() => {
      throw new Error('no')
    })
    await host.advance(10)
    await queue.addBulk(Array.from({ length: 20 }, () => ({ name: 'n', data: 1, opts: { removeOnFail: 2 } })))
    await host.idle()
    expect(await queue.getJobCounts('failed')).toEqual({ failed: 2 })
    expect([...content.records.keys()].filter((id) => id.includes('bad'))).toEqual([])
  })
})

describe('a damaged or missing payload', () => {
  test.each(['damaged', 'missing'])('%s fails the job for good as UNREADABLE', async (how) => {
    const { host, queue, said, content, worker } = await three()
    if (how === 'missing') content.records.delete('payload:q:bad')
    else damage(content, 'payload:q:bad')
    worker(() => 1)
    await host.idle()
    expect((await queue.getJob('bad'))!).toMatchObject({
      failedCode: 'UNREADABLE',
      name: 'n',
      attemptsMade: 1,
    })
    expect(only(said, 'completed')).toHaveLength(2)
  })
})

describe('a job of a newer version', () => {
  test.each(['needs', 'version'] as const)(
    '(%s) waits untouched, and STORE_TOO_NEW is said on error',
    async (how) => {
      const { host, queue, said, content, worker } = await three()
      const bytes = renew(content, 'q:bad', how)
      worker(() => 1)
      await host.idle()
      expect(content.records.get('q:bad')).toBe(bytes)
      expect(content.lanes.get('blocked:q')!.lowest).toMatch(/^too-new\/.*\/q:bad$/)
      expect(only(said, 'error')).toEqual(['error STORE_TOO_NEW'])
      expect(only(said, 'completed')).toHaveLength(2)
      expect(only(said, 'failed')).toEqual([])
      expect(await queue.getJobState('bad')).toBe('waiting-children')
      await expect((await queue.getJob('bad'))!.log('x')).rejects.toMatchObject({ code: 'STORE_TOO_NEW' })
    },
  )

  test('is taken back by a worker that knows it', async () => {
    const { host, queue, content, worker, passing, said } = await three()
    const record = content.records.get('q:bad')!
    renew(content, 'q:bad', 'needs')
    const first = worker(() => 1)
    await host.idle()
    await passing(100, first.close())
    worker(() => 2)
    await host.idle()
    expect(await queue.getJobState('bad')).toBe('waiting-children')
    // As if this version knew what the job needs.
    content.records.set('q:bad', record)
    worker(() => 3)
    await host.idle()
    expect(only(said, 'completed bad')).toHaveLength(1)
  })
})
