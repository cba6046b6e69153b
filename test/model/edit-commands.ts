/** The commands that change one job that waits, or its data and log lines wherever it is. */
import * as fc from 'fast-check'
import { encodeData } from '../../src/core/payload.ts'
import { changeData } from '../../src/ledger/edit.ts'
import type { Job } from '../../src/index.ts'
import { type Command, aFault, aQueue, aJobId, times } from './drawn.ts'
import type { Fault, QueueNumber } from './harness.ts'
import { delayInWorld, prioritiseInWorld } from './mass-world.ts'
import { counters } from './counters.ts'
import type { Model, Token } from './model.ts'
import { Step } from './step.ts'
import { type ModelJob, type Place, type World, isAlone, withJob } from './world.ts'

interface Edit {
  readonly label: string
  readonly act: (job: Job) => Promise<void>
  /** Where the job must be; anywhere where nothing is said. */
  readonly places?: readonly Place[]
  /** Where its place does not say all. */
  readonly fits?: (job: ModelJob, now: number) => boolean
  /** Wherever it is. */
  readonly refused?: (job: ModelJob) => boolean
  readonly change: (world: World, job: ModelJob, now: number) => World
}

const edit = (
  q: QueueNumber,
  id: string,
  { label, act, places, fits, refused, change }: Edit,
  fault?: Fault,
) =>
  new Step(`${label} of ${id}`, q, fault, {
    prepare: () => undefined,
    act: async (_, { here }) => {
      const job = await here.queue.getJob(id)
      if (job === undefined) return 'none'
      await act(job)
      return null
    },
    expect: (_, world, { now }) => {
      const job = world.jobs.get(id)
      if (job === undefined) return { states: [world], out: 'none' }
      if (refused?.(job) === true) return { states: [world], out: { error: 'OPTION_INVALID' } }
      if (places?.includes(job.place) === false || fits?.(job, now) === false)
        return { states: [world], out: { error: 'JOB_STATE' } }
      counters.edited++
      return { states: [world, change(world, job, now)], out: null }
    },
  })

const newDelay = (delay: number): Edit => ({
  label: `changeDelay(${delay})`,
  act: (job) => (delay === 0 ? job.promote() : job.changeDelay(delay)),
  places: ['due', 'suspect', 'arrive', 'penned'],
  // One that is to be run alone, and is due, waits.
  fits: (job, now) => !isAlone(job) || job.runAt! > now,
  change: (world, job, now) => delayInWorld(world, job, now, delay),
})

const newPriority = (wanted: { priority?: number; lifo?: boolean }): Edit => ({
  label: `changePriority(${JSON.stringify(wanted)})`,
  act: (job) => job.changePriority(wanted),
  refused: ({ options: { aging } }) => aging !== undefined && wanted.lifo === true,
  places: ['ready', 'grouped', 'parked', 'due', 'arrive', 'suspect', 'penned'],
  change: (world, job) => prioritiseInWorld(world, job, wanted),
})

const newData = (data: unknown): Edit => ({
  label: `updateData(${JSON.stringify(data)?.length})`,
  act: (job) => job.updateData(data),
  change: (world, job) => withJob(world, { ...job, data }),
})

const fewerLogs = (keep: number): Edit => ({
  label: `clearLogs(${keep})`,
  act: (job) => job.clearLogs(keep),
  change: (world, job) => withJob(world, { ...job, logs: keep === 0 ? [] : job.logs.slice(-keep) }),
})

/** By a holder, whose lease may be lost. */
const updateAsHolder = (q: QueueNumber, at: number, data: unknown, fault?: Fault) =>
  new Step<{ readonly token: Token }>(`updateData(#${at} ${JSON.stringify(data)?.length})`, q, fault, {
    check: (model: Model) => model.heldClaims(q) > 0,
    prepare: ({ model }) => {
      const tokens = model.tokens(q)
      return { token: tokens[tokens.length - 1 - (at % tokens.length)]! }
    },
    act: async ({ token: { grant } }, { here }) => {
      await changeData(here.ledger, { name: grant.name, grant }, encodeData(data))
      return null
    },
    expect: ({ token: { grant, claim } }, world) => {
      const job = world.jobs.get(grant.id)
      if (job === undefined) return { states: [world], out: { error: 'JOB_NOT_FOUND' } }
      if (job.place !== 'lease' || job.claim !== claim)
        return { states: [world], out: { error: 'LOCK_LOST' } }
      return { states: [world, withJob(world, { ...job, data })], out: null }
    },
  })

const someData = fc.constantFrom<unknown>(
  { new: 1 },
  { text: 'x'.repeat(2000) },
  { text: 'y'.repeat(2000) },
  undefined,
)

const someEdit: fc.Arbitrary<Edit> = fc.oneof(
  fc.constantFrom(0, 0, 1, 900, 60_000).map(newDelay),
  fc
    .record({ priority: fc.constantFrom(0, 1, 2_097_151), lifo: fc.boolean() }, { requiredKeys: [] })
    .map(newPriority),
  someData.map(newData),
  fc.constantFrom(0, 1, 9).map(fewerLogs),
)

const edits = fc
  .tuple(aQueue, aJobId, someEdit, aFault)
  .map(([q, id, change, fault]) => edit(q, id, change, fault))

export const editCommands: fc.Arbitrary<Command>[] = [
  ...times(5, edits),
  fc
    .tuple(aQueue, fc.nat({ max: 5 }), someData, aFault)
    .map(([q, at, data, fault]) => updateAsHolder(q, at, data, fault)),
]
