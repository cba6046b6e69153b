/**
 * The rules of a job's life as an outsider can state them: which step from lane to lane is legal, given what producers asked
 * for, what handlers did and what time it is. Each violation names its invariant.
 */
import { DATA } from '../../src/core/head.ts'
import { claimOfLease, jobIdOf, readClaimName, timeOf } from '../../src/core/keys.ts'
import { isSuspect } from '../../src/core/lifecycle.ts'
import { must } from '../model/invariants.ts'
import type { BookedJob, Departed } from './booked.ts'
import { Endings } from './endings.ts'
import type { Entry } from './entries.ts'
import type { IdsBook } from './ids-book.ts'
import { LeaseEnds } from './lease-ends.ts'
import { isLetter, letterOf } from './letters.ts'
import { type Step, isGathering, isPromotion, isRemaking, partIn } from './step.ts'
import type { Surroundings } from './surroundings.ts'
import type { Witness } from './witness.ts'

export class Rules {
  readonly #world: Surroundings
  readonly #witness: Witness
  readonly #endings: Endings
  readonly #leaseEnds: LeaseEnds
  readonly #ids: IdsBook

  constructor(world: Surroundings, witness: Witness, ids: IdsBook) {
    this.#ids = ids
    this.#world = world
    this.#witness = witness
    this.#endings = new Endings(world, witness)
    this.#leaseEnds = new LeaseEnds(world, witness, this.#endings)
  }

  /** What became of the lease that ends with a step, where one does. */
  step(step: Step): Departed | undefined {
    const { from, to } = step
    if (from === undefined) this.#added(step)
    else if (to === 'lease') this.#granted(step)
    else if (from === 'lease') return this.#leaseEnds.of(step)
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

/** When a job is due, by the lane that says so and its key there. */
export const dueIn = (lane: string, key: string): number =>
  timeOf(lane === 'penned' ? key.slice(key.indexOf('/') + 1) : key)
