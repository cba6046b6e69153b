/** What jobs have in common with others: how it is drawn, and the sweep of what has lapsed. */
import * as fc from 'fast-check'
import { lapseStep } from '../../src/ledger/lapse.ts'
import { type ModelNewJob, hasLapsed, lapseInWorld } from './add-world.ts'
import { type Command, aFaultAtOnce, aQueue, times } from './drawn.ts'
import type { ShownBulk } from './shown-bulk.ts'
import type { Fault, QueueNumber } from './harness.ts'
import { counters } from './counters.ts'
import { heldBy } from './held.ts'
import type { Seen } from './model.ts'
import { withHold } from './share-world.ts'
import { Step } from './step.ts'
import { type ModelDeduplication, type ModelOptions, same } from './world.ts'

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

const aDeduplication: fc.Arbitrary<Identity> = fc
  .record({
    id: fc.constantFrom('d', 'd', 'd', 'd', 'k:/%é'),
    way: fc.constantFrom<Omit<ModelDeduplication, 'id'>>(
      {},
      { ttl: 1000 },
      { ttl: 5000, extend: true },
      { ttl: 5000, extend: true },
      { ttl: 5000, extend: true },
      { ttl: 5000, extend: true },
      { ttl: 5000, extend: true, replace: true },
      { replace: true },
      { keepLastIfActive: true },
      { keepLastIfActive: true },
      { keepLastIfActive: true },
      { keepLastIfActive: true, replace: true },
    ),
  })
  .map(({ id, way }) => ({ options: { deduplication: { ...way, id } } }))

const anIdentity: fc.Arbitrary<Identity> = fc.oneof(
  { weight: 2, arbitrary: aKey },
  { weight: 4, arbitrary: aDeduplication },
  {
    weight: 1,
    arbitrary: fc
      .tuple(aKey, aDeduplication)
      .map(([key, { options }]) => ({ ...key, options: { ...key.options, ...options } })),
  },
)

/** Jobs that have something in common with others. */
export const sharing = (job: fc.Arbitrary<ModelNewJob>): fc.Arbitrary<ModelNewJob> =>
  fc.tuple(job, anIdentity).map(([one, identity]) => ({
    ...one,
    ...identity,
    options: { ...one.options, ...identity.options },
  }))

/** A job of a group; it cannot be what another one makes of it. */
export function inGroup(job: ModelNewJob, group: string): ModelNewJob {
  const { deduplication } = job.options
  const isFree = deduplication?.replace !== true && deduplication?.keepLastIfActive !== true
  return isFree ? { ...job, options: { ...job.options, group } } : job
}

/** Of a call that was answered: what its keys and ids met. */
export function countMeetings(jobs: readonly ModelNewJob[], seen: Seen): void {
  if (typeof seen !== 'object') return
  const { out } = seen
  if (!Array.isArray(out)) counters.keyConflicts += same(out, { error: 'IDEMPOTENCY_CONFLICT' }) ? 1 : 0
  else {
    for (const [at, { id }] of out.entries()) {
      if (id === jobs[at]!.id) continue
      if (jobs[at]!.options.idempotencyKey === undefined) counters.idsMet++
      else counters.keysMet++
    }
  }
}

export const lapse = (q: QueueNumber, fault?: Fault) =>
  new Step('lapse', q, fault, {
    check: (model) => (model.world(q).keys?.size ?? 0) > 0 || (model.world(q).ids?.size ?? 0) > 0,
    prepare: () => undefined,
    act: (_, { here }) => lapseStep(here.ledger),
    expect: (_, world, { now, side }) => {
      const lapsed = lapseInWorld(world, now, heldBy(side, world, now, () => false).jobs)
      counters.keysLapsed += lapsed.gone
      counters.keysKept += lapsed.kept
      counters.idsLapsed += lapsed.ids
      // What bulks hold which are being stored, and which is in no world, goes or is looked at again too.
      const holdsAny = ({ idempotencyKeys, deduplicationIds }: ShownBulk): boolean =>
        idempotencyKeys.length + deduplicationIds.length > 0
      const next = side.staged.some(holdsAny) ? { ...lapsed.world } : lapsed.world
      return { states: next === world ? [world] : [world, next], out: false }
    },
  })

/** Asks who has an id, then takes it away. */
export const removeKey = (q: QueueNumber, id: string, fault?: Fault) =>
  new Step(`removeDeduplicationKey(${id})`, q, fault, {
    prepare: () => undefined,
    act: async (_, { here: { queue } }) => [
      await queue.getDeduplicationJobId(id),
      await queue.removeDeduplicationKey(id),
    ],
    expect: (_, world, { now, side }) => {
      const hold = world.ids?.get(id)
      // The job of a bulk that is being stored is nobody's yet; its id goes all the same.
      const staged = side.staged.flatMap(({ deduplicationIds }) => deduplicationIds)
      const other = staged.find((one) => one.id === id)
      if (hold === undefined && other !== undefined)
        return { states: [world, { ...world }], out: [null, hasLapsed(other, now) ? 0 : 1] }
      if (hold === undefined) return { states: [world], out: [null, 0] }
      counters.idsRemoved++
      const isHeld = !hasLapsed(hold, now)
      return { states: [world, withHold(world, id, undefined)], out: isHeld ? [hold.job, 1] : [null, 0] }
    },
  })

export const identityCommands: fc.Arbitrary<Command>[] = [
  ...times(
    3,
    fc.tuple(aQueue, aFaultAtOnce).map(([q, fault]) => lapse(q, fault)),
  ),
  fc
    .tuple(aQueue, fc.constantFrom('d', 'k:/%é'), aFaultAtOnce)
    .map(([q, id, fault]) => removeKey(q, id, fault)),
]
