/**
 * The rules of a job's life as an outsider can state them: which step from lane to lane is legal, given what producers asked
 * for, what handlers did and what time it is. Each violation names its invariant.
 */
import { type Head, RESULT, DATA } from '../../src/core/head.ts'
import { claimOfLease, groupOf, jobIdOf, readClaimName, timeOf } from '../../src/core/keys.ts'
import { isSuspect } from '../../src/core/lifecycle.ts'
import { STALL_WAIT } from '../../src/core/bounds.ts'
import { unseal } from '../../src/core/codec.ts'
import type { Change } from '../../src/store.ts'
import { must } from '../model/invariants.ts'
import type { BookedJob, Departed } from './books.ts'
import type { Entry } from './entries.ts'
import { Endings } from './endings.ts'
import type { IdsBook } from './ids-book.ts'
import { type JobSpec, isPill } from './jobs.ts'
import { isLetter, letterOf } from './letters.ts'
import type { Options } from './options.ts'
import type { Witness } from './witness.ts'

export interface Step {
  readonly by: string
  readonly job: BookedJob | undefined
  readonly name: string
  readonly from: string | undefined
  readonly to: string | undefined
  readonly key: string | undefined
  readonly head: Head | undefined
  readonly change: Change
  /** Whether the change writes the head. */
  readonly written: boolean
}

export interface Surroundings {
  readonly options: Options
  /** The one clock of the store, ms since the epoch. */
  readonly now: () => number
  readonly epoch: () => string | undefined
  /** Whether nothing that goes wrong is under way any more, and nothing did for a while. */
  readonly isCalm: () => boolean
  /** Whether an incarnation is up, and has been so throughout a lease. */
  readonly isWell: (by: string) => boolean
  readonly isUp: (by: string) => boolean
  /** Whether jobs are on lease under a claim. */
  readonly holdsLeases: (claim: string) => boolean
  readonly isPaused: (queue: string) => boolean
  readonly jobs: () => ReadonlyMap<string, BookedJob>
  /** Keys in a lane of finished jobs. */
  readonly sizeOf: (lane: string) => number
  /** Whether retention goes by bytes for some. */
  readonly prunesByBytes: boolean
  /** Whether jobs of a number are cancelled when the next is made. */
  readonly mayGiveWay: (n: number) => boolean
  readonly entryOf: (claim: string) => Entry | undefined
  readonly count: (what: string) => void
}

export class Rules {
  readonly #world: Surroundings
  readonly #witness: Witness
  readonly #endings: Endings
  readonly #ids: IdsBook

  constructor(world: Surroundings, witness: Witness, ids: IdsBook) {
    this.#ids = ids
    this.#world = world
    this.#witness = witness
    this.#endings = new Endings(world, witness)
  }

  /** What became of the lease that ends with a step, where one does. */
  step(step: Step): Departed | undefined {
    const { from, to } = step
    if (from === undefined) this.#added(step)
    else if (to === 'lease') this.#granted(step)
    else if (from === 'lease') return this.#ended(step)
    else if (to === undefined) this.#endings.vanished(step)
    else if (isLetter(step.name) && from === 'ready' && to === 'ready') this.#isOfJob(step)
    else if (isRemaking(step)) this.#ids.becomes(step, this.numberOf(step))
    else if (from === 'blocked' && to === 'due') this.#ids.comesIntoLine(step)
    else if (isPromotion(from, to)) this.#notBefore(from, step.job!.key, step.name)
    else if (isGathering(from, to)) this.#gathers(step)
    else if ((from === 'done' || from === 'dead') && (to === 'ready' || to === 'grouped')) this.#retried(step)
    else if (to === 'dead' && from !== 'done') this.#endings.unrun(step)
    else must(false, `invariant 10: ${step.name} goes from ${from} to ${to}`)
    return undefined
  }

