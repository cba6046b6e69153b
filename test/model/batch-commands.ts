/** Jobs that are too few for a batch: out of line, and claimed together once there are enough. */
import * as fc from 'fast-check'
import { gather } from '../../src/ledger/gather.ts'
import { claimingBatches } from './claim-commands.ts'
import { counters } from './counters.ts'
import { type Command, aFaultAtOnce, aQueue, times } from './drawn.ts'
import type { Fault, QueueNumber } from './harness.ts'
import { Step } from './step.ts'
import { withJob } from './world.ts'

const gatherAll = (q: QueueNumber, fault?: Fault) =>
  new Step('gather', q, fault, {
    check: (model) => [...model.world(q).jobs.values()].some(({ place }) => place === 'ready'),
    prepare: () => undefined,
    act: (_, { here }) => gather(here.ledger),
    expect: (_, world) => {
      const jobs = [...world.jobs.values()].filter(({ place }) => place === 'ready')
      counters.gathered += jobs.length
      const beside = jobs.reduce(
        (next, job) => withJob(next, { ...job, place: 'parked', gathered: true }),
        world,
      )
      return { states: [world, beside], out: jobs.length }
    },
  })

export const gathering: fc.Arbitrary<Command> = fc
  .tuple(aQueue, aFaultAtOnce)
  .map(([q, fault]) => gatherAll(q, fault))

export const batchCommands: fc.Arbitrary<Command>[] = [gathering, ...times(2, claimingBatches)]
