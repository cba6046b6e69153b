/** Bulks that are stored in several units, and the sweep of what is left of those that were not. */
import * as fc from 'fast-check'
import { HoldfastError } from 'holdfast'
import { checkJobOptions } from '../../src/core/job-options.ts'
import { encodeData } from '../../src/core/payload.ts'
import type { NewJob } from '../../src/ledger/addition.ts'
import { addStaged } from '../../src/ledger/add-bulk.ts'
import { sweepBulks } from '../../src/ledger/bulk.ts'
import { nextUlid } from '../../src/ulids.ts'
import { type Command, aFault, aQueue, times } from './drawn.ts'
import type { Fault, QueueNumber, Side } from './harness.ts'
import { type ModelSide, counters } from './model.ts'
import { type Scene, Step } from './step.ts'
import { type ModelNewJob, type World, addToWorld } from './world.ts'

/** A unit holds one or two jobs. */
const OPERATIONS = 5

/** Ids that bulks which are being stored hold, those left out that a sweep takes away. */
export function heldIds(
  { staged }: ModelSide,
  world: World,
  isOver: (bulk: ModelSide['staged'][number]) => boolean,
) {
  const names = staged
    .filter((bulk) => !isOver(bulk))
    .flatMap(({ keys }) => keys.map(({ key }) => decodeURIComponent(key.slice(key.lastIndexOf(':') + 1))))
  return new Set(names.filter((id) => !world.jobs.has(id)))
}

const sweptBy =
  ({ now, real }: Scene) =>
  ({ entry }: ModelSide['staged'][number]): boolean =>
    entry!.until < now || (real.store.epoch !== undefined && entry!.epoch !== real.store.epoch)

const namedJobs = (jobs: readonly ModelNewJob[], { ledger }: Side): NewJob[] =>
  jobs.map(({ id, data, options }) => ({
    name: 'n',
    data: encodeData(data),
    options: checkJobOptions({ ...options, jobId: id }, {}),
    id,
    ulid: nextUlid(ledger.store),
  }))

interface BulkFacts {
  readonly first: number
  readonly staged: ModelSide['staged']
  /** It was said that nothing of it is there. */
  failed: boolean
}

const addInUnits = (q: QueueNumber, jobs: readonly ModelNewJob[], fault?: Fault) =>
  new Step<BulkFacts>(`add in units(${jobs.map(({ id }) => id).join(' ')})`, q, fault, {
    prepare: ({ model, side }) => ({
      first: (model.incarnations += jobs.length),
      staged: side.staged,
      failed: false,
    }),
    act: async (facts, { here }) => {
      const { store } = here.ledger
      try {
        const added = await addStaged(here.ledger, namedJobs(jobs, here), nextUlid(store), OPERATIONS)
        return added.map(({ id, deduplicated }) => ({ id, deduplicated }))
      } catch (error) {
        facts.failed = error instanceof HoldfastError && error.outcome === 'failed'
        throw error
      }
    },
    expect: ({ first, staged, failed }, world, scene) => {
      const held = heldIds({ ...scene.side, staged }, world, sweptBy(scene))
      // Another, as what was left of earlier ones may be swept.
      const nothing: World = { ...world }
      if (jobs.some(({ id }) => held.has(id))) {
        counters.contended++
        return { states: [nothing], out: { error: 'STORE_CONTENDED' } }
      }
      if (failed) return { states: [nothing], out: null }
      const known = new Set(world.jobs.keys())
      const out = jobs.map(({ id }) => {
        const deduplicated = known.has(id)
        known.add(id)
        return { id, deduplicated }
      })
      const { now } = scene
      return {
        states: [nothing, jobs.reduce((next, job, at) => addToWorld(next, job, now, first + at), nothing)],
        out,
      }
    },
    after: async (_, { side, model }, seen) => {
      if (typeof seen === 'object') counters.bulks++
      else if (jobs.every(({ id }) => model.world(q).jobs.has(id))) counters.bulksCutAndThere++
      else counters.bulksCutAndGone++
      counters.bulksLeft += side.staged.length
    },
  })

const sweep = (q: QueueNumber, fault?: Fault) =>
  new Step<{ readonly before: number }>('sweep', q, fault, {
    check: (model) => model.side(q).staged.length > 0,
    prepare: ({ side }) => ({ before: side.staged.length }),
    act: async (_, { here }) => {
      await sweepBulks(here.ledger)
      return null
    },
    expect: (_, world) => ({ states: [{ ...world }], out: null }),
    after: async ({ before }, { side }) => {
      counters.swept += before - side.staged.length
    },
  })

const A_CRASH: Fault = { kind: 'lost', crash: true, call: 0 }

/** At any of the commits that storing a bulk is made of; often the end of the process, which leaves something to sweep. */
const aFaultOnTheWay = fc
  .tuple(fc.oneof(aFault, fc.constantFrom(undefined, A_CRASH)), fc.nat({ max: 5 }))
  .map(([fault, call]) => fault && { ...fault, call })

export const bulkCommands = (newJob: fc.Arbitrary<ModelNewJob>): fc.Arbitrary<Command>[] => [
  ...times(
    3,
    fc
      .tuple(aQueue, fc.array(newJob, { minLength: 3, maxLength: 6 }), aFaultOnTheWay)
      .map(([q, jobs, fault]) => addInUnits(q, jobs, fault)),
  ),
  fc.tuple(aQueue, aFault).map(([q, fault]) => sweep(q, fault)),
]
