/**
 * Everything that will happen in a world and is not the library's own doing, drawn beforehand as plain data: a plan that ends
 * in a violation can be shrunk entry by entry.
 */
import type { Fault, LookFault } from '../faults/plan.ts'
import { Chance } from './chance.ts'
import { type BoundCall, drawBounds } from './flow.ts'
import { type Options, drawOptions } from './options.ts'
import { type JobSpec, drawJob, drawScheduledJob } from './jobs.ts'
import { type ForgetCall, drawForgets, sharing } from './sharing.ts'
import { type ScheduleCall, type ScheduleSpec, drawScheduleCalls, drawSchedules } from './schedules.ts'

export type Call =
  | { readonly kind: 'add'; readonly jobs: readonly number[] }
  | { readonly kind: 'remove'; readonly job: number; readonly force: boolean }
  | { readonly kind: 'retry'; readonly job: number; readonly resetAttempts: boolean }
  | { readonly kind: 'pause' | 'resume' | 'look'; readonly queue: number }
  | { readonly kind: 'redrive'; readonly count: number | undefined }
  | { readonly kind: 'cancel'; readonly job: number; readonly force: boolean }
  | BoundCall
  | ForgetCall
  | ScheduleCall

/** What producers do and when. */
export type PlannedCall = Call & { readonly at: number; readonly site: number; readonly id: number }

/** A process dies: at a moment, or at the nth commit of one of its incarnations, which is applied or not. */
export type Crash =
  | { readonly site: number; readonly at: number; readonly downMs: number }
  | {
      readonly incarnation: string
      readonly commit: number
      readonly applied: boolean
      readonly downMs: number
    }

/** A process stands still; `asleep` means its machine does, with its clocks. */
interface Pause {
  readonly site: number
  readonly at: number
  readonly ms: number
  readonly asleep: boolean
}

/** A wall clock is set. */
interface Jump {
  readonly site: number
  readonly at: number
  readonly by: number
}

/** A process is ended in good order and started again. */
interface Stop {
  readonly site: number
  readonly at: number
  readonly timeout: number
  readonly downMs: number
}

/** One fault of one incarnation's store. */
export type SiteFault = { readonly incarnation: string } & (
  | ({ readonly of: 'commit' } & Fault)
  | ({ readonly of: 'look' } & LookFault)
)

export interface Plan {
  readonly seed: number
  readonly options: Options
  readonly jobs: readonly JobSpec[]
  readonly schedules?: readonly ScheduleSpec[] | undefined
  readonly calls: readonly PlannedCall[]
  readonly crashes: readonly Crash[]
  readonly pauses: readonly Pause[]
  readonly jumps: readonly Jump[]
  readonly stops: readonly Stop[]
  /** Left out: drawn as calls come, by the options' rates. */
  readonly faults?: readonly SiteFault[] | undefined
}

/** Processes of a world: those that work first, then those that only add. */
export const sitesOf = ({ shape, machines, producers }: Options): number =>
  shape === 'own' ? 1 : machines + Math.ceil(producers / 2)

export function drawPlan(seed: number, options = drawOptions(seed)): Plan {
  const chance = new Chance(seed, 'plan')
  const drawn = Array.from({ length: options.jobs }, (_, n) =>
    drawJob(new Chance(seed, 'job', n), n, options),
  )
  const jobs =
    options.shares === true ? drawn.map((job, n) => sharing(new Chance(seed, 'dedup', n), job)) : drawn
  const schedules = drawSchedules(seed, options, jobs.length)
  const made = schedules.map(({ job, queue }) =>
    drawScheduledJob(new Chance(seed, 'job', job), job, queue, options),
  )
  return {
    seed,
    options,
    jobs: [...jobs, ...made],
    schedules,
    calls: [
      ...drawCalls(chance, options, jobs),
      ...drawBoundCalls(new Chance(seed, 'bounds'), options),
      ...drawTimes(new Chance(seed, 'schedule calls'), options, schedules),
      ...drawRemovals(new Chance(seed, 'forgets'), options),
    ],
    ...(options.trouble === 'all' ? drawTrouble(chance, options) : NO_TROUBLE),
  }
}

const NO_TROUBLE = { crashes: [], pauses: [], jumps: [], stops: [] }

function drawCalls(chance: Chance, options: Options, jobs: readonly JobSpec[]): PlannedCall[] {
  const { safetyMs } = options
  const calls: Call[] = []
  for (let n = 0; n < jobs.length; ) {
    const bulk = chance.maybe(0.15) ? chance.int(2, 6) : 1
    const queue = jobs[n]!.queue
    const together = [n++]
    while (together.length < bulk && n < jobs.length && jobs[n]!.queue === queue) together.push(n++)
    calls.push({ kind: 'add', jobs: together })
  }
  // All over the time, or in a few bursts: then workers find more than they can take.
  const bursts = chance.maybe(0.3) ? undefined : Array.from({ length: chance.int(1, 3) }, () => chance.next())
  const moment = (): number => (bursts === undefined ? chance.next() : chance.of(bursts))
  const added = calls.map((call) => ({ call, at: Math.floor(moment() * safetyMs * 0.8) }))
  const others = Array.from({ length: chance.int(0, Math.ceil(jobs.length / 2)) }, () => {
    const call = drawEdit(chance, jobs, options)
    return { call, at: Math.floor(chance.next() * safetyMs) }
  })
  const sites = sitesOf(options)
  return [...added, ...others].map(({ call, at }, id) => ({
    ...call,
    at,
    id,
    site: siteOf(chance, sites, options),
  }))
}

