/** What kind of world a seed is: who is there, how long leases are, how much goes wrong. */
import type { FaultKind } from '../faults/plan.ts'
import { Chance } from './chance.ts'
import { type Flow, drawFlow } from './flow.ts'
import { drawDepth, drawsEnds } from './letters.ts'
import { drawsSharing } from './sharing.ts'
import type { BatchOptions } from '../../src/core/batch-options.ts'

export interface Options {
  /** `own`: one process after another on a store that says its epoch. `shared`: many on one store, as on a server. */
  readonly shape: 'own' | 'shared'
  /** What goes wrong: nothing, only jobs that kill their process, or all there is. */
  readonly trouble: 'none' | 'pills' | 'all'
  /** Processes that work; in `shared` there are others that only add. */
  readonly machines: number
  /** Worker objects of each queue in each of them. */
  readonly workers: number
  readonly producers: number
  readonly queues: 1 | 2
  readonly concurrency: number
  readonly leaseMs: number
  readonly maxStalls: number
  readonly jobs: number
  /** Milliseconds of the safety phase. */
  readonly safetyMs: number
  /** Milliseconds that a call takes at most, half of them on each way. */
  readonly latencyMs: number
  /** Error of the shared store's clock. */
  readonly skewMs: number
  /** By how much wall clocks are wrong at most. */
  readonly wallErrorMs: number
  /** Parts of commits and of looks that go wrong. */
  readonly faultRate: number
  readonly lookFaultRate: number
  readonly faultKinds: readonly FaultKind[]
  /** Parts of hints that are lost, or come twice or a hundred times. */
  readonly hintsLost: number
  readonly hintsNoisy: number
  /** Whether hints are lost after healing too, all of them. */
  readonly deaf: boolean
  /** Bounds on what runs, where there are any. */
  readonly flow?: Flow | undefined
  /** Whether jobs have dead letters, times to live and keys. */
  readonly ends?: boolean
  /** How many dead letters may wait before somebody is to hear of it, where that is said. */
  readonly maxDepth?: number | undefined
  /** Whether jobs share deduplication ids, in all ways there are. */
  readonly shares?: boolean
  /** What every other place gives its workers. */
  readonly batch?: BatchOptions | undefined
  /** Whether some jobs gain priority as they wait. */
  readonly ages?: boolean
}

/** How often a store wakes its watchers whose hints may be lost. */
export const SAFETY_POLL_MS = 30_000

/** What a call takes at most once all is well: leases can be kept then. */
export const healedLatency = ({ latencyMs, leaseMs }: Options): number =>
  Math.min(latencyMs, leaseMs / 12, 100)

export function drawOptions(seed: number): Options {
  const chance = new Chance(seed, 'options')
  const trouble = chance.weighted([
    [10, 'none'],
    [6, 'pills'],
    [84, 'all'],
  ] as const)
  const shape = chance.weighted([
    [4, 'own'],
    [6, 'shared'],
  ] as const)
  const leaseMs = chance.spread(50, 300_000)
  const pills = trouble === 'pills'
  const flow = drawFlow(seed, trouble)
  return {
    shape,
    trouble,
    machines: shape === 'own' ? 1 : Math.min(chance.int(1, 8), chance.int(1, 8), chance.int(1, 8)),
    workers: pills
      ? 1
      : chance.weighted([
          [6, 1],
          [2, 2],
          [shape === 'own' ? 1 : 0, 3],
        ] as const),
    producers: chance.int(1, 4),
    queues: pills
      ? 1
      : chance.weighted([
          [4, 1],
          [1, 2],
        ] as const),
    concurrency: chance.weighted([
      [3, 1],
      [5, chance.int(2, 8)],
      [1, 80],
    ] as const),
    leaseMs,
    maxStalls: Math.max(
      pills ? 1 : 0,
      chance.weighted([
        [1, 0],
        [2, 1],
        [2, 2],
        [4, 3],
      ] as const),
    ),
    jobs: chance.spread(4, 60),
    safetyMs: Math.round(Math.min(Math.max(5000, leaseMs * (3 + chance.next() * 20)), 900_000)),
    ...drawTiming(chance, shape, leaseMs, trouble),
    ...drawFaults(chance, shape, trouble),
    flow,
    ends: drawsEnds(seed, trouble),
    maxDepth: drawDepth(new Chance(seed, 'depth')),
    shares: drawsSharing(seed, trouble),
    batch: drawBatch(new Chance(seed, 'batch')),
    ages: new Chance(seed, 'ages').maybe(0.2),
  }
}

/** The longest that jobs which are too few for a batch wait for others, ms. */
const LONGEST_GATHERING_MS = 3000

function drawBatch(chance: Chance): BatchOptions | undefined {
  if (!chance.maybe(0.25)) return undefined
  const size = chance.int(2, 6)
  if (chance.maybe(0.5)) return { size }
  return { size, minSize: chance.int(2, size), timeout: chance.spread(10, LONGEST_GATHERING_MS) }
}

function drawTiming(
  chance: Chance,
  shape: Options['shape'],
  leaseMs: number,
  trouble: Options['trouble'],
): Pick<Options, 'latencyMs' | 'skewMs' | 'wallErrorMs'> {
  const slow = trouble === 'all' && chance.maybe(0.15)
  const latency = slow ? leaseMs * chance.next() * 1.5 : Math.min(leaseMs / 12, 50) * chance.next()
  return {
    latencyMs: Math.round(chance.maybe(shape === 'own' ? 0.5 : 0.15) ? 0 : Math.min(latency, 60_000)),
    // A lease that is not much longer than the error of its clock cannot be kept by anyone.
    skewMs:
      shape === 'own' || chance.maybe(0.3) ? 0 : Math.round(Math.min(leaseMs / 5, 5000) * chance.next()),
    wallErrorMs: chance.of([0, 1000, 60_000, 900_000]),
  }
}

function drawFaults(
  chance: Chance,
  shape: Options['shape'],
  trouble: Options['trouble'],
): Pick<Options, 'faultRate' | 'lookFaultRate' | 'faultKinds' | 'hintsLost' | 'hintsNoisy' | 'deaf'> {
  const all = trouble === 'all'
  const kinds = chance.of<readonly FaultKind[]>([
    ['before', 'after', 'lost', 'ghost', 'double', 'delay', 'late', 'hang'],
    ['before', 'after', 'lost', 'ghost', 'double', 'delay', 'late', 'hang'],
    ['after', 'lost', 'ghost'],
    ['ghost', 'late', 'delay'],
    ['before', 'double'],
    ['after'],
    ['hang', 'lost'],
  ])
  const lost = chance.weighted([
    [4, 0],
    [3, chance.next()],
    [2, 1],
  ] as const)
  // Where hints stay in the process they are not lost, unless somebody tries.
  const hintsLost = !all || (shape === 'own' && chance.maybe(0.5)) ? 0 : lost
  return {
    faultRate: all && chance.maybe(0.9) ? chance.spread(5, 300) / 1000 : 0,
    lookFaultRate: all && chance.maybe(0.5) ? chance.spread(5, 150) / 1000 : 0,
    faultKinds: kinds,
    hintsLost,
    hintsNoisy: all && chance.maybe(0.4) ? chance.next() * 0.1 : 0,
    deaf: hintsLost > 0 && chance.maybe(0.6),
  }
}
