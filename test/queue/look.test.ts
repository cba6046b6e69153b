/** Looking at jobs: one, many in pages, counts, states. */
import { describe, expect, test } from 'vitest'
import { JOB_STATES } from '../../src/core/lifecycle.ts'
import { gate, stage } from '../stage/stage.ts'

const ids = (jobs: readonly { readonly id: string }[]): string[] => jobs.map(({ id }) => id)

/** A queue with jobs in each state there is. */
async function mixed() {
  const made = stage()
  const { host, queue, worker } = made
  const hold = gate()
  worker((job) => {
    if (job.data === 'fail') throw new Error('no')
    return job.data === 'hold' ? hold.promise : job.id
  })
  for (let at = 0; at < 3; at++) {
    await queue.add('n', 'ok', { jobId: `done${at}` })
    await queue.add('n', 'fail', { jobId: `failed${at}` })
    await host.advance(1)
  }
  await queue.add('n', 'hold', { jobId: 'active' })
  await host.idle()
  for (let at = 0; at < 5; at++) {
    await queue.add('n', 'ok', { jobId: `waiting${at}` })
    await queue.add('n', 'ok', { jobId: `delayed${at}`, delay: 1000 + at })
  }
  return made
}

describe('states', () => {
  test('are counted, each by its name and all together', async () => {
    const { queue } = await mixed()
    const all = { waiting: 5, delayed: 5, active: 1, 'waiting-children': 0, completed: 3, failed: 3 }
    expect(await queue.getJobCounts()).toEqual(all)
    expect(await queue.getJobCounts('failed', 'waiting')).toEqual({ failed: 3, waiting: 5 })
    expect(await queue.count()).toBe(10)
  })

  test('are those of each job', async () => {
    const { queue } = await mixed()
    for (const [id, state] of [
      ['waiting0', 'waiting'],
      ['delayed0', 'delayed'],
      ['active', 'active'],
      ['done0', 'completed'],
      ['failed0', 'failed'],
      ['nobody', 'unknown'],
    ] as const) {
      expect(await queue.getJobState(id)).toBe(state)
      const job = await queue.getJob(id)
      if (state === 'unknown') expect(job).toBeUndefined()
      else expect(await job!.getState()).toBe(state)
      if (job === undefined) continue
      const asked = [job.isWaiting(), job.isDelayed(), job.isActive(), job.isCompleted(), job.isFailed()]
      expect(await Promise.all(asked)).toEqual(
        (['waiting', 'delayed', 'active', 'completed', 'failed'] as const).map((one) => one === state),
      )
    }
  })

  test('that there are not are refused', async () => {
    const { queue } = stage()
    for (const call of [() => queue.getJobs('done' as never), () => queue.getJobCounts('x' as never)])
      await expect(call()).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  })
})

describe('lists', () => {
  test('are in the order in which jobs run or ended; the newest first unless ascending', async () => {
    const { queue } = await mixed()
    expect(ids(await queue.getJobs('waiting', 0, -1, true))).toEqual(
      [0, 1, 2, 3, 4].map((at) => `waiting${at}`),
    )
    expect(ids(await queue.getJobs('waiting'))).toEqual([4, 3, 2, 1, 0].map((at) => `waiting${at}`))
    expect(ids(await queue.getJobs('completed', 0, -1, true))).toEqual(['done0', 'done1', 'done2'])
    expect(ids(await queue.getJobs(['failed', 'delayed'], 0, -1, true))).toEqual([
      'failed0',
      'failed1',
      'failed2',
      ...[0, 1, 2, 3, 4].map((at) => `delayed${at}`),
    ])
    expect(await queue.getJobs()).toHaveLength(17)
  })

  test('have pages, across states', async () => {
    const { queue } = await mixed()
    const all = ids(await queue.getJobs(JOB_STATES, 0, -1, true))
    for (const size of [1, 2, 3, 5, 17, 100]) {
      const paged: string[] = []
      for (let start = 0; start < 20; start += size)
        paged.push(...ids(await queue.getJobs(JOB_STATES, start, start + size - 1, true)))
      expect(paged.slice(0, 17)).toEqual(all)
    }
    expect(await queue.getJobs('waiting', 5, 9)).toEqual([])
    expect(await queue.getJobs('waiting', 3, 2)).toEqual([])
    for (const [start, end] of [
      [-1, 5],
      [0, -2],
      [0.5, 5],
      [NaN, 1],
    ] as const)
      await expect(queue.getJobs('waiting', start, end)).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  })

  test('of thousands are paged exactly, a thousand at most', async () => {
    const { queue } = stage()
    for (let bulk = 0; bulk < 7; bulk++)
      await queue.addBulk(
        Array.from({ length: 350 }, (_, at) => ({
          name: 'n',
          data: at,
          opts: { jobId: `j${bulk * 350 + at}` },
        })),
      )
    const seen: string[] = []
    for (let start = 0; start < 3000; start += 1000)
      seen.push(...ids(await queue.getJobs('waiting', start, -1, true)))
    expect(seen).toEqual(Array.from({ length: 2450 }, (_, at) => `j${at}`))
    const back = ids(await queue.getJobs('waiting', 1500, 1502))
    expect(back).toEqual(['j949', 'j948', 'j947'])
  })

  test('show what each job is, without history and stacks', async () => {
    const { queue } = await mixed()
    const [active] = await queue.getJobs('active')
    expect(active).toMatchObject({ id: 'active', attemptsStarted: 1, processedBy: 'w' })
    expect(active!.processedOn).toBeTypeOf('number')
    const [failed] = await queue.getJobs('failed')
    expect(failed).toMatchObject({ failedReason: 'no', attemptsMade: 1, history: [], stacktrace: [] })
    const [done] = await queue.getJobs('completed')
    expect(done!.returnvalue).toBe(done!.id)
  })

  test('have results and data of any size', async () => {
    const { host, queue, worker } = stage()
    worker(({ data }) => data)
    await queue.addBulk(Array.from({ length: 5 }, (_, at) => ({ name: 'n', data: `${at}`.repeat(2000) })))
    await host.idle()
    const jobs = await queue.getJobs('completed', 0, -1, true)
    expect(jobs.map(({ data, returnvalue }) => [data[0], returnvalue[1], returnvalue.length])).toEqual(
      [0, 1, 2, 3, 4].map((at) => [`${at}`, `${at}`, 2000]),
    )
  })
})

test('verify finds what is wrong, and nothing where nothing is', async () => {
  const { queue, content, host } = stage({ sound: false })
  await queue.addBulk(['a', 'b', 'c', 'd'].map((jobId) => ({ name: 'n', data: 1, opts: { jobId } })))
  await host.idle()
  expect(await queue.verify()).toEqual({ ok: true, jobs: 4, problems: [] })
  const ready = content.lanes.get('ready:q')!
  const keys = ready.head(undefined, undefined, Infinity)
  content.records.delete('q:a')
  content.records.set('q:b', `${content.records.get('q:b')!}x`)
  ready.erase(keys[2]!)
  ready.insert(`9${keys[2]!.slice(1)}`)
  ready.insert(`8${keys[3]!.slice(1)}`)
  const { ok, problems } = await queue.verify()
  expect(ok).toBe(false)
  for (const id of ['a', 'b', 'c', 'd'])
    expect(problems.some((problem) => problem.startsWith(`job ${id}:`))).toBe(true)
})
