/** Bulks that are stored in several units, and the sweep of what is left of those that were not. */
import * as fc from 'fast-check'
import { HoldfastError } from 'holdfast'
import { checkJobOptions } from '../../src/core/job-options.ts'
import { encodeData } from '../../src/core/payload.ts'
import type { NewJob } from '../../src/ledger/addition.ts'
import { addStaged } from '../../src/ledger/add-bulk.ts'
import { sweepBulks } from '../../src/ledger/bulk.ts'
import { nextUlid } from '../../src/ulids.ts'
import { type Added, type ModelNewJob, addAllToWorld } from './add-world.ts'
import { type Command, aFault, aQueue, times } from './drawn.ts'
import { type Fault, QUEUES, type QueueNumber, type Side } from './harness.ts'
import { countMeetings } from './identity-commands.ts'
import { counters } from './counters.ts'
import { heldBy } from './held.ts'
import type { ModelSide } from './model.ts'
import { type Scene, Step } from './step.ts'
import type { ModelOptions, World } from './world.ts'

/** A unit holds one or two jobs. */
const OPERATIONS = 5

/** What an addition finds out about itself. */
export interface AddFacts {
  readonly first: number
  /** The error that it ended with. */
  error: HoldfastError | undefined
}

/** Adds; the answers as plain data. */
export async function addNoting(
  facts: AddFacts,
  add: () => Promise<readonly { readonly id: string; readonly deduplicated: boolean }[]>,
): Promise<unknown> {
  try {
    return (await add()).map(({ id, deduplicated }) => ({ id, deduplicated }))
  } catch (error) {
    if (error instanceof HoldfastError) facts.error = error
    throw error
  }
}

/** What an addition answers: of several errors any. */
export function answerOf({ out, refusals }: Added, error: HoldfastError | undefined): unknown {
  if (refusals.size === 0) return out
  if (refusals.has('STORE_CONTENDED')) counters.contended++
  const code = [...refusals].find((one) => one === error?.code) ?? [...refusals][0]
  return { error: code }
}

const sweptBy =
  ({ now, real }: Scene) =>
  ({ entry }: ModelSide['staged'][number]): boolean =>
    entry!.until < now || (real.store.epoch !== undefined && entry!.epoch !== real.store.epoch)

/** Options as they are given to a queue. */
export const optionsOf = ({ deadLetter, group, ...options }: ModelOptions, queue: string): object => ({
  ...options,
  ...(deadLetter === true ? { deadLetter: QUEUES.find((name) => name !== queue) } : {}),
  ...(group === undefined ? {} : { group: { id: group } }),
})

const namedJobs = (jobs: readonly ModelNewJob[], { ledger, name: queue }: Side): NewJob[] =>
  jobs.map(({ id, data, options }) => ({
    name: 'n',
    data: encodeData(data),
    options: checkJobOptions({ ...optionsOf(options, queue), jobId: id }, {}),
    id,
    ulid: nextUlid(ledger.store),
  }))

interface BulkFacts extends AddFacts {
  readonly jobs: readonly ModelNewJob[]
  readonly staged: ModelSide['staged']
}

/** Units are stored side by side, so that nobody can say which of two jobs that meet comes first: then they have nothing in common. */
function ordered(jobs: readonly ModelNewJob[], { keys, ids }: World): readonly ModelNewJob[] {
  const keyNames = jobs.flatMap(({ options }) => options.idempotencyKey ?? [])
  const idNames = jobs.flatMap(({ options }) => options.deduplication?.id ?? [])
  const met = [
    ...jobs.map(({ id }) => id),
    ...keyNames.flatMap((name) => keys?.get(name)?.id ?? []),
    ...idNames.flatMap((name) => ids?.get(name)?.job ?? []),
  ]
  // Jobs of groups are brought into them when somebody next looks.
  const single = jobs.map((job) => ({ ...job, options: { ...job.options, group: undefined } }))
  if ([keyNames, idNames, met].every((names) => new Set(names).size === names.length)) return single
  const alone = { idempotencyKey: undefined, deduplication: undefined }
  return single.map((job) => ({ ...job, options: { ...job.options, ...alone } }))
}

export const addInUnits = (q: QueueNumber, jobs: readonly ModelNewJob[], fault?: Fault) =>
  new Step<BulkFacts>(`add in units(${jobs.map(({ id }) => id).join(' ')})`, q, fault, {
    prepare: ({ model, side }) => ({
      first: model.incarnate(jobs.length),
      jobs: ordered(jobs, model.world(q)),
      staged: side.staged,
      error: undefined,
    }),
    act: (facts, { here }) =>
      addNoting(facts, () =>
        addStaged(here.ledger, namedJobs(facts.jobs, here), nextUlid(here.ledger.store), OPERATIONS),
      ),
    expect: ({ first, staged, error, jobs }, world, scene) => {
      const held = heldBy({ staged }, world, scene.now, sweptBy(scene))
      // Another, as what was left of earlier ones may be swept.
      const nothing: World = { ...world }
      const added = addAllToWorld(nothing, jobs, { now: scene.now, incarnation: first, held })
      const out = answerOf(added, error)
      if (added.refusals.size > 0) return { states: [nothing], out }
      // It may have been said that nothing of it is there.
      return error?.outcome === 'failed' ? { states: [nothing], out: null } : { states: added.states, out }
    },
    after: async ({ jobs }, { side, model }, seen) => {
      countMeetings(jobs, seen)
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
