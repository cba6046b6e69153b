/** The jobs of a world and what their handlers do, try by try. */
import type { JobOptions } from 'holdfast'
import { Chance } from './chance.ts'
import { drawGroup } from './flow.ts'
import { drawEnds } from './letters.ts'
import type { Options } from './options.ts'

/**
 * What a handler does in one try, after `ms`. `hold off` has the whole queue wait; `hang` never ends, unless its signal aborts and it
 * heeds it; `crash` takes the process along.
 */
export interface Act {
  readonly do: 'return' | 'throw' | 'give up' | 'snooze' | 'hold off' | 'retry after' | 'hang' | 'crash'
  readonly ms: number
  /** How long to snooze or to wait for the next try. */
  readonly wait: number
  /** Writes progress and log lines on the way. */
  readonly talks: boolean
  readonly heeds: boolean
}

export interface JobSpec {
  /** Its number in the plan, and in its data: by that it is known again. */
  readonly n: number
  readonly queue: number
  readonly data: { readonly n: number; readonly text: string }
  readonly options: JobOptions
  /** One per try; the last one goes on. */
  readonly acts: readonly Act[]
  /** Length of the result's text. */
  readonly result: number
  /** A schedule makes such jobs, any number of them. */
  readonly scheduled?: boolean
}

/** Kills its process whenever it runs. */
export const isPill = ({ acts }: JobSpec): boolean => acts.every((act) => act.do === 'crash')

/** Names that must not be mistaken for one another. */
export const QUEUES = ['q', 'q:b/%'] as const

/** Kept per queue, where a job says how many; few, so that some are pruned. */
export const KEPT = 5

export function drawJob(chance: Chance, n: number, world: Options): JobSpec {
  const pill = world.trouble !== 'none' && n > 0 && chance.maybe(world.trouble === 'pills' ? 0.2 : 0.06)
  const acts = pill ? [drawAct(chance, world, 'crash')] : drawActs(chance, world)
  const hangs = acts.some((act) => act.do === 'hang')
  const options = {
    ...drawJobOptions(chance, n, world, hangs),
    group: world.flow && drawGroup(chance, world.flow),
  }
  const aging = world.ages === true && options.lifo === undefined ? chance.spread(1, 60_000) : undefined
  const ends =
    world.ends === true ? drawEnds(new Chance(chance.next()), n, options.jobId, world.maxDepth) : {}
  return {
    n,
    queue: chance.int(0, world.queues - 1),
    data: { n, text: chance.maybe(0.1) ? 'd'.repeat(1200) : `é${chance.int(0, 9)}` },
    options: { ...options, aging, ...ends },
    acts: acts.map((act) => inTime(act, options.timeout)),
    result: chance.weighted([
      [6, 3],
      [1, 1200],
      [1, 0],
    ] as const),
  }
}

/** What a schedule makes. */
export function drawScheduledJob(chance: Chance, n: number, queue: number, world: Options): JobSpec {
  const spec = drawJob(chance, n, world)
  const {
    jobId: _,
    runAt: __,
    idempotencyKey: ___,
    idempotencyKeyTTL: ____,
    deduplication: _____,
    ...options
  } = spec.options
  const group = options.group && { ...options.group, maxSize: undefined }
  return { ...spec, queue, options: { ...options, group }, scheduled: true }
}

/** A process is killed under the lease, not some time after it. */
const inTime = (act: Act, timeout = Infinity): Act =>
  act.do === 'crash' ? { ...act, ms: Math.min(act.ms, Math.floor(timeout / 2)), talks: false } : act

function drawActs(chance: Chance, world: Options): Act[] {
  const tries = chance.weighted([
    [5, 0],
    [3, 1],
    [1, 2],
  ] as const)
  const acts = Array.from({ length: tries }, () =>
    drawAct(
      chance,
      world,
      chance.weighted<Act['do']>([
        [6, 'throw'],
        [2, 'snooze'],
        [world.flow === undefined ? 0 : 2, 'hold off'],
        [2, 'retry after'],
        [2, 'hang'],
        [world.trouble === 'none' ? 0 : 1, 'crash'],
      ]),
    ),
  )
  const last = chance.weighted<Act['do']>([
    [12, 'return'],
    [2, 'throw'],
    [1, 'give up'],
    [1, 'hang'],
  ])
  return [...acts, drawAct(chance, world, last)]
}

const drawAct = (chance: Chance, { leaseMs }: Options, what: Act['do']): Act => ({
  do: what,
  ms: chance.weighted([
    [3, 0],
    [3, Math.round(chance.next() * leaseMs)],
    [1, Math.round(chance.next() * leaseMs * 4)],
  ] as const),
  wait: chance.weighted([
    [1, 0],
    [2, chance.int(1, 3000)],
    [1, chance.int(1, 20_000)],
  ] as const),
  talks: chance.maybe(0.2),
  heeds: chance.maybe(0.6),
})

function drawJobOptions(chance: Chance, n: number, { leaseMs, shape }: Options, hangs: boolean): JobOptions {
  const delay = chance.weighted([
    [5, undefined],
    [2, chance.int(1, 5000)],
    [1, Math.round(leaseMs * chance.next())],
  ] as const)
  return {
    jobId: chance.maybe(0.5) ? `job/${n}` : undefined,
    delay,
    runAt:
      delay === undefined && shape === 'own' && chance.maybe(0.05)
        ? new Date(Date.UTC(2026, 0, 1, 0, 0, 30))
        : undefined,
    priority: chance.weighted([
      [4, undefined],
      [1, chance.int(0, 3)],
    ] as const),
    lifo: chance.maybe(0.15) ? true : undefined,
    attempts: chance.weighted([
      [2, undefined],
      [2, 2],
      [2, 3],
      [1, 5],
    ] as const),
    backoff: drawBackoff(chance),
    timeout:
      hangs || chance.maybe(0.1) ? Math.max(1, Math.round(leaseMs * (0.3 + chance.next() * 2))) : undefined,
    removeOnComplete: chance.weighted<JobOptions['removeOnComplete']>([
      [5, undefined],
      [1, true],
      [1, false],
      [1, KEPT],
    ]),
    removeOnFail: chance.weighted<JobOptions['removeOnFail']>([
      [6, undefined],
      [1, true],
      [1, { count: KEPT }],
    ]),
    keepLogs: chance.weighted([
      [3, undefined],
      [1, 2],
    ] as const),
  }
}

function drawBackoff(chance: Chance): JobOptions['backoff'] {
  return chance.weighted<JobOptions['backoff']>([
    [2, undefined],
    [2, chance.int(0, 5000)],
    [1, { type: 'exponential', delay: chance.int(1, 1000), maxDelay: 20_000, jitter: 0.5 }],
    [1, { type: 'fixed', delay: 1000, jitter: { around: 0.3 } }],
    [1, { type: 'own', delay: 700 }],
  ])
}
