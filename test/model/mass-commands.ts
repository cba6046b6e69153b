/** The commands that change many jobs at once. */
import * as fc from 'fast-check'
import { type Command, aFault, aQueue, times } from './drawn.ts'
import { headNameOf } from './dump.ts'
import { type Fault, QUEUES, type QueueNumber } from './harness.ts'
import {
  type Chosen,
  type Cleaning,
  cleanWorld,
  drainWorld,
  obliterateWorld,
  promoteAllInWorld,
  retryAllInWorld,
} from './mass-world.ts'
import { type Counters, counters } from './counters.ts'
import type { Model } from './model.ts'
import { must, partsOf } from './invariants.ts'
import { Step } from './step.ts'
import type { Place, World } from './world.ts'

const holdsAny =
  (q: QueueNumber, ...places: readonly Place[]) =>
  (model: Model): boolean =>
    [...model.world(q).jobs.values()].some(({ place }) => places.includes(place))

const drain = (q: QueueNumber, delayed: boolean, fault?: Fault) =>
  new Step(`drain(${delayed})`, q, fault, {
    check: holdsAny(q, 'ready', 'grouped', 'parked', 'suspect'),
    prepare: () => undefined,
    act: async (_, { here }) => {
      await here.queue.drain(delayed)
      return null
    },
    expect: (_, world, { now }) => {
      const { states, ids } = drainWorld(world, delayed, now, headNameOf(QUEUES[q]))
      counters.drained += ids.length
      return { states, out: null }
    },
  })

const clean = (q: QueueNumber, cleaning: Cleaning, fault?: Fault) =>
  new Step(`clean(${JSON.stringify(cleaning)})`, q, fault, {
    check: holdsAny(q, 'ready', 'grouped', 'parked', 'due', 'arrive', 'suspect', 'penned', 'done', 'dead'),
    prepare: () => undefined,
    act: (_, { here }) => here.queue.clean(cleaning.grace, cleaning.limit, cleaning.state),
    expect: (_, world, { now }) => {
      const { states, ids } = cleanWorld(world, cleaning, now, headNameOf(QUEUES[q]))
      counters.cleaned += ids.length
      return { states, out: ids }
    },
  })

/** Gives how many, and so do the worlds. */
const countOf = (
  { states, ids }: { readonly states: World[]; readonly ids: readonly string[] },
  what: keyof Counters,
) => {
  counters[what] += ids.length
  return { states, out: ids.length }
}

const retryJobs = (q: QueueNumber, chosen: Chosen, fault?: Fault) =>
  new Step<{ readonly times: { readonly from?: number; readonly to?: number } }>(
    `retryJobs(${JSON.stringify(chosen)})`,
    q,
    fault,
    {
      check: holdsAny(q, chosen.place),
      prepare: ({ now }) => ({
        times: chosen.since ? { from: now - chosen.ago } : { to: now - chosen.ago },
      }),
      act: ({ times }, { here }) => {
        const state = chosen.place === 'done' ? 'completed' : 'failed'
        const code = chosen.place === 'done' ? undefined : chosen.code
        return here.queue.retryJobs({ state, ...times, code, resetAttempts: chosen.anew })
      },
      expect: ({ times }, world, { now }) =>
        countOf(retryAllInWorld(world, chosen, { ...times, now }, headNameOf(QUEUES[q])), 'retried'),
    },
  )

const promoteJobs = (q: QueueNumber, fault?: Fault) =>
  new Step('promoteJobs', q, fault, {
    check: holdsAny(q, 'due', 'arrive', 'suspect', 'penned'),
    prepare: () => undefined,
    act: (_, { here }) => here.queue.promoteJobs(),
    expect: (_, world, { now }) => countOf(promoteAllInWorld(world, now, headNameOf(QUEUES[q])), 'promoted'),
  })

const obliterate = (q: QueueNumber, force: boolean, fault?: Fault) =>
  new Step(`obliterate(${force ? 'by force' : ''})`, q, fault, {
    prepare: () => undefined,
    act: async (_, { here }) => {
      await here.queue.obliterate({ force })
      return null
    },
    expect: (_, world) => {
      const { states, refused } = obliterateWorld(world, force, headNameOf(QUEUES[q]))
      return { states, out: refused ? { error: 'JOB_STATE' } : null }
    },
    after: async (_, { model, real }, seen) => {
      if (typeof seen === 'object' && seen.out === null) {
        counters.obliterated++
        const { records, lanes } = partsOf(await real.disk.dump(), QUEUES)[q]!
        const left = [
          ...records.keys(),
          ...[...lanes].flatMap(([lane, keys]) => (keys.length > 0 ? lane : [])),
        ]
        // Who did it is remembered.
        must(
          left.every((one) => one.startsWith('audit:')),
          `an obliterated queue has ${left.join()}`,
        )
      } else if (model.world(q).obliterating === true) counters.obliterationsCut++
    },
  })

/** At any of the commits that a walk is made of. */
const aFaultOnTheWay = fc
  .tuple(aFault, fc.nat({ max: 6 }))
  .map(([fault, call]) => fault && { ...fault, call })

const cleanings = fc
  .tuple(
    aQueue,
    fc.record<Cleaning>({
      state: fc.constantFrom('completed', 'failed', 'waiting', 'prioritized', 'delayed'),
      grace: fc.constantFrom(0, 0, 1000),
      limit: fc.constantFrom(0, 0, 1, 2),
    }),
    aFaultOnTheWay,
  )
  .map(([q, cleaning, fault]) => clean(q, cleaning, fault))

const retries = fc
  .tuple(
    aQueue,
    fc.record<Chosen>({
      place: fc.constantFrom('done' as const, 'dead' as const),
      ago: fc.constantFrom(0, 0, 1000),
      since: fc.constantFrom(false, false, true),
      code: fc.constantFrom(undefined, undefined, 'UNRECOVERABLE', 'ATTEMPTS_EXHAUSTED', 'STALLED'),
      anew: fc.boolean(),
    }),
    aFaultOnTheWay,
  )
  .map(([q, chosen, fault]) => retryJobs(q, chosen, fault))

export const draining: fc.Arbitrary<Command> = fc
  .tuple(aQueue, fc.boolean(), aFaultOnTheWay)
  .map(([q, delayed, fault]) => drain(q, delayed, fault))

export const massCommands: fc.Arbitrary<Command>[] = [
  ...times(2, cleanings),
  ...times(2, retries),
  draining,
  // Nothing is left after the second, so it comes seldom.
  fc.oneof(
    { weight: 4, arbitrary: fc.tuple(aQueue, aFaultOnTheWay).map(([q, fault]) => promoteJobs(q, fault)) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(aQueue, fc.boolean(), aFaultOnTheWay)
        .map(([q, force, fault]) => obliterate(q, force, fault)),
    },
  ),
]
