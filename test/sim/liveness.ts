/** What must come about once nothing goes wrong any more, and by when. */
import { escapePart, readClaimName } from '../../src/core/keys.ts'
import { must } from '../model/invariants.ts'
import type { BookedJob } from './booked.ts'
import { LONGEST_FAULT_MS } from './fault-source.ts'
import { QUEUES } from './jobs.ts'
import { isLetter } from './letters.ts'
import { type Options, SAFETY_POLL_MS, healedLatency } from './options.ts'
import { flowWait } from './flow.ts'
import { dueIn } from './rules.ts'
import { sharesWithin } from './sharing.ts'
import type { Process } from './site.ts'
import type { World } from './world.ts'

/** The longest rest of a worker whose store failed. */
const REST_MS = 10_000
/** How often a sleeping worker looks at a clock that may have been set. */
const NAP_MS = 30_000

/** Milliseconds within which a job that can run is started, where a worker is idle. */
const startBound = (options: Options): number =>
  REST_MS +
  (options.hintsLost > 0 ? SAFETY_POLL_MS : 0) +
  2 * options.skewMs +
  (options.batch?.timeout ?? 0) +
  10 * healedLatency(options) +
  2000

/** Milliseconds within which an expired lease is ended. */
export const reclaimBound = (options: Options): number => startBound(options) + options.leaseMs * 1.2 + NAP_MS

/** When the last fault's consequences are over: late arrivals have come, whoever rested has rested, stale leases are gone. */
export const calmAfter = (options: Options): number =>
  LONGEST_FAULT_MS + options.latencyMs + reclaimBound(options) + options.leaseMs * 2

const FINISHED: ReadonlySet<string> = new Set(['done', 'dead'])
const laneOf = ({ lane }: BookedJob): string => lane.slice(0, lane.indexOf(':'))
/** A letter stays until somebody sends it back. */
const isLive = (job: BookedJob): boolean => !FINISHED.has(laneOf(job)) && !isLetter(job.name)

export const liveJobs = ({ books }: World): BookedJob[] => [...books.jobs.values()].filter(isLive)

/** Milliseconds by which clocks were set back: that is seen by the next process, and until then what was said is due by the clock before. */
const setBack = ({ plan }: World): number => plan.jumps.reduce((sum, { by }) => sum + Math.max(0, -by), 0)

/** Milliseconds in which all live jobs end, were they run one after the other. */
export function endBound(world: World): number {
  const { options, jobs } = world.plan
  let bound = calmAfter(options) + setBack(world)
  for (const job of liveJobs(world)) {
    const { acts, options: own } = jobs[job.n]!
    const turns = (own.attempts ?? 1) + options.maxStalls + acts.length + 2
    const longest =
      Math.max(...acts.map(({ ms, wait }) => ms + wait), 20_000) + (own.timeout ?? 0) + 2 * options.leaseMs
    bound +=
      turns * (longest + startBound(options) + flowWait(options)) +
      Math.max(0, (job.head.runAt ?? 0) - world.storeTime())
  }
  return bound
}

/** Milliseconds for which schedules are watched once all is well: longer than a slot may be late. */
export const scheduleWatch = (options: Options): number => startBound(options) + 2 * NAP_MS

/** A slot that has come is decided in time. */
export function checkSchedules(world: World): void {
  const bound = startBound(world.plan.options) + NAP_MS
  const isWatched = world.sites.some((site) => site.works && isUpFor(world, site.process, bound))
  if (!isWatched) return
  const late = world.slots.overdue(bound)
  must(late.length === 0, `invariant 17: nobody decides ${late.join()}`)
}

/** Milliseconds within which nothing is left of limits and ids once nothing runs; a handler that does not heed its signal keeps its slot for a lease. */
export const forgetBound = (world: World): number =>
  Math.max(world.bounds.forgetsWithin, sharesWithin(world.plan.options)) +
  setBack(world) +
  startBound(world.plan.options) +
  NAP_MS +
  world.plan.options.leaseMs

/** Held against the world now and then while it is calm. */
export function checkLiveness(world: World): void {
  checkReclaim(world)
  for (const queue of QUEUES.slice(0, world.plan.options.queues)) checkWakeUp(world, escapePart(queue))
}

function checkReclaim(world: World): void {
  const bound = reclaimBound(world.plan.options)
  const isWatched = world.sites.some((site) => site.works && isUpFor(world, site.process, bound))
  if (world.timeline.now - world.healedAt < calmAfter(world.plan.options) || !isWatched) return
  for (const [claim, { until }] of world.books.claims) {
    must(
      !isOfDeadEpoch(world, claim),
      `invariant 29: the claim ${claim} is of an earlier epoch and still there`,
    )
    const late = world.storeTime() - until
    must(late <= bound, `invariant 29: the claim ${claim} expired ${late} ms ago and is still there`)
  }
}

/** Where one process owns all leases, those of an earlier one are dead, whatever the clock says. */
const isOfDeadEpoch = ({ plan, content }: World, claim: string): boolean =>
  plan.options.shape === 'own' && readClaimName(claim).epoch !== String(content.opened)

/** A job that can run is started by a worker that has nothing to do. */
function checkWakeUp(world: World, queue: string): void {
  const bound = startBound(world.plan.options)
  const idle = world.sites.find(
    ({ works, process }) => works && isUpFor(world, process, bound) && isIdle(world, process!, queue, bound),
  )
  if (idle === undefined || world.timeline.now < world.calmAt) return
  for (const job of world.books.jobs.values()) {
    if (job.queue !== queue) continue
    const waits = runnableFor(world, job)
    must(
      waits <= bound,
      `invariant 35: ${job.name} in ${laneOf(job)} could be run for ${waits} ms, and ${idle.process!.machine.name} is idle`,
    )
  }
}

function isUpFor({ timeline, healedAt }: World, process: Process | undefined, ms: number): boolean {
  return (
    process !== undefined &&
    !process.closing &&
    !process.machine.frozen &&
    timeline.now - Math.max(process.since, process.thawedAt, healedAt) > ms
  )
}

function isIdle({ books, timeline }: World, { machine }: Process, queue: string, ms: number): boolean {
  if (books.held(machine.name, queue).length > 0) return false
  return timeline.now - (books.busyUntil.get(`${machine.name} ${queue}`) ?? -Infinity) > ms
}

/** Milliseconds for which it could have been run. */
function runnableFor(world: World, job: BookedJob): number {
  // Before it was calm its queue may have been paused.
  const stayed = world.timeline.now - Math.max(job.since, world.healedAt, world.calmAt)
  const lane = laneOf(job)
  const { bounds, books } = world
  const allowed = (): number =>
    bounds.letsRunFor(job, books.held(undefined, job.queue), books.pennedBeside(job))
  switch (lane) {
    case 'ready':
    case 'parked':
    case 'grouped':
      return Math.min(stayed, allowed())
    case 'due':
    case 'suspect':
    case 'arrive':
    case 'penned':
      return Math.min(stayed, world.storeTime() - dueIn(lane, job.key), allowed())
    default:
      return 0
  }
}