  /** The number of a job that is being added, or that another one becomes: nothing is invented, and its data is what was given. */
  numberOf(step: Step): number {
    const { name, head, change } = step
    const text = head![DATA] ?? partIn(change, 'payload') ?? ''
    const n = this.#witness[isRemaking(step) ? 'becomes' : 'numberOf'](jobIdOf(name), text)
    must(n !== undefined, `invariant 2: nobody added ${name} with the data ${text.slice(0, 50)}`)
    return n
  }

  entryMoved(by: string, claim: string, old: Entry | undefined, entry: Entry): void {
    if (entry.lane === 'claims') {
      must(
        old === undefined || old.lane === 'claims',
        `invariant 8: ${by} takes back the verdict on ${claim}`,
      )
      must(old === undefined || old.by === by, `invariant 8: ${by} renews ${claim}, which is ${old?.by}'s`)
      must(
        old === undefined || entry.until >= old.until,
        `invariant 6: ${by} renews ${claim} to an earlier time`,
      )
      return
    }
    must(old !== undefined, `invariant 6: a verdict on ${claim}, which had no entry`)
    const now = this.#world.now()
    must(old.until < now, `invariant 6: ${by} ends ${claim} ${old.until - now} ms before its lease expires`)
    if (old.lane === 'reap') this.#world.count('verdict of a dead reaper taken over')
    // An entry may be left without leases for a while: then nothing is lost with it.
    if (this.#world.isCalm() && this.#world.isWell(old.by) && old.lane === 'claims')
      must(
        !this.#world.holdsLeases(claim),
        `invariant 29: ${old.by} is well and lost its claim ${claim} to ${by}`,
      )
  }

  /** Progress and logs are written under a lease, by its holder. */
  talked(by: string, job: BookedJob | undefined, name: string): void {
    must(job?.lease?.by === by, `invariant 8: ${by} writes progress or a log of ${name} without its lease`)
  }

  #added(step: Step): void {
    const { head, to, name, key } = step
    must(head !== undefined && NEW.has(to!), `invariant 5: ${name} comes to ${to} from nowhere`)
    const { attemptsMade, attemptsStarted, stalledCounter, generation } = head
    const counts = [attemptsMade, attemptsStarted, stalledCounter]
    must(
      counts.every((count) => count === undefined),
      `invariant 11: ${name} is new and has been counted`,
    )
    if (isLetter(name)) this.#isOfJob(step)
    else if (generation !== undefined)
      must(
        step.change.delete?.includes(letterOf(name)) === true,
        `invariant 11: ${name} comes in its generation ${generation}, and was no letter`,
      )
    if (to === 'due' || to === 'arrive')
      must(timeOf(key!) === head.runAt, `invariant 5: ${name} is due at another time than its head says`)
    if (to === 'blocked') this.#ids.follows(step, this.numberOf(step))
  }

