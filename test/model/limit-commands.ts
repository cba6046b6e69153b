/** Limits of a queue, set and removed while jobs run and wait. */
import * as fc from 'fast-check'
import { changeConfig } from '../../src/ledger/settings.ts'
import { type Command, aFaultAtOnce, aQueue } from './drawn.ts'
import type { Fault, QueueNumber } from './harness.ts'
import { Step } from './step.ts'
import { RATE_MS, type World } from './world.ts'

interface Wish {
  readonly concurrency: number | undefined
  readonly rate: number | undefined
}

export const setLimits = (q: QueueNumber, { concurrency, rate }: Wish, fault?: Fault) =>
  new Step(`limits(${concurrency} at once, ${rate} in ${RATE_MS} ms)`, q, fault, {
    prepare: () => undefined,
    act: async (_, { here }) => {
      await changeConfig(here.ledger, (config) => ({
        ...config,
        concurrency,
        rateLimit: rate === undefined ? undefined : { max: rate, duration: RATE_MS },
        windows: rate === undefined ? config.windows : [RATE_MS],
      }))
      return null
    },
    // What a rate was counted in is remembered, so the settings may change where the limits do not.
    expect: (_, world): { states: World[]; out: null } => ({
      states: [world, { ...world, concurrency, rate }],
      out: null,
    }),
  })

export const limiting: fc.Arbitrary<Command> = fc
  .tuple(
    aQueue,
    fc.record({
      concurrency: fc.constantFrom(undefined, undefined, 1, 2),
      rate: fc.constantFrom(undefined, undefined, 1, 2, 3),
    }),
    aFaultAtOnce,
  )
  .map(([q, wish, fault]) => setLimits(q, wish, fault))
