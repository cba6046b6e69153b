/** SIGTERM under load: the service ends in time, nothing is burnt, and what was given back runs first in the next process. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Queue } from 'holdfast'
import { levelStore } from 'holdfast/level'
import { expect, test } from 'vitest'
import { launch } from './launch.ts'
import type { ServiceOrders } from './service.ts'

const LONG = 6
const TIMEOUT_MS = 1000
const UNDER_LOAD_MS = 2000

test('a service told to stop under load ends within its timeout and two seconds, and burns no attempt', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-stop-'))
  const path = join(directory, 'data')
  const orders: ServiceOrders = {
    path,
    jobsPerSecond: 500,
    concurrency: 20,
    timeout: TIMEOUT_MS,
    long: LONG,
    longMs: 60_000,
  }
  const released = Array.from({ length: LONG }, (_, number) => `long-${number}`)

  const program = await launch('crash/service.ts', orders)
  await program.said('WORKING')
  await sleep(UNDER_LOAD_MS)
  const told = performance.now()
  program.signal('SIGTERM')
  const ended = await program.ended
  const tookMs = performance.now() - told
  expect(ended, program.complaints).toEqual({ code: 0, signal: null })
  expect(tookMs).toBeLessThan(TIMEOUT_MS + 2000)
  expect(program.lines).toContain('CLOSED')
  console.log(`stop: ${await program.said('STOPPING')}, ended after ${Math.round(tookMs)} ms`)

  await expectGivenBack(path, released)

  const next = await launch('crash/service.ts', { ...orders, longMs: 1 })
  await next.said('RUN long-5')
  next.signal('SIGTERM')
  expect(await next.ended).toEqual({ code: 0, signal: null })
  const runs = next.lines.filter((line) => line.startsWith('RUN '))
  // They kept their place, so they are the first to be claimed; nobody waits for a lease to expire.
  expect(runs.slice(0, LONG)).toEqual(released.map((id) => `RUN ${id}`))
  await rm(directory, { recursive: true })
})

async function expectGivenBack(path: string, ids: readonly string[]): Promise<void> {
  await using store = levelStore(path)
  const queue = new Queue('service', { store })
  expect(await queue.getJobCounts('active', 'failed', 'delayed')).toEqual({
    active: 0,
    failed: 0,
    delayed: 0,
  })
  for (const id of ids) {
    const job = await queue.getJob(id)
    expect(job).toMatchObject({ attemptsMade: 0, attemptsStarted: 1, stalledCounter: 0 })
    expect(job?.history.map(({ outcome }) => outcome)).toEqual(['released'])
    expect(await job?.getState()).toBe('waiting')
  }
  for (const job of await queue.getJobs('waiting', 0, -1))
    expect(job).toMatchObject({ attemptsMade: 0, stalledCounter: 0 })
  expect(await queue.verify()).toMatchObject({ ok: true, problems: [] })
}