  /** With a letter goes the job that it is made of. */
  #isOfJob({ name, change }: Step): void {
    const isMade = change.delete?.some((id) => id.split(':').length === 2 && letterOf(id) === name) === true
    must(isMade, `invariant 2: nobody's end is the dead letter ${name}`)
  }

  /** What a job is added with that others may have taken. */
  keyOf(n: number): string | undefined {
    return this.#witness.spec(n).options.idempotencyKey
  }

  #granted(step: Step): void {
    const { from, job, name, key, by } = step
    must(CLAIMABLE.has(from!), `invariant 6: ${name} is granted out of ${from}`)
    if (from === 'suspect' || from === 'penned') {
      this.#notBefore(from, job!.key, name)
      this.#world.count(from === 'suspect' ? 'suspect ran' : 'suspect of a group ran')
    }
    if (this.#world.options.trouble !== 'all') this.#alone(step)
    must(!this.#world.isPaused(job!.queue), `invariant 8: ${by} claims ${name} while the queue is paused`)
    const { epoch } = readClaimName(claimOfLease(key!))
    must(epoch === (this.#world.epoch() ?? '0'), `invariant 6: ${name} is granted under the epoch ${epoch}`)
    must(this.#witness.mayGrant(job!.queue), `invariant 8: ${name} is granted after pause() resolved`)
  }

  #gathers({ name, to }: Step): void {
    must((this.#world.options.batch?.minSize ?? 1) > 1, `invariant 10: ${name} is parked, and nobody gathers`)
    if (to === 'parked') this.#world.count('gathered for a batch')
  }

  /** One whose next stall would end it has no neighbours in its process, and gets none. */
  #alone({ job, name, by }: Step): void {
    for (const { lease, ...other } of this.#world.jobs().values()) {
      if (lease?.by !== by) continue
      const suspect = [job!, other].find(({ head }) => isSuspect(head, this.#world.options.maxStalls))
      must(suspect === undefined, `invariant 30: ${name} and ${other.name} are both on lease at ${by}`)
    }
  }

  #notBefore(lane: string, key: string, name: string): void {
    const early = dueIn(lane, key) - this.#world.now()
    must(early <= 0, `invariant 12: ${name} leaves ${early} ms before it is due`)
  }

  #ended(step: Step): Departed {
    const { job, name, to, head, by } = step
    const lease = job!.lease!
    if (to === undefined) return this.#endings.gone(step)
    const before = job!.head
    const made = (head!.attemptsMade ?? 0) - (before.attemptsMade ?? 0)
    const stalls = (head!.stalledCounter ?? 0) - (before.stalledCounter ?? 0)
    must(
      (head!.attemptsStarted ?? 0) === (before.attemptsStarted ?? 0) + 1,
      `invariant 11: ${name} ends a lease and attemptsStarted goes from ${before.attemptsStarted} to ${head!.attemptsStarted}`,
    )
    must(head!.fence > lease.fence, `invariant 7: the fence of ${name} does not rise past ${lease.fence}`)
    must(head!.generation === before.generation, `invariant 10: ${name} changes its generation in a lease`)
    if (head!.failedCode === 'CANCELLED' || head!.failedCode === 'EXPIRED')
      return this.#endings.cancelledOrExpired(step, made + stalls)
    if (stalls === 1 && made === 0) return this.#stalled(step)
    must(lease.by === by, `invariant 8: ${by} ends the lease of ${lease.by} on ${name}`)
    must(stalls === 0, `invariant 11: ${name} has ${stalls} stalls more`)
    if (made === 1) return to === 'done' ? this.#completed(step) : this.#failed(step)
    must(
      made === 0 && to !== 'done' && to !== 'dead',
      `invariant 11: ${name} goes to ${to} with ${made} attempts more`,
    )
    return 'given back'
  }

  #stalled({ job, name, to, head }: Step): Departed {
    const { maxStalls } = this.#world.options
    this.#endings.overdue(name, job!.lease!.claim)
    const stalls = head!.stalledCounter!
    if (stalls > maxStalls)
      must(
        to === 'dead' && head!.failedCode === 'STALLED',
        `invariant 11: ${name} stalled ${stalls} times and is in ${to}`,
      )
    else {
      must(
        to === placeAfterStall(head!, stalls === maxStalls, this.#world.options),
        `invariant 11: ${name} stalled ${stalls} times and is in ${to}`,
      )
      const waits = head!.runAt! - (head!.fence > job!.lease!.fence + 1 ? head!.fence : 0)
      must(waits >= STALL_WAIT, `invariant 12: ${name} waits ${waits} ms after a stall`)
    }
    const { claim, by } = job!.lease!
    this.#world.count('lease ended by a reaper')
    if (this.#witness.isRunning(claim) && this.#world.isUp(by))
      this.#world.count('lease expired while its handler ran')
    if (to === 'dead') this.#diedOfStalls(this.#witness.spec(job!.n), name)
    return 'stalled'
  }

  #diedOfStalls(spec: JobSpec, name: string): void {
    if (isPill(spec)) this.#world.count('poison pill failed')
    else if (this.#world.options.trouble !== 'all')
      must(
        spec.acts.some((act) => act.do === 'crash') || this.#world.options.maxStalls === 0,
        `invariant 30: ${name} was taken along by another job`,
      )
  }

  #completed({ job, name, head, change }: Step): Departed {
    const how = this.#witness.endingOf(job!.lease!)
    must(
      how?.kind === 'returned',
      `invariant 20: ${name} is completed, but its handler ${how?.kind ?? 'did not end'}`,
    )
    const result = head![RESULT] ?? partIn(change, 'result') ?? ''
    must(result === how.result, `invariant 18: the result of ${name} is not what its handler gave`)
    if ((head!.stalledCounter ?? 0) > 0) this.#world.count('job completed after a stall')
    return 'completed'
  }

  #failed({ job, name, to, head }: Step): Departed {
    const how = this.#witness.endingOf(job!.lease!)
    const { options } = this.#witness.spec(job!.n)
    must(
      how?.kind === 'threw' || how?.kind === 'gave up' || options.timeout !== undefined,
      `invariant 11: an attempt of ${name} failed, but its handler ${how?.kind ?? 'did not end'}`,
    )
    const last = head!.attemptsMade! >= (options.attempts ?? 1)
    const over = last || how?.kind === 'gave up'
    if (!over) must(to !== 'dead', `invariant 11: ${name} is dead with tries left`)
    if (last) must(to === 'dead', `invariant 11: ${name} has no tries left and is in ${to}`)
    if (to === 'dead') this.#world.count(`failed for good: ${head!.failedCode}`)
    return 'failed'
  }

  #retried({ job, name, head }: Step): void {
    must(this.#witness.mayRetry(name), `invariant 10: ${name} leaves ${job!.lane}, and nobody retried it`)
    must(
      (head!.generation ?? 0) === (job!.head.generation ?? 0) + 1,
      `invariant 10: ${name} is retried in its generation`,
    )
    must(
      head!.attemptsMade === undefined || head!.attemptsMade === job!.head.attemptsMade,
      `invariant 11: a retry counts attempts of ${name}`,
    )
    this.#world.count('finished job retried')
  }
}

/** From where a job is claimed. */
const CLAIMABLE: ReadonlySet<string> = new Set(['ready', 'grouped', 'suspect', 'penned'])

/** Where a job comes to be. */
const NEW: ReadonlySet<string> = new Set(['ready', 'due', 'grouped', 'arrive', 'blocked'])

/** Where it waits for its next try. */
function placeAfterStall({ key }: Head, isLast: boolean, { flow }: Options): string {
  if (groupOf(key) === undefined) return isLast ? 'suspect' : 'due'
  return isLast || flow?.group.strict === true ? 'penned' : 'arrive'
}

/** Whether a step makes another job of one that is delayed, or waits for an end. */
export const isRemaking = ({ from, to, written }: Pick<Step, 'from' | 'to' | 'written'>): boolean =>
  written && (from === 'due' || from === 'suspect' || from === 'blocked') && to !== undefined && to !== 'dead'

/** Whether a step brings a job into line whose time has come. */
const isPromotion = (from: string, to: string): boolean =>
  to === 'ready' ? from === 'due' : to === 'grouped' && (from === 'arrive' || from === 'penned')

/** Whether a step takes a job out of line, or back, that waits for others to make a batch. */
const isGathering = (from: string, to: string): boolean =>
  (from === 'ready' && to === 'parked') || (from === 'parked' && to === 'ready')

/** When a job is due, by the lane that says so and its key there. */
export const dueIn = (lane: string, key: string): number =>
  timeOf(lane === 'penned' ? key.slice(key.indexOf('/') + 1) : key)

/** A part of a job that a change writes beside its head. */
function partIn({ set = [] }: Change, kind: string): string | undefined {
  const record = set.find(([id]) => id.startsWith(`${kind}:`))?.[1]
  return record === undefined ? undefined : unseal(record)
}
