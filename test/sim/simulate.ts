/**
 * One run of one plan: a phase in which things go wrong and nothing may be wrong, then healing, then a phase in which everything
 * has to end, then closing. What it gives follows from the plan alone.
 */
import { slotsOfPattern } from '../../src/almanac.ts'
import { Violation, must } from '../model/invariants.ts'
import type { Tally } from './counters.ts'
import {
  calmAfter,
  checkLiveness,
  checkSchedules,
  endBound,
  forgetBound,
  liveJobs,
  reclaimBound,
  scheduleWatch,
} from './liveness.ts'
import { lookAtAll, textOfAll } from './look.ts'
import { QUEUES } from './jobs.ts'
import { escapePart } from '../../src/core/keys.ts'
import { groupName } from './flow.ts'
import type { Options } from './options.ts'
import type { Call, Plan, SiteFault } from './plan.ts'
import { play } from './producer.ts'
import { settled } from './timeline.ts'
import { World } from './world.ts'

export interface Outcome {
  readonly hash: string
  readonly violation: string | undefined
  readonly tally: Tally
  /** Faults that happened, as a plan can list them. */
  readonly faults: readonly SiteFault[]
  /** Virtual milliseconds. */
  readonly ms: number
  readonly lines: readonly string[]
}

/** What ends all pauses. */
function goingOn({ queues, flow }: Options): Call[] {
  const groups = Array.from({ length: flow?.groups ?? 0 }, (_, n) => groupName(n + 1))
  return [...QUEUES.keys()]
    .slice(0, queues)
    .flatMap((queue): Call[] => [
      { kind: 'resume', queue },
      ...groups.map((group): Call => ({ kind: 'bound', queue, group, bound: { do: 'resume' } })),
    ])
}

/** Events between two looks at everything, where nothing special happened; after a fault it comes sooner. */
const EVENTS_PER_LOOK = 400
const EVENTS_AFTER_FAULT = 40
/** Events after which a run is given up as one that never ends. */
const MOST_EVENTS = 400_000
const TICK_MS = 5000
const CLOSE_MS = 5000

export async function simulate(plan: Plan, keepTrace = false): Promise<Outcome> {
  // The first pattern loads its parser, which takes real time.
  await slotsOfPattern('@hourly', 'UTC')
  const world = new World(plan, keepTrace)
  const rejected = (error: unknown): void => {
    world.violation ??= new Violation(
      `a promise was rejected and nobody heard: ${String((error as Error).stack)}`,
    )
  }
  process.on('unhandledRejection', rejected)
  const { stackTraceLimit } = Error
  // Stacks are kept in histories, and tell of the caller: two runs would differ by them.
  Error.stackTraceLimit = 0
  try {
    await new Run(world).play()
  } catch (error) {
    world.violation ??= error as Error
  } finally {
    Error.stackTraceLimit = stackTraceLimit
    process.off('unhandledRejection', rejected)
  }
  const { violation, trace, tally, timeline, faults } = world
  const said = violation instanceof Violation ? violation.message : violation && `threw: ${violation.stack}`
  trace.say(said ?? 'all is well')
  const hash = trace.end()
  return { hash, violation: said, tally, faults: faults.taken, ms: timeline.now, lines: trace.lines }
}

class Run {
  readonly #world: World
  #lookAt = EVENTS_PER_LOOK

  constructor(world: World) {
    this.#world = world
  }

  async play(): Promise<void> {
    const { plan, timeline, trace } = this.#world
    this.#schedule(plan)
    for (const site of this.#world.sites) site.start()
    await settled()
    await this.#until(() => timeline.now >= plan.options.safetyMs)
    this.#look()
    trace.say('heals')
    await this.#heal()
    const bound = timeline.now + endBound(this.#world)
    timeline.after(TICK_MS, () => this.#tick(bound))
    await this.#until(() => this.#isOver())
    await this.#forget()
    trace.say(`all ended: ${textOfAll(this.#world.content)}`)
    await this.#close()
  }

  #schedule({ calls, crashes, pauses, jumps, stops, options }: Plan): void {
    const { timeline, sites } = this.#world
    const world = this.#world
    for (const call of calls) {
      if (call.at > options.safetyMs) continue
      timeline.after(call.at, () => sites[call.site]!.run((process) => void play(world, process, call)))
    }
    for (const crash of crashes) {
      if ('at' in crash)
        timeline.after(crash.at, () => sites[crash.site]!.kill('crash at a moment', crash.downMs))
    }
    for (const { site, at, ms, asleep } of pauses) timeline.after(at, () => sites[site]!.freeze(ms, asleep))
    for (const { site, at, by } of jumps) timeline.after(at, () => sites[site]!.setClock(by))
    for (const { site, at, timeout, downMs } of stops)
      timeline.after(at, () => void sites[site]!.stop(timeout, downMs))
    if (options.trouble !== 'all') world.calmAt = 0
    timeline.after(options.safetyMs, () => undefined)
  }

  /** No more faults; who is down comes back, and what is paused goes on, once nothing can arrive late any more. */
  async #heal(): Promise<void> {
    const { timeline, sites, plan, faults } = this.#world
    const world = this.#world
    const { options } = plan
    world.heal()
    if (options.deaf) world.count('healed with all hints lost')
    for (const { process } of sites) {
      if (process === undefined) continue
      if (options.deaf) process.store.arm(faults.healed())
      else process.store.heal()
    }
    const over = timeline.now + calmAfter(options)
    const isStill = (): boolean =>
      sites.some(({ process }) => process === undefined || process.machine.frozen || process.closing)
    timeline.after(calmAfter(options), () => undefined)
    await this.#until(() => timeline.now >= over && !isStill())
    for (const call of goingOn(options))
      sites[0]!.run((process) => void play(world, process, { ...call, id: -1, at: 0, site: 0 }))
    await settled()
    world.calmAt = Math.min(world.calmAt, timeline.now)
    await this.#endSchedules()
  }

  /** They are watched for a while when all is well, then removed. */
  async #endSchedules(): Promise<void> {
    const { timeline, sites, plan } = this.#world
    const world = this.#world
    const { schedules = [] } = plan
    if (schedules.length === 0) return
    const end = timeline.now + scheduleWatch(plan.options)
    for (; timeline.now < end; checkSchedules(world)) {
      const next = timeline.now + TICK_MS
      timeline.after(TICK_MS, () => undefined)
      await this.#until(() => timeline.now >= next)
    }
    for (const schedule of schedules.keys())
      sites[0]!.run(
        (process) => void play(world, process, { kind: 'unschedule', schedule, id: -1, at: 0, site: 0 }),
      )
    await settled()
  }

