/** What producers do: call, write down what they tried and what they were told, and call again where they have to. */
import { Queue, type HoldfastError } from 'holdfast'
import { deduplicationIdOf, escapePart, headId, scheduleId } from '../../src/core/keys.ts'
import { must } from '../model/invariants.ts'
import { Chance } from './chance.ts'
import type { BoundCall } from './flow.ts'
import { type JobSpec, QUEUES } from './jobs.ts'
import type { PlannedCall } from './plan.ts'
import type { ScheduleCall } from './schedules.ts'
import type { Process } from './site.ts'
import { checkError } from './witness.ts'
import type { World } from './world.ts'

const MOST_TRIES = 6

export async function play(world: World, process: Process, call: PlannedCall): Promise<void> {
  const chance = new Chance(world.plan.seed, 'call', call.id)
  const state = { unknown: false }
  for (let tries = 1; tries <= MOST_TRIES; tries++) {
    world.count('producer calls')
    const error = await attempt(world, process, call, state)
    const { name } = process.machine
    world.trace.say(
      `${name} ${call.kind} #${call.id} ${error === undefined ? 'ok' : `${error.code} ${error.outcome}`}`,
    )
    if (error === undefined) return world.count('producer calls that succeeded')
    if (error.outcome === 'unknown') state.unknown = true
    if (!isWorthAnother(world, call, error) || (error.outcome === 'failed' && chance.maybe(0.3))) return
    await process.machine.sleep(chance.spread(20, 3000))
  }
}

/** Errors that another try would only meet again. */
const FINAL: ReadonlySet<string> = new Set([
  'JOB_STATE',
  'JOB_NOT_FOUND',
  'GROUP_FULL',
  'IDEMPOTENCY_CONFLICT',
  'SCHEDULE_INVALID',
  'STORE_CLOSED',
])

/** Without an id of its own a job may be there already; adding it again would make a second one. */
function isWorthAnother(world: World, call: PlannedCall, error: HoldfastError): boolean {
  if (FINAL.has(error.code)) return false
  if (call.kind !== 'add' || error.outcome === 'failed') return true
  return call.jobs.every((n) => {
    const { jobId, idempotencyKey } = world.witness.spec(n).options
    return (jobId ?? idempotencyKey) !== undefined
  })
}

async function attempt(
  world: World,
  process: Process,
  call: PlannedCall,
  state: { unknown: boolean },
): Promise<HoldfastError | undefined> {
  try {
    await ask(world, process, call, state)
    return undefined
  } catch (error) {
    return world.guard(() => {
      const checked = checkError(error, call.kind)
      if (checked.code === 'IDEMPOTENCY_CONFLICT') world.count('idempotency conflict')
      if (checked.code === 'GROUP_FULL') world.count('group full, add refused')
      if (call.kind === 'add' && checked.outcome === 'failed') checkNothingAdded(world, call.jobs)
      if (call.kind === 'resume' && checked.outcome === 'failed') world.witness.hasResumed(call.queue)
      return checked
    })
  }
}

async function ask(
  world: World,
  { queues, letters }: Process,
  call: PlannedCall,
  state: { unknown: boolean },
): Promise<void> {
  const { witness } = world
  switch (call.kind) {
    case 'add':
      return add(
        world,
        queues[witness.spec(call.jobs[0]!).queue]!,
        call.jobs.map((n) => witness.spec(n)),
        state,
      )
    case 'remove':
      return remove(world, queues, call)
    case 'retry':
      return retry(world, queues, call)
    case 'pause': {
      const before = witness.resumes(call.queue)
      await queues[call.queue]!.pause()
      return witness.hasPaused(call.queue, before)
    }
    case 'resume':
      witness.triesToResume(call.queue)
      await queues[call.queue]!.resume()
      return witness.hasResumed(call.queue)
    case 'redrive': {
      const { redriven, skipped } = await letters.redrive({ count: call.count })
      world.count('letter sent back', redriven)
      return world.trace.say(`redriven ${redriven}, skipped ${skipped}`)
    }
    case 'cancel':
      return cancel(world, queues, call)
    case 'schedule':
    case 'unschedule':
    case 'trigger':
      return schedule(world, queues, call)
    case 'forget':
      return forget(world, queues[call.queue]!, call.shared)
    case 'bound':
      return sayBound(queues[call.queue]!, call)
    default: {
      const counts = await queues[call.queue]!.getJobCounts()
      world.trace.say(`counts ${JSON.stringify(counts)}`)
    }
  }
}

/** Says, or takes back, a limit of a queue or of a group. */
async function sayBound(queue: Queue, { group, bound }: BoundCall): Promise<void> {
  switch (bound.do) {
    case 'concurrency': {
      const { most } = bound
      if (group === undefined)
        return most === undefined ? queue.removeGlobalConcurrency() : queue.setGlobalConcurrency(most)
      return most === undefined ? queue.removeGroupConcurrency(group) : queue.setGroupConcurrency(group, most)
    }
    case 'rate': {
      const { limit } = bound
      if (group === undefined)
        return limit === undefined
          ? queue.removeGlobalRateLimit()
          : queue.setGlobalRateLimit(limit.max, limit.duration, { smooth: limit.smooth })
      return limit === undefined
        ? queue.removeGroupRateLimit(group)
        : queue.setGroupRateLimit(group, limit.max, limit.duration, { smooth: limit.smooth })
    }
    case 'hold':
      return group === undefined ? queue.rateLimit(bound.ms) : queue.rateLimitGroup(group, bound.ms)
    case 'weight':
      return queue.setGroupWeight(group!, bound.most ?? 1)
    default:
      await (bound.do === 'pause' ? queue.pauseGroup(group!) : queue.resumeGroup(group!))
  }
}

