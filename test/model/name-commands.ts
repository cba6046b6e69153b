/** Jobs that their worker has no room for: out of the way, and back in line. */
import * as fc from 'fast-check'
import { below, groupOf } from '../../src/core/keys.ts'
import { adoptHead } from '../../src/ledger/claim.ts'
import { planPark } from '../../src/ledger/set-aside.ts'
import { type Command, aFaultAtOnce, aQueue, times } from './drawn.ts'
import { headNameOf } from './dump.ts'
import { type Fault, QUEUES, type QueueNumber } from './harness.ts'
import { counters } from './counters.ts'
import type { Model, Token } from './model.ts'
import { Step } from './step.ts'
import { type ModelJob, inOrder, withJob } from './world.ts'

const tokensOf = (model: Model, q: QueueNumber): Token[] =>
  model.tokens(q).filter(({ grant }) => groupOf(grant.key) === undefined)

const park = (q: QueueNumber, at: number, fault?: Fault) =>
  new Step<{ readonly token: Token }>(`park(#${at})`, q, fault, {
    // One of a group, which cannot be parked, is snoozed instead.
    check: (model) => tokensOf(model, q).length > 0,
    prepare: ({ model }) => {
      const tokens = tokensOf(model, q)
      return { token: tokens[tokens.length - 1 - (at % tokens.length)]! }
    },
    act: async ({ token: { grant } }, { here }) => {
      const { store } = here.ledger
      const now = { ...grant }
      adoptHead(now, (await store.read([grant.name]))[0])
      if (now.head === undefined) return false
      if (now.head.cancelled !== undefined) return 'cancelled'
      const [applied] = await store.commit(planPark(here.ledger, now))
      return applied !== false
    },
    expect: ({ token: { grant, claim } }, world) => {
      const job = world.jobs.get(grant.id)
      // Whoever has it on lease would end it instead.
      if (job?.cancelled === true) return { states: [world], out: 'cancelled' }
      if (job?.place !== 'lease' || job.claim !== claim) return { states: [world], out: false }
      const parked = withJob(world, {
        ...job,
        place: 'parked',
        gathered: undefined,
        claim: undefined,
        granted: undefined,
      })
      return { states: [world, parked], out: true }
    },
    after: async ({ token: { grant } }, { model, side }) => {
      if (model.world(q).jobs.get(grant.id)?.place !== 'parked') return
      counters.parked++
      // Its handler was never called, so nobody has seen the fence of this lease.
      side.fences.delete(grant.id)
    },
  })

const isParkedByName = ({ place, gathered }: ModelJob): boolean => place === 'parked' && gathered !== true

const unpark = (q: QueueNumber, limit: number, fault?: Fault) =>
  new Step(`unpark(${limit})`, q, fault, {
    check: (model) => [...model.world(q).jobs.values()].some(isParkedByName),
    prepare: () => undefined,
    act: async (_, { here }) => {
      const { lanes, store } = here.ledger
      const from = { ...below(lanes.parked, 'n'), limit }
      const [moved] = await store.commit([{ move: { from, to: [{ lane: lanes.ready, drop: 1 }] } }])
      return moved === false || moved === undefined ? 0 : moved.length
    },
    expect: (_, world) => {
      const jobs = inOrder(world, 'parked', headNameOf(QUEUES[q])).filter(isParkedByName).slice(0, limit)
      const back = jobs.reduce((next, job) => withJob(next, { ...job, place: 'ready' }), world)
      return { states: [world, back], out: jobs.length }
    },
  })

export const nameCommands: fc.Arbitrary<Command>[] = [
  ...times(
    2,
    fc.tuple(aQueue, fc.nat({ max: 5 }), aFaultAtOnce).map(([q, at, fault]) => park(q, at, fault)),
  ),
  ...times(
    2,
    fc
      .tuple(aQueue, fc.constantFrom(1, 5), aFaultAtOnce)
      // Twice is another's doing: a second move would take more.
      .map(([q, limit, fault]) => unpark(q, limit, fault?.kind === 'double' ? undefined : fault)),
  ),
]
