/** Bounds on what runs in a world: rates, concurrency and groups; who says them, and how jobs are spread over groups. */
import type { JobOptions, RateLimit } from 'holdfast'
import type { GroupLimits } from '../../src/core/group.ts'
import { lateOf } from '../../src/core/limits.ts'
import { Chance } from './chance.ts'
import type { Options } from './options.ts'

export interface Flow {
  /** What each worker says of starts. */
  readonly limiter: RateLimit | undefined
  /** What each worker says of every group. */
  readonly group: GroupLimits
  /** How many groups there are; 0: none. */
  readonly groups: number
}

/** What is said of a queue, or of a group of it; `undefined` takes it back. */
type Bound =
  | { readonly do: 'concurrency' | 'weight'; readonly most: number | undefined }
  | { readonly do: 'rate'; readonly limit: RateLimit | undefined }
  | { readonly do: 'hold'; readonly ms: number }
  | { readonly do: 'pause' | 'resume' }

export interface BoundCall {
  readonly kind: 'bound'
  readonly queue: number
  readonly group: string | undefined
  readonly bound: Bound
}

/** The longest window of a limit, and the longest wait that somebody asks for, ms. */
const LONGEST_WINDOW_MS = 10_000
const LONGEST_HOLD_MS = 5000

/** What a turn of a job may wait for its limits, where nobody else does, ms. */
export const flowWait = ({ flow }: Options): number =>
  flow === undefined ? 0 : 4 * LONGEST_WINDOW_MS + 4 * lateOf(LONGEST_WINDOW_MS) + LONGEST_HOLD_MS

/** Names that must not be mistaken for one another. */
export const groupName = (n: number): string => `g/${n}:%`

export function drawFlow(seed: number, trouble: Options['trouble']): Flow | undefined {
  const chance = new Chance(seed, 'flow')
  if (!chance.maybe(trouble === 'pills' ? 0.3 : 0.4)) return undefined
  const groups = chance.maybe(0.3) ? 0 : chance.int(1, 6)
  const strict = chance.maybe(0.25)
  return {
    limiter: groups === 0 || chance.maybe(0.3) ? drawRate(chance) : undefined,
    group: {
      concurrency: strict || chance.maybe(0.4) ? undefined : chance.int(1, 3),
      limit: chance.maybe(0.4) ? drawRate(chance) : undefined,
      strict: strict ? true : undefined,
    },
    groups,
  }
}

const drawRate = (chance: Chance): RateLimit => ({
  max: chance.int(1, 6),
  duration: chance.spread(20, LONGEST_WINDOW_MS),
  smooth: chance.maybe(0.3) ? true : undefined,
})

export function drawGroup(chance: Chance, { groups }: Flow): JobOptions['group'] {
  if (groups === 0 || chance.maybe(0.25)) return undefined
  return {
    id: groupName(chance.int(1, groups)),
    priority: chance.maybe(0.1) ? chance.int(0, 3) : undefined,
    maxSize: chance.maybe(0.15) ? chance.int(1, 5) : undefined,
  }
}

/** What is said in the course of time. */
export function drawBounds(chance: Chance, { queues }: Options, flow: Flow): BoundCall[] {
  return Array.from({ length: chance.int(0, 6) }, () => {
    const group = flow.groups > 0 && chance.maybe(0.6) ? groupName(chance.int(1, flow.groups)) : undefined
    return { kind: 'bound', queue: chance.int(0, queues - 1), group, bound: drawBound(chance, group) }
  })
}

function drawBound(chance: Chance, group: string | undefined): Bound {
  const most = chance.maybe(0.25) ? undefined : chance.int(1, 3)
  return chance.weighted<Bound>([
    [4, { do: 'concurrency', most }],
    [4, { do: 'rate', limit: chance.maybe(0.25) ? undefined : drawRate(chance) }],
    [1, { do: 'hold', ms: chance.int(1, LONGEST_HOLD_MS) }],
    [group === undefined ? 0 : 1, { do: 'weight', most: most ?? 1 }],
    [group === undefined ? 0 : 2, { do: 'pause' }],
    [group === undefined ? 0 : 2, { do: 'resume' }],
  ])
}
