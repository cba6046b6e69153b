/** What the enumerations and the simulator once found, each as the fixed case that shows it. */
import { Worker } from 'holdfast'
import { expect, test } from 'vitest'
import { gate, only, stage } from '../stage/stage.ts'
import { FaultStore } from './fault-store.ts'
import type { FaultPlan } from './plan.ts'
import { claims, renews } from './units.ts'

const jobs = (count: number) =>
  Array.from({ length: count }, (_, at) => ({ name: 'n', data: at, opts: { removeOnComplete: 2 } }))

test('retention that failed is carried out although no job finishes any more', async () => {
  for (const mood of ['failed', 'lost before'] as const) {
    const { host, queue, store, worker } = stage()
    await queue.addBulk(jobs(5))
    const isPruning = (changes: readonly { readonly remove?: readonly (readonly string[])[] }[]): boolean =>
      changes.some(({ remove }) => remove?.some(([lane]) => lane === 'done:q'))
    let failures = 0
    store.moodOf = (changes) => (isPruning(changes) && failures++ < 2 ? mood : 'well')
    worker(() => 1)
    await host.advance(10_000)
    expect(failures).toBe(3)
    expect(await queue.getJobCounts('completed')).toEqual({ completed: 2 })
  }
})

test('a rule of retention that comes while another one is being carried out is not forgotten', async () => {
  const { host, queue, store, worker } = stage()
  await queue.addBulk(jobs(5).map((job) => ({ ...job, opts: { removeOnComplete: 100 } })))
  const count = store.inner.count.bind(store.inner)
  let slow = 1
  store.inner.count = async (spans) => {
    if (slow-- > 0) await new Promise<void>((resolve) => host.timer(500, resolve))
    return count(spans)
  }
  worker(() => 1)
  await host.advance(100)
  await queue.add('n', 1, { removeOnComplete: 2 })
  await host.advance(10_000)
  expect(await queue.getJobCounts('completed')).toEqual({ completed: 2 })
})

let reads = 0
let claimed = 0
const LATE = { kind: 'late', ms: 3000 } as const

test.each<[string, unknown, FaultPlan]>([
  [
    'a claim that is answered',
    1,
    { commits: (_, unit) => (claims(unit) && claimed++ === 0 ? LATE : undefined) },
  ],
  [
    'data that is read',
    'x'.repeat(5000),
    {
      commits: (_, unit) => (renews(unit) ? { kind: 'before' } : undefined),
      // The settings are read first, then the parts of what was claimed.
      looks: (_, look) => (look === 'read' && reads++ === 1 ? { kind: 'delay', ms: 3000 } : undefined),
    },
  ],
])('%s after the lease is over starts no handler', async (_, data, plan) => {
  const made = stage()
  const { host, queue, said } = made
  await queue.add('n', data, { jobId: 'j' })
  const slowStore = new FaultStore(made.store.inner, plan)
  let started = 0
  const slow = new Worker('q', () => started++, { store: slowStore, lockDuration: 1000 })
  slow.on('error', () => {})
  await host.idle()
  const other = gate()
  made.worker(() => other.promise, { lockDuration: 1000 })
  await host.advance(5000)
  expect(only(said, 'active')).toEqual(['active j'])
  expect(started).toBe(0)
  other.open()
  await host.advance(1000)
  expect(only(said, 'completed')).toHaveLength(1)
  await made.passing(60_000, slow.close())
})
