/**
 * The model test of a store: random commands on two queues, with faults around every commit, crashes and clocks that jump;
 * after each the store is held against the model and against the invariants. fast-check prints seed and path of a failure.
 */
import { expect, test } from 'vitest'
import { type Counters, counters } from './counters.ts'
import type { Disk } from './harness.ts'
import { COMMANDS, playModel } from './play.ts'

/** Below these a run of the whole test has not seen what it is there to see. */
const FLOORS: Partial<Counters> = {
  okClaims: 250,
  staleSettles: 80,
  unknownApplied: 60,
  unknownNotApplied: 60,
  refusedCalls: 40,
  doubles: 20,
  reaped: 15,
  recovered: 8,
  suspects: 30,
  suspectClaims: 3,
  crashes: 60,
  pruned: 1,
  bulks: 100,
  bulksCutAndThere: 1,
  bulksCutAndGone: 30,
  bulksLeft: 20,
  swept: 1,
  drained: 25,
  cleaned: 20,
  obliterated: 2,
  retried: 1,
  cancelled: 20,
  toldToStop: 5,
  promoted: 14,
  edited: 60,
  parked: 20,
  limited: 10,
  scheduled: 40,
  ticked: 5,
  keysMet: 15,
  keyConflicts: 10,
  keysLapsed: 1,
  keysKept: 5,
  idsMet: 40,
  idsLapsed: 2,
  idsRemoved: 8,
  remade: 10,
  followed: 2,
  extended: 1,
  grouped: 50,
  groupsFull: 2,
  groupsPaused: 5,
  groupsWaited: 6,
  letters: 30,
  redriven: 3,
  skipped: 1,
  expired: 20,
  found: 60,
  lines: 8,
  triggered: 8,
  gathered: 20,
  batches: 20,
  aged: 60,
}

/** `part`: how much of the floors so many runs reach; where it is small they differ more from one another. */
export function testModel(disk: () => Promise<Disk>, runs: number, part: number): void {
  test(`${runs} runs of up to ${COMMANDS} commands leave no violation`, { timeout: 300_000 }, async () => {
    const before = { ...counters }
    await playModel(disk, { numRuns: runs })
    for (const [what, floor] of Object.entries(FLOORS)) {
      const seen = counters[what as keyof Counters] - before[what as keyof Counters]
      expect(seen, what).toBeGreaterThanOrEqual(part < 1 ? Math.floor(part * floor) - 1 : floor)
    }
  })
}
