/** Dead letters, sent back to the queue that they came from. */
import * as fc from 'fast-check'
import { counters } from './counters.ts'
import { heldBy } from './held.ts'
import { type Command, aFault, aQueue, times } from './drawn.ts'
import { headNameOf } from './dump.ts'
import { type Fault, QUEUES, type QueueNumber } from './harness.ts'
import { type Redrive, redriveWorld } from './letter-world.ts'
import { Step } from './step.ts'

const redrive = (q: QueueNumber, asked: Redrive, fault?: Fault) =>
  new Step(`redrive(${JSON.stringify(asked)})`, q, fault, {
    check: (model) => [...model.world(q).jobs.values()].some(({ origin }) => origin !== undefined),
    prepare: () => undefined,
    act: (_, { here, now }) => {
      const { count, code, ago } = asked
      return here.queue.redrive({ count, filter: { code, to: ago === undefined ? undefined : now - ago } })
    },
    expect: (_, world, { now, model }) => {
      const other = q === 0 ? 1 : 0
      const there = model.world(other)
      const held = heldBy(model.side(other), there, now, () => false)
      const isTaken = (id: string): boolean => there.jobs.has(id) || held.jobs.has(id)
      const { states, redriven, skipped } = redriveWorld(world, asked, {
        now,
        head: headNameOf(QUEUES[q]),
        isTaken,
      })
      counters.redriven += redriven
      counters.skipped += skipped
      return { states, out: { redriven, skipped } }
    },
  })

const aRedrive: fc.Arbitrary<Redrive> = fc.record({
  count: fc.constantFrom(undefined, undefined, 1),
  code: fc.constantFrom(undefined, undefined, 'UNRECOVERABLE' as const),
  ago: fc.constantFrom(undefined, undefined, 1000),
})

export const letterCommands: fc.Arbitrary<Command>[] = times(
  4,
  fc.tuple(aQueue, aRedrive, aFault).map(([q, asked, fault]) => redrive(q, asked, fault)),
)
