/** One job, and everything that can end it at the same time, in every order of their store calls: one legal outcome, always. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Job, Queue, Worker } from 'holdfast'
import { MemoryContent, memoryStore } from 'holdfast/memory'
import { virtualHost } from 'holdfast/testing'
import { expireStep } from '../../src/ledger/expire.ts'
import { openLedger } from '../../src/ledger/ledger.ts'
import { pruneStep } from '../../src/ledger/retain.ts'
import type { Store } from '../../src/store.ts'

type Action = 'complete' | 'fail' | 'cancel' | 'force' | 'redrive' | 'prune' | 'expire'
type Start = 'waiting' | 'active' | 'letter'

/** Each call of the store comes, and is answered, when the scheduler says so. */
function scheduled(store: Store, s: fc.Scheduler): Store {
  const around =
    <Args extends unknown[], Result>(call: (...args: Args) => Promise<Result>) =>
    async (...args: Args): Promise<Result> => {
      await s.schedule(Promise.resolve(), 'sent')
      const result = await call(...args)
      await s.schedule(Promise.resolve(), 'answered')
      return result
    }
  return new Proxy(store, {
    get(target, name) {
      const value = Reflect.get(target, name, target) as unknown
      if (typeof value !== 'function') return value
      const bound = value.bind(target) as never
      return ['read', 'scan', 'count', 'commit'].includes(String(name)) ? around(bound) : bound
    },
  })
}

async function race(s: fc.Scheduler, start: Start, actions: readonly Action[]): Promise<void> {
  const host = virtualHost()
  const calm = memoryStore({ host, content: new MemoryContent() })
  const queue = new Queue('q', { store: calm })
  const letters = new Queue('dead', { store: calm })
  const { store, held } = await begin(start, { host, calm, queue, s })
  const [here, there] = [new Queue('q', { store }), new Queue('dead', { store })]
  const ledger = openLedger(store, 'q')
  const acts: Record<Action, () => Promise<unknown>> = {
    complete: async () => held?.moveToCompleted('done'),
    fail: async () => held?.moveToFailed(new Error('no')),
    cancel: () => here.cancel('j', 'not wanted'),
    force: () => here.cancel('j', 'not wanted', { force: true }),
    redrive: () => there.redrive(),
    prune: () => pruneStep(ledger, 'dead', { count: 0, ageMs: Infinity }),
    expire: () => expireStep(ledger),
  }
  const outcomes = new Map<Action, unknown>()
  const all = Promise.all(
    actions.map(async (action) => {
      const outcome = await acts[action]().catch((error: { code?: string }) => error.code ?? 'an error')
      outcomes.set(action, outcome)
    }),
  )
  await s.waitFor(all)
  await judge({ queue, letters, outcomes, start, held })
}

interface Beginning {
  readonly host: ReturnType<typeof virtualHost>
  readonly calm: Store
  readonly queue: Queue
  readonly s: fc.Scheduler
}

async function begin(start: Start, { host, calm, queue, s }: Beginning) {
  const store = scheduled(calm, s)
  await queue.add('n', 1, { jobId: 'j', deadLetter: 'dead', ttl: 1000 })
  if (start === 'letter') {
    const failing = (await new Worker('q', null, { store: calm, autorun: false }).getNextJob())!
    await failing.moveToFailed(new Error('no'))
  }
  let held: Job | undefined
  if (start === 'active') {
    // The worker opens on the calm store, so that the job is on lease before the race begins.
    let racing = false
    const turning = new Proxy(calm, {
      get: (_, name) => {
        const from = racing ? store : calm
        const value = Reflect.get(from, name, from) as unknown
        return typeof value === 'function' ? value.bind(from) : value
      },
    })
    held = await new Worker('q', null, { store: turning, autorun: false, lockDuration: 60_000 }).getNextJob()
    racing = true
  }
  host.jump(5000)
  return { store, held }
}

async function judge(seen: {
  readonly queue: Queue
  readonly letters: Queue
  readonly outcomes: ReadonlyMap<Action, unknown>
  readonly start: Start
  readonly held: Job | undefined
}): Promise<void> {
  const { queue, letters, outcomes, held } = seen
  const verified = [await queue.verify(), await letters.verify()]
  for (const { problems } of verified) expect(problems).toEqual([])
  const jobs = verified.reduce((sum, one) => sum + one.jobs, 0)
  const [state, letter] = [await queue.getJobState('j'), await letters.getJobState('q:j')]
  expect(jobs).toBeLessThanOrEqual(1)
  // It is somewhere, unless a failed one was pruned.
  if (jobs === 0) expect(outcomes.has('prune')).toBe(true)
  const completed = held !== undefined && outcomes.has('complete') && outcomes.get('complete') === undefined
  const cancelled = outcomes.get('cancel') === true || outcomes.get('force') === true
  expect(completed && cancelled, 'it completed and was cancelled').toBe(false)
  if (completed) expect(state).toBe('completed')
  if (cancelled && jobs === 1) {
    const job = (await queue.getJob('j'))!
    if (state === 'active') expect(held).toBeDefined()
    else expect([state, job.failedCode]).toEqual(['failed', 'CANCELLED'])
    expect(letter).toBe('unknown')
  }
}

const anAction = fc.constantFrom<Action>('complete', 'fail', 'cancel', 'force', 'redrive', 'prune', 'expire')

test('complete, fail, cancel, redrive, prune and expire of one job at once', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.constantFrom<Start>('waiting', 'active', 'active', 'letter'),
      fc.uniqueArray(anAction, { minLength: 2, maxLength: 7 }),
      race,
    ),
    { numRuns: Number(process.env['RACES'] ?? 400) },
  )
})
