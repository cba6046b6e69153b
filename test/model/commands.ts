/** The commands of the model test, as fast-check draws them. A feature adds its own to the list at the end. */
import * as fc from 'fast-check'
import { type ModelNewJob, addAllToWorld } from './add-world.ts'
import { type AddFacts, addNoting, answerOf, bulkCommands, optionsOf } from './bulk-commands.ts'
import { claiming } from './claim-commands.ts'
import { type Command, aFaultAtOnce, aQueue, aJobId, anId, times } from './drawn.ts'
import { cancelInWorld, removeInWorld, retryInWorld } from './end-world.ts'
import type { Fault, QueueNumber } from './harness.ts'
import { countMeetings, sharing } from './identity-commands.ts'
import { limiting } from './limit-commands.ts'
import { counters } from './counters.ts'
import { heldBy } from './held.ts'
import { type Scene, Step } from './step.ts'
import { type ModelOptions, withLine } from './world.ts'

const someData: fc.Arbitrary<unknown> = fc.oneof(
  fc.record({ n: fc.nat({ max: 9 }) }),
  fc.constant({ text: 'ü'.repeat(1500) }),
  fc.constant(undefined),
)

const optionsDrawn: fc.Arbitrary<ModelOptions> = fc.record(
  {
    delay: fc.constantFrom(0, 1, 1500, 60_000),
    priority: fc.constantFrom(0, 1, 2_097_151),
    lifo: fc.boolean(),
    aging: fc.constantFrom(undefined, undefined, 500, 20_000),
    attempts: fc.constantFrom(1, 2, 5),
    backoff: fc.constantFrom<NonNullable<ModelOptions['backoff']>>(
      { type: 'fixed', delay: 700 },
      { type: 'exponential', delay: 500 },
      { type: 'exponential', delay: 3000, maxDelay: 4000 },
    ),
    removeOnComplete: fc.constantFrom(false, false, true),
    removeOnFail: fc.constantFrom(false, false, true),
    keepLogs: fc.constantFrom(0, 2, 5),
    tags: fc.constantFrom(['red'], ['red', 'a/b']),
    deadLetter: fc.constantFrom(true, false, false),
    ttl: fc.constantFrom(undefined, undefined, 1000, 1500, 60_000),
  },
  { requiredKeys: ['keepLogs'] },
)

/** What ages is not last in, first out. */
const someOptions = optionsDrawn.map((options) =>
  options.lifo === true ? { ...options, aging: undefined } : options,
)

const plainJob = fc.record({ id: anId, data: someData, options: someOptions })
export const sharingJob = sharing(plainJob)
export const newJob = fc.oneof({ weight: 6, arbitrary: plainJob }, { weight: 7, arbitrary: sharingJob })

const short = ({ id, options, data }: ModelNewJob): string =>
  `${id} ${JSON.stringify(options)}${JSON.stringify(data)?.length}`

const bulkOf = (jobs: readonly ModelNewJob[], queue: string) =>
  jobs.map(({ id, data, options }) => ({
    name: 'n',
    data,
    opts: { ...optionsOf(options, queue), jobId: id },
  }))

export const addBulk = (q: QueueNumber, jobs: readonly ModelNewJob[], fault?: Fault) =>
  new Step(`add(${jobs.map(short).join('; ')})`, q, fault, {
    prepare: ({ model }): AddFacts => ({ first: model.incarnate(jobs.length), error: undefined }),
    act: (facts, { here }) =>
      addNoting(facts, async () => {
        const [first, ...more] = bulkOf(jobs, here.name)
        return more.length === 0
          ? [await here.queue.add('n', first!.data, first!.opts)]
          : here.queue.addBulk([first!, ...more])
      }),
    expect: ({ first, error }, world, { now, side }) => {
      const held = heldBy(side, world, now, () => false)
      const added = addAllToWorld(world, jobs, { now, incarnation: first, held })
      return { states: added.states, out: answerOf(added, error) }
    },
    after: async (_, __, seen) => countMeetings(jobs, seen),
  })

const setPaused = (q: QueueNumber, paused: boolean, fault?: Fault) =>
  new Step(paused ? 'pause' : 'resume', q, fault, {
    prepare: () => undefined,
    act: async (_, { here }) => {
      await (paused ? here.queue.pause() : here.queue.resume())
      return here.queue.isPaused()
    },
    expect: (_, world, { now }) => {
      const changed = { ...world, paused, obliterating: false }
      const isSame = world.paused === paused
      return {
        states: [world, isSame ? world : withLine(changed, now, paused ? 'pause' : 'resume')],
        out: paused,
      }
    },
  })