async function add(
  world: World,
  queue: Queue,
  specs: readonly JobSpec[],
  state: { unknown: boolean },
): Promise<void> {
  for (const { n } of specs) world.witness.tries(n)
  const began = world.moment()
  const jobs =
    specs.length === 1
      ? [await queue.add('job', specs[0]!.data, specs[0]!.options)]
      : await queue.addBulk(specs.map(({ data, options }) => ({ name: 'job', data, opts: options })))
  world.guard(() => {
    must(
      jobs.length === specs.length,
      `invariant 20: ${specs.length} jobs were added and ${jobs.length} given`,
    )
    jobs.forEach((job, at) => {
      const { n, options } = specs[at]!
      const shares = options.deduplication !== undefined
      if (shares && job.deduplicated && job.id !== options.jobId) {
        // The key of an addition may have led to it.
        if (options.idempotencyKey === undefined) world.ids.met(n, headId(queue.name, job.id), began)
        return world.count('add answered with another job')
      }
      // Of a job that is gone by then nothing is known but its id, and one that shares may have become another.
      const given = job.data as { n: number } | undefined
      const isOther = given !== undefined && given.n !== n && !shares
      must(!isOther, `invariant 13: job ${n} is added, and another one is given`)
      world.witness.acknowledged(n)
      must(
        options.jobId === undefined || job.id === options.jobId,
        `invariant 20: job ${n} is given as ${job.id}`,
      )
      must(
        world.books.wasBorn(headId(queue.name, job.id)),
        `invariant 1: job ${n} was acknowledged and is not in the store`,
      )
      must(
        !job.deduplicated || world.witness.perhapsAdded(n) > 1 || shares,
        `invariant 4: job ${n} was added once and is said to be a duplicate`,
      )
      if (job.deduplicated)
        world.count(state.unknown ? 'added again after unknown, deduplicated' : 'added again, deduplicated')
    })
  })
}

/** Nothing of a call that failed is in the store, if no other call may have put it there. */
function checkNothingAdded(world: World, jobs: readonly number[]): void {
  for (const n of jobs) {
    world.witness.failed(n)
    if (world.witness.perhapsAdded(n) === 0)
      must(!world.books.wasNumberBorn(n), `invariant 19: adding job ${n} failed, and it is in the store`)
  }
}

/** Asks who has a deduplication id, then takes it away. */
async function forget(world: World, queue: Queue, id: string): Promise<void> {
  const record = deduplicationIdOf(escapePart(queue.name), id)
  const asked = world.moment()
  const holder = await queue.getDeduplicationJobId(id)
  world.guard(() => world.ids.told(record, holder === null ? undefined : headId(queue.name, holder), asked))
  const began = world.moment()
  world.witness.triesToForget(record)
  const taken = await queue.removeDeduplicationKey(id)
  world.guard(() => world.ids.taken(record, taken === 1, began))
}

async function remove(
  world: World,
  queues: readonly Queue[],
  { job, force }: { job: number; force: boolean },
): Promise<void> {
  const id = world.witness.idOf(job)
  if (id === undefined) return
  world.witness.triesToRemove(job, force)
  const { queue } = world.witness.spec(job)
  const removed = await queues[queue]!.remove(id, { force })
  world.trace.say(`removed ${id}: ${removed}`)
}

async function retry(
  world: World,
  queues: readonly Queue[],
  { job, resetAttempts }: { job: number; resetAttempts: boolean },
): Promise<void> {
  const id = world.witness.idOf(job)
  const { queue } = world.witness.spec(job)
  const found = id === undefined ? undefined : await queues[queue]!.getJob(id)
  if (found === undefined) return
  must(found.queueName === QUEUES[queue], 'a job of another queue is given')
  world.witness.triesToRetry(job)
  await found.retry({ resetAttempts })
}

async function cancel(
  world: World,
  queues: readonly Queue[],
  { job, force }: { job: number; force: boolean },
): Promise<void> {
  const id = world.witness.idOf(job)
  if (id === undefined) return
  world.witness.triesToCancel(job)
  const { queue } = world.witness.spec(job)
  const cancelled = await queues[queue]!.cancel(id, 'no longer wanted', { force })
  world.trace.say(`cancelled ${id}: ${cancelled}`)
}

/** Makes or changes a schedule, ends it, or runs it now. */
async function schedule(world: World, queues: readonly Queue[], call: ScheduleCall): Promise<void> {
  const { key, queue, job, repeat } = world.plan.schedules![call.schedule]!
  if (call.kind === 'unschedule') {
    world.witness.triesToUnschedule(scheduleId(QUEUES[queue]!, key))
    await queues[queue]!.removeJobScheduler(key)
    return
  }
  world.witness.tries(job)
  if (call.kind === 'trigger') {
    await queues[queue]!.trigger(key)
    return
  }
  const { data, options } = world.witness.spec(job)
  const timing = { ...repeat, ...(call.kind === 'schedule' ? call.times : undefined) }
  await queues[queue]!.upsertJobScheduler(key, timing, { name: 'job', data, opts: options })
}