  /** All jobs have ended, and nothing of their claims is left. */
  #isOver(): boolean {
    const { books, timeline, plan } = this.#world
    if (timeline.now < plan.options.safetyMs || liveJobs(this.#world).length > 0) return false
    if (this.#world.slots.schedules.size > 0) return false
    return books.claims.size === 0
  }

  /** Nothing is left of limits and groups, keys and ids that is of no use any more. */
  async #forget(): Promise<void> {
    const { bounds, keys, ids, timeline, plan } = this.#world
    const { time } = this.#world.moment()
    const left = (): string[] => [
      ...QUEUES.slice(0, plan.options.queues).flatMap((queue) => bounds.leftovers(escapePart(queue))),
      ...keys.lapsedBy(time),
      ...ids.leftovers(),
    ]
    const end = timeline.now + forgetBound(this.#world)
    await this.#until(() => timeline.now > end || left().length === 0)
    must(left().length === 0, `all has ended, and there are left ${left().join(', ')}`)
  }

  #tick(bound: number): void {
    const { timeline, plan } = this.#world
    checkLiveness(this.#world)
    const late = timeline.now - bound - (liveJobs(this.#world).length > 0 ? 0 : reclaimBound(plan.options))
    const left = liveJobs(this.#world).map(({ name, lane }) => `${name} in ${lane}`)
    must(
      late < 0,
      `invariant 27: ${late} ms after the bound there are left ${left.join(', ') || 'claims without leases'}`,
    )
    timeline.after(TICK_MS, () => this.#tick(bound))
  }

  async #close(): Promise<void> {
    const { sites, timeline, closed } = this.#world
    const world = this.#world
    let open = 0
    for (const site of sites) {
      if (site.process === undefined) continue
      open++
      void site.stop(CLOSE_MS).then(() => open--)
    }
    await settled()
    const began = timeline.now
    timeline.after(60_000, () => undefined)
    await this.#until(() => open === 0)
    const took = timeline.now - began
    // Deaf handlers of attempts that are over may go on until they are left to themselves.
    must(took < CLOSE_MS + 3000, `invariant 33: closing took ${took} ms, with nothing to do`)
    for (const machine of closed)
      must(machine.timers === 0, `invariant 33: ${machine.name} has set a timer after its close`)
    this.#look()
    this.#checkBulks()
    const { books, witness } = world
    for (const { n, scheduled } of world.plan.jobs)
      if (scheduled !== true && books.wasNumberBorn(n) && !witness.wasAcknowledged(n))
        world.count('add never acknowledged, yet there')
    // Claims that limits refuse say nothing of whether jobs were to be had, nor do those for batches: there is one for each free slot.
    const { flow, batch } = world.plan.options
    if (flow === undefined && batch === undefined) {
      world.count('claims', books.claimsMade)
      world.count('claims that got jobs', books.claimsThatGot)
    }
    world.count('commits', books.commits)
  }

  /** All of a bulk, or none of it. */
  #checkBulks(): void {
    const { plan, books } = this.#world
    for (const call of plan.calls) {
      if (call.kind !== 'add' || call.jobs.length < 2) continue
      const keyless = call.jobs.filter((n) => {
        const { idempotencyKey, deduplication } = plan.jobs[n]!.options
        return idempotencyKey === undefined && deduplication === undefined
      })
      const own = keyless.filter((n) =>
        plan.calls.every((other) => other === call || other.kind !== 'add' || !other.jobs.includes(n)),
      )
      const born = own.filter((n) => books.wasNumberBorn(n)).length
      must(
        born === 0 || born === own.length,
        `invariant 3: ${born} of ${own.length} jobs of the bulk #${call.id} are added`,
      )
    }
  }

  /** Lets things happen until something is so; every violation ends it. */
  async #until(isSo: () => boolean): Promise<void> {
    const { timeline } = this.#world
    while (!isSo()) {
      await timeline.step()
      if (this.#world.violation !== undefined) throw this.#world.violation
      must(timeline.fired < MOST_EVENTS, `no end in sight after ${MOST_EVENTS} events`)
      this.#perhapsLook()
    }
  }

  #perhapsLook(): void {
    const world = this.#world
    const { fired } = world.timeline
    if (fired >= this.#lookAt) this.#look()
    else if (world.dirty && this.#lookAt - fired > EVENTS_AFTER_FAULT)
      this.#lookAt = fired + EVENTS_AFTER_FAULT
  }

  #look(): void {
    const world = this.#world
    this.#lookAt = world.timeline.fired + EVENTS_PER_LOOK
    world.dirty = false
    lookAtAll(world)
  }
}
