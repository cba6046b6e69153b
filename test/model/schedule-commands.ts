/** Schedules: made, changed, removed and ticked, also by whoever asks for one that is due. */
import * as fc from 'fast-check'
import { almanacOf } from '../../src/almanac.ts'
import { scheduleId } from '../../src/core/keys.ts'
import { tick as tickSchedule, triggerSchedule } from '../../src/ledger/tick.ts'
import { addToWorld } from './add-world.ts'
import { type Command, aFault, aFaultAtOnce, aQueue, times } from './drawn.ts'
import { type Fault, QUEUES, type QueueNumber } from './harness.ts'
import { counters } from './counters.ts'
import { type Asked, askWorld, scheduleIn, tickWorld, withSchedule } from './schedule-world.ts'
import { Step } from './step.ts'
import type { World } from './world.ts'

/** Room for the jobs of a tick among the numbers of jobs. */
const JOBS = 100

export const upsert = (q: QueueNumber, key: string, asked: Asked, fault?: Fault) =>
  new Step<{ readonly first: number }>(`upsertSchedule(${key}, ${asked.every}, ${asked.missed})`, q, fault, {
    prepare: ({ model }) => ({ first: model.incarnate(JOBS) }),
    act: async (_, { here }) => {
      const { every, missed, limit, data } = asked
      return (await here.queue.upsertJobScheduler(key, { every, missed, limit }, { name: 'n', data })).id
    },
    expect: ({ first }, world, { now }) => {
      const after = askWorld(world, key, asked, now)
      if (after === 'refused') return { states: [world], out: { error: 'SCHEDULE_INVALID' } }
      const { next, last = 0 } = scheduleIn(after, key)!
      const ticked = tickWorld(after, key, now, first).world
      const states = [world, after, ticked].filter((state, at, all) => state !== all[at - 1])
      counters.scheduled++
      return { states, out: `sched:${key}:${next ?? last}` }
    },
  })

const tick = (q: QueueNumber, key: string, fault?: Fault) =>
  new Step<{ readonly first: number }>(`tick(${key})`, q, fault, {
    check: (model) => scheduleIn(model.world(q), key) !== undefined,
    prepare: ({ model }) => ({ first: model.incarnate(JOBS) }),
    act: async (_, { here }) => {
      const { store } = here.ledger
      const { jobs, lost } = await tickSchedule(here.ledger, scheduleId(QUEUES[q], key), almanacOf(store))
      return { ids: jobs.map(({ id }) => id), lost }
    },
    expect: ({ first }, world, { now }) => {
      const { world: after, ids } = tickWorld(world, key, now, first)
      counters.ticked += ids.length
      return { states: after === world ? [world] : [world, after], out: { ids, lost: false } }
    },
  })

/** A run beside its slots. */
const trigger = (q: QueueNumber, key: string, fault?: Fault) =>
  new Step<{ readonly first: number; readonly ulid: string }>(`trigger(${key})`, q, fault, {
    prepare: ({ model }) => {
      const first = model.incarnate(1)
      return { first, ulid: String(first).padStart(26, '0') }
    },
    act: async ({ ulid }, { here }) => {
      const almanac = { ...almanacOf(here.ledger.store), ulid: () => ulid }
      return (await triggerSchedule(here.ledger, key, almanac)).added.id
    },
    expect: ({ first, ulid }, world, { now }) => {
      const schedule = scheduleIn(world, key)
      if (schedule === undefined) return { states: [world], out: { error: 'SCHEDULE_INVALID' } }
      const id = `sched:${key}:${now}:${ulid}`
      counters.triggered++
      return {
        states: [world, addToWorld(world, { id, data: schedule.data, options: {} }, now, first)],
        out: id,
      }
    },
  })

const remove = (q: QueueNumber, key: string, fault?: Fault) =>
  new Step(`removeSchedule(${key})`, q, fault, {
    prepare: () => undefined,
    act: (_, { here }) => here.queue.removeJobScheduler(key),
    expect: (_, world) => {
      if (scheduleIn(world, key) === undefined) return { states: [world], out: false }
      const states: World[] = [world, withSchedule(world, key, undefined)]
      return { states, out: true }
    },
  })

const aKey = fc.constantFrom('a', 'a', 's:/%é')
const oneRun: fc.Arbitrary<Asked> = fc.record({
  every: fc.constantFrom(300, 2000, 2000, 20_000, 60_000),
  missed: fc.constant('one' as const),
  limit: fc.constantFrom(undefined, undefined, 1, 3),
  data: fc.constantFrom<unknown>(7, undefined, 'ü'.repeat(1500)),
})

/** Small data: a tick then makes as many jobs as it may. */
const asked = fc.oneof(
  oneRun,
  oneRun.map((plan): Asked => ({ ...plan, every: Math.max(2000, plan.every), missed: 'all', data: 7 })),
)

export const ticking: fc.Arbitrary<Command> = fc
  .tuple(aQueue, aKey, aFaultAtOnce)
  .map(([q, key, fault]) => tick(q, key, fault))

export const scheduleCommands: fc.Arbitrary<Command>[] = [
  ...times(
    2,
    fc.tuple(aQueue, aKey, asked, aFault).map(([q, key, plan, fault]) => upsert(q, key, plan, fault)),
  ),
  ...times(6, ticking),
  fc.tuple(aQueue, aKey, aFaultAtOnce).map(([q, key, fault]) => remove(q, key, fault)),
  ...times(
    2,
    fc.tuple(aQueue, aKey, aFaultAtOnce).map(([q, key, fault]) => trigger(q, key, fault)),
  ),
]
