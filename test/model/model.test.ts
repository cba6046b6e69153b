/**
 * The model test: random commands on two queues of one store, with faults around every commit, crashes and clocks that jump;
 * after each the store is held against the model and against the invariants. fast-check prints seed and path of a failure.
 */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { adding, commands } from './commands.ts'
import { type Disk, Real, levelDisk, memoryDisk } from './harness.ts'
import { leaseCommands } from './lease-commands.ts'
import { reapCommands } from './reap-commands.ts'
import { type Counters, Model, counters } from './model.ts'

const COMMANDS = 60

/** Below these a run of the whole test has not seen what it is there to see. */
const FLOORS: Partial<Counters> = {
  okClaims: 250,
  staleSettles: 80,
  unknownApplied: 60,
  unknownNotApplied: 60,
  refusedCalls: 40,
  doubles: 20,
  reaped: 30,
  recovered: 8,
  suspects: 50,
  suspectClaims: 3,
  crashes: 60,
  pruned: 1,
}

// Without fast-check's bias towards short runs, in which little happens.
const prelude = fc.array(adding, { maxLength: 8, size: 'max' })
const plays = fc.noBias(
  fc.commands([...commands, ...leaseCommands, ...reapCommands], { maxCommands: COMMANDS, size: 'max' }),
)

const stores: readonly [string, number, () => Promise<Disk>][] = [
  ['memory', 500, memoryDisk],
  ['LevelDB', 200, levelDisk],
]

describe.each(stores)('on %s', (_, runs, disk) => {
  test(`${runs} runs of up to ${COMMANDS} commands leave no violation`, async () => {
    const before = { ...counters }
    await fc.assert(
      fc.asyncProperty(prelude, plays, async (first, chosen) => {
        const real = new Real(await disk())
        try {
          await real.open()
          await fc.asyncModelRun(() => ({ model: new Model(), real }), [...first, ...chosen])
        } finally {
          await real.disk.dispose()
        }
      }),
      { numRuns: runs },
    )
    for (const [what, floor] of Object.entries(FLOORS)) {
      const seen = counters[what as keyof Counters] - before[what as keyof Counters]
      expect(seen, what).toBeGreaterThanOrEqual(floor)
    }
  })
})
