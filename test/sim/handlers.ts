/** What handlers do: the acts of their job's plan, under the eyes of the witness. */
import { type Job, RateLimitError, RetryAfterError, SnoozeError, UnrecoverableError } from 'holdfast'
import { escapePart, headId } from '../../src/core/keys.ts'
import type { JobContext } from '../../src/loops/attempt.ts'
import { must } from '../model/invariants.ts'
import type { Lease } from './booked.ts'
import type { Act, JobSpec } from './jobs.ts'
import type { Process, Site } from './site.ts'
import { type HandlerEnd, checkError } from './witness.ts'
import type { World } from './world.ts'

const CRASH_RESTART_MS = 500

interface Play {
  readonly world: World
  readonly site: Site
  readonly process: Process
  readonly job: Job
  readonly context: Context
  readonly lease: Lease
  readonly spec: JobSpec
  readonly act: Act
}

/** What is known of the attempt in which a job runs. */
type Context = Pick<JobContext, 'token' | 'fence' | 'signal'>

export const handlerOn =
  (world: World, site: Site, process: Process, isBatch: boolean) =>
  (job: Job, context: JobContext): unknown => {
    if (isBatch) return runBatch(world, site, process, job, context)
    const play = world.guard(() => begin(world, site, process, job, context))
    return play === undefined ? undefined : run(play)
  }

/** Each of its jobs ends when it has done what it does, and the batch with the last. */
async function runBatch(
  world: World,
  site: Site,
  process: Process,
  first: Job,
  { signalOf }: JobContext,
): Promise<void> {
  const jobs = first.getBatch()
  if (jobs.length > 1) world.count('several in a batch')
  if (new Set(jobs.map(({ opts }) => opts.group?.id)).size > 1) world.count('several groups in a batch')
  const plays = jobs.flatMap((job) => {
    // Jobs of groups come by a claim for each group.
    const { claim: token = '' } = world.books.leaseOfFence(headId(job.queueName, job.id), job.fence) ?? {}
    const context = { token, fence: job.fence, signal: signalOf(job) }
    return world.guard(() => begin(world, site, process, job, context)) ?? []
  })
  // The slot is kept until the last of them is done, or is given up.
  const longest = Math.max(...plays.map(({ act, spec }) => longestStay(act, spec, world)))
  world.books.isBusy(
    process.machine.name,
    escapePart(first.queueName),
    world.timeline.now + longest + world.plan.options.leaseMs,
  )
  await Promise.all(
    plays.map(async (play) => {
      try {
        const result = await run(play)
        play.job.setAsCompleted(result)
      } catch (error) {
        play.job.setAsFailed(error)
      }
    }),
  )
}

function begin(world: World, site: Site, process: Process, job: Job, context: Context): Play {
  const { machine } = process
  const name = headId(job.queueName, job.id)
  const lease = world.books.leaseOf(context.token, name)
  world.trace.say(`${machine.name} runs ${name} ${context.token}`)
  must(
    lease !== undefined,
    `invariant 6: the handler of ${name} is started under ${context.token}, which has no lease`,
  )
  must(
    context.fence === lease.fence,
    `invariant 7: the handler of ${name} gets the fence ${context.fence} instead of ${lease.fence}`,
  )
  const n = (job.data as { n: number }).n
  const spec = world.witness.spec(n)
  must(JSON.stringify(job.data) === JSON.stringify(spec.data), `invariant 18: ${name} runs with other data`)
  // What a lease that is lost finds may be another's already.
  must(
    n === lease.n || lease.end !== undefined,
    `invariant 13: ${name} runs as job ${n}, and was granted as job ${lease.n}`,
  )
  const before = world.witness.begins(machine.name, n, lease)
  world.announcements.started(job, lease)
  world.bounds.began(lease)
  const act = spec.acts[Math.min(before, spec.acts.length - 1)]!
  world.books.isBusy(
    machine.name,
    escapePart(job.queueName),
    world.timeline.now + longestStay(act, spec, world),
  )
  return { world, site, process, job, context, lease, spec, act }
}

/** Milliseconds for which a handler may keep its slot: one that is deaf to its time limit for a lease more. */
function longestStay(
  { do: what, ms }: Act,
  { options: { timeout = Infinity } }: JobSpec,
  world: World,
): number {
  return Math.min(what === 'hang' ? Infinity : ms + 1000, timeout + world.plan.options.leaseMs)
}

/** At once where there is nothing to wait for: handlers need not be async. */
function run(play: Play): unknown {
  const { act } = play
  if (act.ms === 0 && !act.talks && act.do !== 'hang') return finish(play)
  return runSlowly(play)
}

async function runSlowly(play: Play): Promise<unknown> {
  const { act, process, context } = play
  const { machine } = process
  const aborted = act.heeds ? abortOf(context) : new Promise<never>(() => {})
  if (act.talks) await Promise.race([talk(play), aborted]).catch((error: unknown) => stopTalking(play, error))
  try {
    if (act.do === 'hang') await aborted
    await Promise.race([machine.sleep(act.ms), aborted])
  } catch (error) {
    end(play, { kind: 'threw' })
    throw error
  }
  return finish(play)
}

function finish(play: Play): unknown {
  const { act, spec, site, world, job, lease } = play
  switch (act.do) {
    case 'return': {
      const result = spec.result === 0 ? undefined : 'r'.repeat(spec.result)
      end(play, { kind: 'returned', result: result === undefined ? '' : `j${JSON.stringify(result)}` })
      return result
    }
    case 'give up':
      end(play, { kind: 'gave up' })
      throw new UnrecoverableError('never')
    case 'snooze':
      end(play, { kind: 'snoozed' })
      throw new SnoozeError(act.wait)
    case 'hold off':
      end(play, { kind: 'snoozed' })
      throw new RateLimitError(Math.max(1, Math.min(act.wait, 5000)))
    case 'retry after':
      end(play, { kind: 'threw' })
      throw new RetryAfterError('later', act.wait)
    case 'crash':
      end(play, { kind: 'crashed' })
      if (lease.end === undefined)
        world.guard(() =>
          world.witness.crashes(spec.n, world.lifeOf(lease.name), world.plan.options.maxStalls),
        )
      site.kill('crash by a job', CRASH_RESTART_MS)
      return new Promise(() => {})
    default:
      end(play, { kind: 'threw' })
      throw new Error(`try ${job.attemptsMade + 1} failed`)
  }
}

function end({ world, process, lease }: Play, how: HandlerEnd): void {
  world.trace.say(`${process.machine.name} ran ${lease.name} ${how.kind}`)
  world.guard(() => world.witness.ends(lease, how))
}

/** Says what it does; once its lease is lost that is refused. */
async function talk({ world, job, process, lease }: Play): Promise<void> {
  for (const percent of [30, 60]) {
    await job.updateProgress({ percent, under: lease.claim })
    world.guard(() => {
      const seen = world.books.progress.get(lease.name)
      const written = [...(seen ?? [])].some((text) =>
        text.includes(`"percent":${percent},"under":"${lease.claim}"`),
      )
      must(written, `invariant 20: progress of ${lease.name} resolved and is not written`)
    })
    await job.log(`at ${percent}`)
    await process.machine.sleep(10)
  }
}

/** A handler does not fail because it could not say something. */
function stopTalking({ world, lease }: Play, error: unknown): void {
  world.guard(() => checkError(error, `progress of ${lease.name}`))
}

const abortOf = ({ signal }: Context): Promise<never> =>
  new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason as Error)
    else signal.addEventListener('abort', () => reject(signal.reason as Error))
  })
