/** Jobs that kill the process they run in: they end as failed and take no neighbour along. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Queue } from 'holdfast'
import { levelStore } from 'holdfast/level'
import { expect, test } from 'vitest'
import { Succession } from './launch.ts'
import type { PillOrders } from './pills.ts'

const GOOD = 100
/** The default `maxStalledCount`, and the stall that is one too many. */
const GRANTS = 4
const STARTS_MOST = 20

test('two poison pills fail as STALLED after four grants each, and a hundred good jobs complete', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-pills-'))
  const path = join(directory, 'data')
  const lines: string[] = []
  // The pill's abort must not leave a core file behind.
  const under = ['sh', '-c', 'ulimit -c 0; exec "$@"', 'sh']
  let starts = 0
  {
    await using programs = await Succession.of('crash/pills.ts', { under, hear: (line) => lines.push(line) })
    let code: number | null = null
    while (code !== 0 && starts++ < STARTS_MOST) {
      const orders: PillOrders = { path, good: GOOD, concurrency: 10 }
      const program = programs.begin(orders)
      const ended = await program.ended
      expect(ended.signal === 'SIGABRT' || ended.code === 0, program.complaints).toBe(true)
      code = ended.code
    }
  }
  const grantsOf = (id: string) => lines.filter((line) => line.startsWith(`RUN ${id} `)).length
  expect(lines.at(-1)).toBe('THROUGH')
  expect(lines.filter((line) => line.startsWith('ERROR'))).toEqual([])

  const store = levelStore(path)
  const queue = new Queue('pills', { store })
  for (const id of ['pill-1', 'pill-2']) {
    expect(await queue.getJob(id)).toMatchObject({
      failedCode: 'STALLED',
      attemptsMade: 0,
      attemptsStarted: GRANTS,
      stalledCounter: GRANTS,
    })
    expect(grantsOf(id)).toBeLessThanOrEqual(GRANTS)
  }
  const good = await queue.getJobs('completed', 0, -1)
  expect(good).toHaveLength(GOOD)
  for (const job of good) {
    expect(job).toMatchObject({ name: 'good', attemptsMade: 1 })
    expect(job.attemptsStarted).toBe(1 + job.stalledCounter)
  }
  expect(await queue.getJobCounts()).toMatchObject({ completed: GOOD, failed: 2 })
  expect(await queue.verify()).toMatchObject({ ok: true, problems: [] })
  const stalls = good.reduce((total, job) => total + job.stalledCounter, 0)
  console.log(`pills: ${starts} starts, ${stalls} stalls of neighbours`)
  await store.close()
  await rm(directory, { recursive: true })
})
