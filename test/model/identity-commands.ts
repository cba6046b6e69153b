/** What jobs have in common with others: how it is drawn, and the sweep of what has lapsed. */
import * as fc from 'fast-check'
import { lapseStep } from '../../src/ledger/lapse.ts'
import { type ModelNewJob, lapseInWorld } from './add-world.ts'
import { type Command, aFaultAtOnce, aQueue, times } from './drawn.ts'
import type { Fault, QueueNumber } from './harness.ts'
import { type Seen, counters } from './model.ts'
import { Step } from './step.ts'
import { type ModelOptions, same } from './world.ts'

interface Identity {
  /** Instead of the job's own, so that some are the same. */
  readonly data?: unknown
  readonly options?: ModelOptions
}

const aKey: fc.Arbitrary<Identity> = fc
  .record({
    n: fc.constantFrom(1, 1, 1, 2),
    idempotencyKey: fc.constantFrom('k', 'k', 'a:/%é'),
    idempotencyKeyTTL: fc.constantFrom(undefined, 1, 1, 1, 3000),
  })
  .map(({ n, ...options }) => ({ data: { n }, options: options as ModelOptions }))

/** Most jobs have nothing in common with others. */
const anIdentity: fc.Arbitrary<Identity> = fc.oneof(
  { weight: 3, arbitrary: fc.constant({}) },
  { weight: 1, arbitrary: aKey },
)

export const identified = (newJob: fc.Arbitrary<ModelNewJob>): fc.Arbitrary<ModelNewJob> =>
  fc.tuple(newJob, anIdentity).map(([job, identity]) => ({
    ...job,
    ...identity,
    options: { ...job.options, ...identity.options },
  }))

/** Of a call that was answered: what its keys met. */
export function countMeetings(jobs: readonly ModelNewJob[], seen: Seen): void {
  if (typeof seen !== 'object' || jobs.every(({ options }) => options.idempotencyKey === undefined)) return
  const { out } = seen
  if (!Array.isArray(out)) counters.keyConflicts += same(out, { error: 'IDEMPOTENCY_CONFLICT' }) ? 1 : 0
  else for (const [at, { id }] of out.entries()) if (id !== jobs[at]!.id) counters.keysMet++
}

const lapse = (q: QueueNumber, fault?: Fault) =>
  new Step('lapse', q, fault, {
    check: (model) => (model.world(q).keys?.size ?? 0) > 0,
    prepare: () => undefined,
    act: (_, { here }) => lapseStep(here.ledger),
    expect: (_, world, { now }) => {
      const lapsed = lapseInWorld(world, now)
      counters.keysLapsed += lapsed.gone
      counters.keysKept += lapsed.kept
      return { states: lapsed.world === world ? [world] : [world, lapsed.world], out: false }
    },
  })

export const identityCommands: fc.Arbitrary<Command>[] = [
  ...times(
    3,
    fc.tuple(aQueue, aFaultAtOnce).map(([q, fault]) => lapse(q, fault)),
  ),
]
