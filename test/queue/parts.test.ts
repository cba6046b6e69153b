/** Everything that is a job's own goes with it, whichever way it goes: what is left is looked for in all that is stored. */
import { afterEach, describe, expect, test } from 'vitest'
import { BULK_MS } from '../../src/core/bounds.ts'
import { sweepBulks } from '../../src/ledger/bulk.ts'
import { openLedger } from '../../src/ledger/ledger.ts'
import { type Stage, gate, stage } from '../stage/stage.ts'

const LARGE = 'x'.repeat(2000)
const OPTIONS = { jobId: 'j', attempts: 30, keepLogs: 7, backoff: 10_000, priority: 1 }

let hold = gate()
afterEach(() => {
  hold.open()
  hold = gate()
})

type State = 'waiting' | 'parked' | 'delayed' | 'suspect' | 'active' | 'completed' | 'failed'

/** A job in some state that has a record of every kind: data, result, progress, log lines, history. */
async function laden(state: State, options: object = {}): Promise<Stage> {
  const made = stage()
  const { host, queue, store, worker } = made
  const w = worker(
    async (job) => {
      for (let line = 0; line < 9; line++) await job.log(LARGE)
      await job.updateProgress(LARGE)
      if (job.attemptsMade < 22) throw new Error(LARGE)
      if (state === 'active' || state === 'suspect') return hold.promise
      if (state !== 'completed') throw new Error(LARGE)
      return LARGE
    },
    { maxStalledCount: 1, lockDuration: 1000, perName: { n: { concurrency: 1 } } },
  )
  await queue.add('n', LARGE, { ...OPTIONS, ...options, attempts: state === 'failed' ? 23 : 30 })
  for (let attempt = 0; attempt < 22; attempt++) await host.advance(10_000)
  if (state === 'suspect') {
    store.mood = 'failed'
    await host.advance(1500)
    store.mood = 'well'
    await queue.pause()
    for (let second = 0; second < 10 && (await queue.getJobState('j')) === 'active'; second++)
      await host.advance(500)
  }
  if (state === 'waiting' || state === 'parked') {
    await w.close()
    await (await queue.getJob('j'))!.promote()
  }
  if (state === 'parked') {
    worker(() => hold.promise, { concurrency: 2, perName: { n: { concurrency: 1 } } })
    await queue.add('n', 1, { jobId: 'first' })
    await host.idle()
  }
  const of = {
    waiting: 'ready',
    parked: 'parked',
    delayed: 'due',
    active: 'lease',
    completed: 'done',
    failed: 'dead',
  }
  const lane = state === 'suspect' ? 'suspect' : of[state]
  expect(
    made
      .dump()
      .lanes.get(`${lane}:q`)
      ?.map((key) => key.split('/').at(-1)),
  ).toEqual(['q:j'])
  const kinds = new Set(recordsOf(made).map((id) => id.split(':')[0]))
  const all = ['q', 'history', 'log', 'logs', 'payload', 'progress']
  expect(kinds).toEqual(new Set(state === 'completed' ? [...all, 'result'] : all))
  return made
}

const recordsOf = ({ content }: Stage): string[] =>
  [...content.records.keys()].filter((id) => /(^|:)q:j(:|$)/.test(id))

type Way = (made: Stage) => Promise<unknown>

const WAYS: Readonly<Record<string, Way>> = {
  remove: ({ queue }) => queue.remove('j'),
  'remove by force': ({ queue }) => queue.remove('j', { force: true }),
  drain: ({ queue }) => queue.drain(true),
  'clean waiting': ({ queue }) => queue.clean(0, 0, 'waiting'),
  'clean prioritized': ({ queue }) => queue.clean(0, 0, 'prioritized'),
  'clean delayed': ({ queue }) => queue.clean(0, 0, 'delayed'),
  'clean completed': ({ queue }) => queue.clean(0, 0, 'completed'),
  'clean failed': ({ queue }) => queue.clean(0, 0, 'failed'),
  obliterate: ({ queue }) => queue.obliterate(),
  'obliterate by force': ({ queue }) => queue.obliterate({ force: true }),
}

describe('nothing is left of a job', () => {
  test.each<[State, ...string[]]>([
    ['waiting', 'remove', 'drain', 'clean waiting', 'clean prioritized', 'obliterate'],
    ['parked', 'remove', 'drain', 'clean waiting', 'clean prioritized', 'obliterate by force'],
    ['delayed', 'remove', 'drain', 'clean delayed', 'obliterate'],
    ['suspect', 'remove', 'drain', 'clean delayed', 'obliterate'],
    ['active', 'remove by force', 'obliterate by force'],
    ['completed', 'remove', 'clean completed', 'obliterate'],
    ['failed', 'remove', 'clean failed', 'obliterate'],
  ])('that is %s, after %s and the other ways to take it', async (state, ...ways) => {
    for (const way of ways) {
      const made = await laden(state)
      await WAYS[way]!(made)
      expect(recordsOf(made), way).toEqual([])
      expect(await made.queue.getJobState('j')).toBe('unknown')
    }
  })

  test.each([
    ['completed', 'is not to be kept', { removeOnComplete: true }],
    ['failed', 'is not to be kept', { removeOnFail: true }],
    ['completed', 'is beyond the number to be kept', { removeOnComplete: 1 }],
    ['failed', 'is beyond the number to be kept', { removeOnFail: 1 }],
    ['completed', 'is older than is to be kept', { removeOnComplete: { age: 5 } }],
    ['failed', 'is older than is to be kept', { removeOnFail: { age: 5 } }],
  ] as const)('that %s and %s', async (outcome, _, retention) => {
    const made = stage()
    const { host, queue, worker } = made
    const work = async (job: {
      log: (line: string) => unknown
      id: string
      updateProgress: (p: string) => unknown
    }) => {
      await job.log(LARGE)
      await job.updateProgress(LARGE)
      if (outcome === 'failed') throw new Error(LARGE)
      return LARGE
    }
    const first = worker(work)
    await queue.add('n', LARGE, { jobId: 'j', ...retention })
    await host.advance(6000)
    await queue.add('n', 1, { ...retention })
    await host.idle()
    await first.close()
    worker(work)
    await host.idle()
    expect(recordsOf(made)).toEqual([])
  })

  test('of a bulk that is swept', async () => {
    const made = stage()
    const { host, store, queue } = made
    const jobs = Array.from({ length: 900 }, (_, at) => ({
      name: 'n',
      data: at === 7 ? LARGE : at,
      opts: { jobId: `j:${at}` },
    }))
    // Neither its commit nor the sweep of its producer arrives.
    store.moodOf = (changes) => (changes[0]?.remove?.[0]?.[0] === 'staged:q' ? 'failed' : 'well')
    await expect(queue.addBulk(jobs)).rejects.toMatchObject({ code: 'STORE_FULL' })
    store.moodOf = () => 'well'
    expect(made.content.records.size).toBeGreaterThan(900)
    await host.advance(BULK_MS + 1)
    await sweepBulks(openLedger(store, 'q'))
    expect([made.content.records.size, made.content.lanes.size]).toEqual([0, 0])
  })
})