export const remove = (q: QueueNumber, id: string, force: boolean, fault?: Fault) =>
  new Step(`remove(${id}${force ? ' by force' : ''})`, q, fault, {
    prepare: () => undefined,
    act: (_, { here }) => here.queue.remove(id, { force }),
    expect: (_, world, { now }) => {
      const job = world.jobs.get(id)
      if (job === undefined) return { states: [world], out: 0 }
      if (job.place === 'lease' && !force) return { states: [world], out: { error: 'JOB_STATE' } }
      return { states: [world, withLine(removeInWorld(world, job), now, 'remove', id)], out: 1 }
    },
  })

const retry = (q: QueueNumber, id: string, resetAttempts: boolean, fault?: Fault) =>
  new Step(`retry(${id}${resetAttempts ? ' anew' : ''})`, q, fault, {
    prepare: () => undefined,
    act: async (_, { here }) => {
      const job = await here.queue.getJob(id)
      await job?.retry({ resetAttempts })
      return job === undefined ? 'none' : job.attemptsMade
    },
    expect: (_, world, { now }) => {
      const job = world.jobs.get(id)
      if (job === undefined) return { states: [world], out: 'none' }
      if (job.finishedOn === undefined) return { states: [world], out: { error: 'JOB_STATE' } }
      const again = retryInWorld(world, job, now, resetAttempts)
      return { states: [world, withLine(again, now, 'retry', id)], out: again.jobs.get(id)!.attemptsMade }
    },
  })

const cancel = (q: QueueNumber, id: string, force: boolean, fault?: Fault) =>
  new Step(`cancel(${id}${force ? ' by force' : ''})`, q, fault, {
    prepare: () => undefined,
    act: (_, { here }) => here.queue.cancel(id, 'not wanted', { force }),
    expect: (_, world, { now }) => {
      const job = world.jobs.get(id)
      if (job === undefined) return { states: [world], out: false }
      if (job.finishedOn !== undefined) return { states: [world], out: job.failedCode === 'CANCELLED' }
      if (job.cancelled === true && !force) return { states: [world], out: true }
      counters[job.place === 'lease' ? 'toldToStop' : 'cancelled']++
      const cancelled = cancelInWorld(world, job, now, force)
      return { states: [world, withLine(cancelled, now, 'cancel', id)], out: true }
    },
  })

/** Time, and the ends of processes. */
const time = (label: string, act: (scene: Scene) => Promise<void>) =>
  new Step(label, 0, undefined, {
    prepare: () => undefined,
    act: async (_, scene) => {
      await act(scene)
      return null
    },
    expect: (_, world) => ({ states: [world], out: null }),
  })

export const crash = () =>
  time('crash', async ({ real }) => {
    counters.crashes++
    await real.restart()
  })

export const addingOf = (job: fc.Arbitrary<ModelNewJob>): fc.Arbitrary<Command> =>
  fc.tuple(aQueue, job, aFaultAtOnce).map(([q, one, fault]) => addBulk(q, [one], fault))

export const adding = addingOf(newJob)

export const jump = (ms: number): Command => time(`jump(${ms})`, async ({ real }) => real.host.jump(ms))

export const advance = (ms: number): Command => time(`advance(${ms})`, ({ real }) => real.host.advance(ms))

export const advancing = fc.constantFrom(1, 999, 1001, 3000, 6000, 20_000).map(advance)

export const retrying = fc
  .tuple(aQueue, aJobId, fc.boolean(), aFaultAtOnce)
  .map(([q, id, anew, fault]) => retry(q, id, anew, fault))

export const cancelling = fc
  .tuple(aQueue, aJobId, fc.constantFrom(false, false, true), aFaultAtOnce)
  .map(([q, id, force, fault]) => cancel(q, id, force, fault))

/** A process ends, and another begins. */
export const ending = fc
  .boolean()
  .map((kill) => (kill ? crash() : time('close and open', ({ real }) => real.closeAndOpen())))

/** Some stand here more than once, to be drawn more often. */
export const commands: fc.Arbitrary<Command>[] = [
  ...times(8, adding),
  ...times(14, claiming),
  ...times(3, advancing),
  ...times(2, limiting),
  ...bulkCommands(newJob),
  fc
    .tuple(aQueue, fc.array(newJob, { minLength: 2, maxLength: 4 }), aFaultAtOnce)
    .map(([q, jobs, fault]) => addBulk(q, jobs, fault)),
  fc
    .tuple(aQueue, fc.constantFrom(true, false, false, false), aFaultAtOnce)
    .map(([q, on, fault]) => setPaused(q, on, fault)),
  fc
    .tuple(aQueue, aJobId, fc.boolean(), aFaultAtOnce)
    .map(([q, id, force, fault]) => remove(q, id, force, fault)),
  retrying,
  ...times(3, cancelling),
  fc.constantFrom(-3_600_000, -500, 700, 90_000).map(jump),
  ending,
]
