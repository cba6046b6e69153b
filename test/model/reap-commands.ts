/** The commands of those who end the leases of others, and of those who clear away what is finished. */
import * as fc from 'fast-check'
import type { Kept } from '../../src/core/kept.ts'
import { jobIdOf, readClaimName } from '../../src/core/keys.ts'
import { expireStep, nextExpired } from '../../src/ledger/expire.ts'
import { type Reaper, type Stalled, reapExpired, recoverEpoch } from '../../src/ledger/lease.ts'
import { pruneStep } from '../../src/ledger/retain.ts'
import { pruneTallied } from '../../src/ledger/retain-bytes.ts'
import { type Command, LEASE_MS, aFault, aFaultAtOnce, aQueue, times } from './drawn.ts'
import { headNameOf } from './dump.ts'
import { expireInWorld, pruneWorld } from './end-world.ts'
import { type Fault, QUEUES, type QueueNumber } from './harness.ts'
import { counters } from './counters.ts'
import { reapStates, recoverStates } from './reaping.ts'
import { Step } from './step.ts'
import { MAX_STALLS } from './world.ts'

const reaper = (leaseMs: number): Reaper => ({ maxStalledCount: MAX_STALLS, verdictMs: leaseMs })

function countStalls(stalled: readonly Stalled[]): void {
  for (const { departure } of stalled) {
    if (departure?.lane === 'suspect') counters.suspects++
    if (departure?.head.failedCode === 'STALLED') counters.deadByStalls++
  }
}

const reap = (q: QueueNumber, verdictMs: number, fault?: Fault) =>
  new Step('reap', q, fault, {
    prepare: () => undefined,
    act: async (_, { here }) => {
      const stalled = await reapExpired(here.ledger, reaper(verdictMs))
      counters.reaped += stalled.length
      countStalls(stalled)
      return stalled.map(({ grant }) => grant.id)
    },
    expect: (_, world, { now }) => {
      const { states, ids } = reapStates(world, { now, verdictMs, head: headNameOf(QUEUES[q]) })
      return { states, out: ids }
    },
  })

/** What a worker does when it starts. */
const recover = (q: QueueNumber, fault?: Fault) =>
  new Step<{ readonly epoch: string | undefined }>('recover', q, fault, {
    prepare: ({ real }) => ({ epoch: real.store.epoch }),
    act: async (_, { here }) => {
      const stalled = await recoverEpoch(here.ledger, reaper(1000))
      counters.recovered += stalled.length
      countStalls(stalled)
      return stalled.map(({ grant }) => grant.id)
    },
    expect: ({ epoch }, world, { now }) => {
      const isDead = (claim: string): boolean => epoch !== undefined && readClaimName(claim).epoch !== epoch
      const { states, ids } = recoverStates(world, { now, isDead, head: headNameOf(QUEUES[q]) })
      // Turns that are to come are brought forward.
      return { states: states.map((state) => (state === world ? { ...world } : state)), out: ids }
    },
  })

/** Jobs that wait too long for their first lease. */
export const expire = (q: QueueNumber, fault?: Fault) =>
  new Step<{ readonly isAlone: boolean }>('expire', q, fault, {
    check: (model) => (model.world(q).expiries?.length ?? 0) > 0,
    prepare: ({ side }) => ({ isAlone: side.staged.length === 0 }),
    act: async ({ isAlone }, { here, now }) => {
      const { expired } = await expireStep(here.ledger)
      const isLeft = ((await nextExpired(here.ledger)) ?? Infinity) <= now
      // Jobs of a bulk that is being stored are left to a later look.
      return { ids: expired.map(({ seen }) => jobIdOf(seen.name)).sort(), isLeft: isAlone && isLeft }
    },
    expect: ({ isAlone }, world, { now }) => {
      const { world: next, ids, left } = expireInWorld(world, now)
      counters.expired += ids.length
      // Keys are dropped that nobody knows of, as a bulk that was given up left them.
      return {
        states: [world, next === world ? { ...world } : next],
        out: { ids: ids.sort(), isLeft: isAlone && left > 0 },
      }
    },
  })

/** Bytes that no job has room in. */
const NOTHING_FITS = 1

const prune = (q: QueueNumber, lane: 'done' | 'dead', kept: Kept, fault?: Fault) =>
  new Step(`prune(${lane} ${JSON.stringify(kept)})`, q, fault, {
    check: (model) => [...model.world(q).jobs.values()].some(({ place }) => place === lane),
    prepare: () => undefined,
    act: async (_, { here }) => {
      if (kept.maxBytes === undefined) return pruneStep(here.ledger, lane, kept)
      while (await pruneTallied(here.ledger, lane, kept));
      return false
    },
    expect: (_, world, { now }) => {
      const count = kept.maxBytes === NOTHING_FITS ? 0 : kept.count
      const rule = { count, tooOld: now - kept.ageMs }
      const pruned = pruneWorld(world, lane, rule, headNameOf(QUEUES[q]))
      counters.pruned += pruned.removed
      return { states: [world, pruned.world], out: false }
    },
  })

const reaps = fc
  .tuple(aQueue, fc.constantFrom(...LEASE_MS), aFault)
  .map(([q, ms, fault]) => reap(q, ms, fault))

const recoveries = fc.tuple(aQueue, aFault).map(([q, fault]) => recover(q, fault))

const prunings = fc
  .tuple(
    aQueue,
    fc.constantFrom('done' as const, 'dead' as const),
    fc.constantFrom<Kept>(
      { count: 0, ageMs: Infinity },
      { count: 1, ageMs: Infinity },
      { count: 2, ageMs: 1000 },
      { count: Infinity, ageMs: 1000 },
      { count: Infinity, ageMs: 3000 },
      { count: 1, ageMs: Infinity, maxBytes: 1e9 },
      { count: Infinity, ageMs: 1000, maxBytes: 1e9 },
      { count: Infinity, ageMs: Infinity, maxBytes: NOTHING_FITS },
    ),
    aFault,
  )
  .map(([q, lane, kept, fault]) => prune(q, lane, kept, fault))

export const expiring: fc.Arbitrary<Command> = fc
  .tuple(aQueue, aFaultAtOnce)
  .map(([q, fault]) => expire(q, fault))

export const reapCommands: fc.Arbitrary<Command>[] = [
  ...times(3, expiring),
  ...times(7, reaps),
  ...times(3, recoveries),
  ...times(5, prunings),
]