/** A third of what is said of limits is said before there are jobs. */
function drawBoundCalls(chance: Chance, options: Options): PlannedCall[] {
  const { flow, safetyMs } = options
  const calls = flow === undefined ? [] : drawBounds(chance, options, flow)
  return calls.map((call, index) => ({
    ...call,
    at: chance.maybe(0.3) ? 0 : Math.floor(chance.next() * safetyMs),
    site: siteOf(chance, sitesOf(options), options),
    id: BOUND_IDS + index,
  }))
}

const BOUND_IDS = 1000
const SCHEDULE_IDS = 2000
const FORGET_IDS = 3000

function drawTimes(chance: Chance, options: Options, specs: readonly ScheduleSpec[]): PlannedCall[] {
  return drawScheduleCalls(chance, specs, options).map((call, index) => ({
    ...call,
    at: Math.floor(chance.next() * options.safetyMs * (call.kind === 'schedule' ? 0.3 : 1)),
    site: siteOf(chance, sitesOf(options), options),
    id: SCHEDULE_IDS + index,
  }))
}

function drawRemovals(chance: Chance, options: Options): PlannedCall[] {
  if (options.shares !== true) return []
  return drawForgets(chance, options).map((call, index) => ({
    ...call,
    at: Math.floor(chance.next() * options.safetyMs),
    site: siteOf(chance, sitesOf(options), options),
    id: FORGET_IDS + index,
  }))
}

/** Producers are few: each has one place. */
const siteOf = (chance: Chance, sites: number, { producers, shape, machines }: Options): number => {
  if (shape === 'own') return 0
  const producer = chance.int(0, producers - 1)
  return producer % 2 === 0 ? producer % machines : machines + (((producer - 1) / 2) % (sites - machines))
}

function drawEdit(chance: Chance, jobs: readonly JobSpec[], options: Options): Call {
  const { queues } = options
  const job = chance.int(0, jobs.length - 1)
  const named = jobs.filter(
    ({ options: { jobId, idempotencyKey } }) => (jobId ?? idempotencyKey) !== undefined,
  )
  return chance.weighted<Call>([
    [3, named.length > 0 ? { kind: 'add', jobs: [chance.of(named).n] } : { kind: 'look', queue: 0 }],
    [3, { kind: 'remove', job, force: chance.maybe(0.5) }],
    [
      options.ends === true ? 2 : 0,
      { kind: 'redrive', count: chance.maybe(0.5) ? chance.int(1, 3) : undefined },
    ],
    [2, { kind: 'cancel', job, force: chance.maybe(0.4) }],
    [3, { kind: 'retry', job, resetAttempts: chance.maybe(0.5) }],
    [1, { kind: 'pause', queue: chance.int(0, queues - 1) }],
    [1.5, { kind: 'resume', queue: chance.int(0, queues - 1) }],
    [2, { kind: 'look', queue: chance.int(0, queues - 1) }],
  ])
}

function drawTrouble(chance: Chance, options: Options): Pick<Plan, 'crashes' | 'pauses' | 'jumps' | 'stops'> {
  const { safetyMs, leaseMs } = options
  const sites = sitesOf(options)
  const few = (most: number): number => (chance.maybe(0.45) ? 0 : chance.int(1, most))
  const some = <T>(most: number, draw: () => T): T[] => Array.from({ length: few(most) }, draw)
  const site = (): number => chance.int(0, sites - 1)
  const at = (): number => Math.floor(chance.next() * safetyMs)
  const downMs = (): number =>
    Math.round(chance.maybe(0.3) ? 0 : Math.min(leaseMs * 2 * chance.next(), 60_000))
  return {
    crashes: [
      ...some(3, () => ({ site: site(), at: at(), downMs: downMs() })),
      ...some(4, () => ({
        incarnation: `m${site()}.${chance.weighted([
          [2, 1],
          [3, 2],
          [1, 3],
        ] as const)}`,
        commit: chance.weighted([
          [2, chance.int(0, 3)],
          [1, chance.int(4, 30)],
        ] as const),
        applied: chance.maybe(0.5),
        downMs: downMs(),
      })),
    ],
    pauses: some(3, () => ({
      site: site(),
      at: at(),
      ms: Math.round(leaseMs * (0.2 + chance.next() * 3)),
      asleep: chance.maybe(0.3),
    })),
    jumps: some(3, () => ({
      site: site(),
      at: at(),
      by: (chance.maybe(0.5) ? 1 : -1) * chance.spread(500, 3_600_000),
    })),
    stops: some(2, () => ({
      site: site(),
      at: at(),
      timeout: chance.of([0, 0, Math.round(leaseMs / 2), 30_000]),
      downMs: downMs(),
    })),
  }
}
