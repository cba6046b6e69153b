/**
 * Deduplication ids as the store was told of them: who has one and until when, whom additions meet, and what becomes of a job that one
 * makes of another, or that waits for another's end (invariant 13).
 */
import { decodeDeduplication, heldId } from '../../src/core/deduplication.ts'
import { groupOf, queuePartOf, timeOf } from '../../src/core/keys.ts'
import type { Change } from '../../src/store.ts'
import { must } from '../model/invariants.ts'
import type { BookedJob } from './booked.ts'
import type { Options } from './options.ts'
import type { Step } from './step.ts'
import type { Witness } from './witness.ts'

/** On the timeline, and by the clock of the store in ms since the epoch. */
export interface Moment {
  readonly at: number
  readonly time: number
}

/** A time in which a job had an id. */
interface Hold {
  readonly job: string
  /** When it lapses, ms since the epoch; `undefined`: with the job. */
  until: number | undefined
  readonly from: number
  to: number
}

interface Surroundings {
  readonly options: Options
  readonly moment: () => Moment
  readonly jobs: () => ReadonlyMap<string, BookedJob>
  readonly count: (what: string) => void
}

const laneOf = ({ lane }: BookedJob): string => lane.slice(0, lane.indexOf(':'))

/** Where a job waits that may be made another. */
const REPLACEABLE: ReadonlySet<string> = new Set(['due', 'suspect', 'blocked'])
/** Where the last of those that come meanwhile is kept. */
const FOLLOWED: ReadonlySet<string> = new Set(['lease', 'blocked'])
/** What a job keeps that is made another. */
const PAST = ['attemptsStarted', 'stalledCounter', 'generation', 'fence', 'timestamp'] as const

export class IdsBook {
  readonly #world: Surroundings
  readonly #witness: Witness
  /** By record; the last one is of now, where it has no end. */
  readonly #holds = new Map<string, Hold[]>()
  /** Jobs that were made others, with the numbers of those. */
  readonly #remade: { readonly name: string; readonly n: number; readonly at: number }[] = []
  /** Jobs that wait for the end of others, and those. */
  readonly #leaders = new Map<string, string>()

  constructor(world: Surroundings, witness: Witness) {
    this.#world = world
    this.#witness = witness
  }

  note(change: Change): void {
    for (const [id, value] of change.set ?? [])
      if (id.startsWith('dedup:')) this.#given(id, decodeDeduplication(value), change)
    for (const id of change.delete ?? []) {
      const hold = this.#holdOf(id)
      if (hold === undefined) continue
      this.#mustBeFree(id, hold, 'is forgotten')
      hold.to = this.#world.moment().at
    }
  }

  /** A unit was applied: who waits for an end waits for one that will come, and no id is left behind. */
  applied(): void {
    for (const [follower, leader] of this.#leaders)
      if (this.#jobIn(follower, 'blocked') === undefined) this.#leaders.delete(follower)
      else must(this.#lives(leader), `invariant 13: ${follower} waits for ${leader}, which has ended`)
    for (const [id, holds] of this.#holds) {
      const { job, until, to } = holds.at(-1)!
      if (to === Infinity && until === undefined)
        must(this.#lives(job), `invariant 13: ${id} is left behind by ${job}`)
    }
  }

  /** A job is added: where it has an id, that is given to it by the same change. */
  added(name: string, n: number): void {
    const { deduplication } = this.#witness.spec(n).options
    if (deduplication === undefined) return
    const id = heldId(name, deduplication)
    must(this.#holdOf(id)?.job === name, `invariant 13: ${name} is added, and ${id} is not given to it`)
  }

  /** A job is added that waits for the end of another, which had its id until then. */
  follows({ name, key }: Step, n: number): void {
    const leader = leaderIn(key!)
    must(
      this.#witness.spec(n).options.deduplication?.keepLastIfActive === true,
      `invariant 13: ${name} waits for the end of ${leader}, and was not to`,
    )
    must(
      this.#jobIn(leader, 'lease') !== undefined,
      `invariant 13: ${name} waits for ${leader}, which does not run`,
    )
    this.#leaders.set(name, leader)
    this.#world.count('running job followed')
  }

  /** It comes into line with the end of that other. */
  comesIntoLine({ name, job, head }: Step): void {
    const leader = leaderIn(job!.key)
    must(!this.#lives(leader), `invariant 13: ${name} comes into line, and ${leader} has not ended`)
    must(head === job!.head, `invariant 11: ${name} comes into line with another head`)
    this.#world.count('follower came into line')
  }

  /** A job becomes what another addition says, `n`; it keeps its id and its past. */
  becomes({ name, job, from, to, key, head }: Step, n: number): void {
    const { deduplication } = this.#witness.spec(n).options
    const id = deduplication && heldId(name, deduplication)
    must(
      id !== undefined && this.#holdOf(id)?.job === name,
      `invariant 13: ${name} becomes job ${n}, and has not its id`,
    )
    const mayBecome =
      deduplication!.replace === true || (from === 'blocked' && deduplication!.keepLastIfActive === true)
    must(mayBecome, `invariant 13: ${name} in ${from} becomes job ${n}, which nobody asked for`)
    must(groupOf(job!.head.key) === undefined, `invariant 13: ${name} of a group becomes job ${n}`)
    must(
      PAST.every((field) => head![field] === job!.head[field]) && head!.attemptsMade === undefined,
      `invariant 11: ${name} becomes job ${n}, and its past another`,
    )
    must(
      to === from || (from === 'due' && to === 'ready'),
      `invariant 10: ${name} becomes job ${n} and goes from ${from} to ${to}`,
    )
    if (to === 'due' || to === 'suspect')
      must(timeOf(key!) === head!.runAt, `invariant 5: ${name} is due at another time than its head says`)
    this.#remade.push({ name, n, at: this.#world.moment().at })
    this.#world.count(from === 'blocked' ? 'follower replaced' : 'delayed job replaced')
  }

  /** An addition that began then was answered with a job that has its id. */
  met(n: number, name: string, began: Moment): void {
    const { extend, ttl, replace, keepLastIfActive, ...deduplication } =
      this.#witness.spec(n).options.deduplication!
    const id = heldId(name, deduplication)
    must(this.#wasHeld(id, name, began), `invariant 13: job ${n} is said to be ${name}, which had not its id`)
    const isRemade = this.#remade.some((one) => one.name === name && one.n === n && one.at >= began.at)
    if (!isRemade) {
      const stayed = this.#stayedIn(name, began)
      must(
        !(replace === true && stayed !== undefined && REPLACEABLE.has(stayed)),
        `invariant 13: job ${n} was to replace ${name} in ${stayed}, and did not`,
      )
      must(
        !(keepLastIfActive === true && stayed !== undefined && FOLLOWED.has(stayed)),
        `invariant 13: job ${n} was to follow ${name} in ${stayed}, and does not`,
      )
    }
    const hold = this.#holdOf(id)
    if (extend === true && keepLastIfActive !== true && hold?.job === name && hold.until !== undefined) {
      const missing = began.time + ttl! - this.#world.options.skewMs - hold.until
      must(missing <= 0, `invariant 13: ${id} lapses ${missing} ms before it was to by job ${n}`)
    }
    this.#world.count('deduplicated by its id')
  }

  /** Who has an id was asked, then. */
  told(id: string, name: string | undefined, began: Moment): void {
    if (name !== undefined)
      must(this.#wasHeld(id, name, began), `invariant 13: ${id} is said to be of ${name}, which had it not`)
    else must(!this.#isHeldSince(id, began), `invariant 13: ${id} is said to be nobody's, and was somebody's`)
  }

  /** An id was taken away, or was nobody's. */
  taken(id: string, isTaken: boolean, began: Moment): void {
    if (isTaken) {
      const ended = (this.#holds.get(id) ?? []).some(({ to }) => to >= began.at && to < Infinity)
      must(ended, `invariant 20: ${id} is said to be taken away, and was not`)
      this.#world.count('id taken away')
    } else
      must(!this.#isHeldSince(id, began), `invariant 20: ${id} is said to be nobody's, and was somebody's`)
  }

  /** Ids that somebody has. */
  leftovers(): string[] {
    return [...this.#holds.keys()].filter((id) => this.#holdOf(id) !== undefined)
  }

  #given(id: string, { job, until }: Pick<Hold, 'job' | 'until'>, change: Change): void {
    const before = this.#holdOf(id)
    const isBorn = !this.#world.jobs().has(job) && (change.set ?? []).some(([record]) => record === job)
    if (before?.job === job && !isBorn) return this.#extended(id, before, until)
    must(isBorn, `invariant 13: ${id} is given to ${job}, which is not added`)
    if (before !== undefined) {
      if (!isFollowing(change, before.job, job)) this.#mustBeFree(id, before, `is given to ${job}`)
      before.to = this.#world.moment().at
      this.#world.count('dedup taken over')
    }
    const hold = { job, until, from: this.#world.moment().at, to: Infinity }
    this.#holds.set(id, [...(this.#holds.get(id) ?? []), hold])
  }

  /** It is the same job's, for longer. */
  #extended(id: string, hold: Hold, until: number | undefined): void {
    must(
      (until === undefined) === (hold.until === undefined) && (until ?? 0) >= (hold.until ?? 0),
      `invariant 13: ${id} of ${hold.job} was until ${hold.until}, and is until ${until}`,
    )
    if (until !== hold.until) this.#world.count('id kept for longer')
    hold.until = until
  }

  /** Nobody loses an id before its time: while its job lives, or for as long as was said, also past the end of that. */
  #mustBeFree(id: string, { job, until }: Hold, what: string): void {
    if (this.#witness.mayForget(id)) return
    if (until === undefined) return must(!this.#lives(job), `invariant 13: ${id} ${what}, and ${job} lives`)
    const left = until - this.#world.moment().time - this.#world.options.skewMs
    // Where its job is removed, or cancelled as it waits, so is its id.
    const holder = this.#world.jobs().get(job)
    const isGone = holder === undefined || holder.head.failedCode === 'CANCELLED'
    must(left <= 0 || isGone, `invariant 13: ${id} ${what} ${left} ms before its time is over`)
  }

  #holdOf(id: string): Hold | undefined {
    const last = this.#holds.get(id)?.at(-1)
    return last?.to === Infinity ? last : undefined
  }

  /** Whether a job had an id at any time since. */
  #wasHeld(id: string, name: string, began: Moment): boolean {
    const { skewMs } = this.#world.options
    return (this.#holds.get(id) ?? []).some(
      ({ job, until = Infinity, to }) => job === name && to >= began.at && until > began.time - skewMs,
    )
  }

  /** Whether one job had an id all the time since, and has it for sure. */
  #isHeldSince(id: string, began: Moment): boolean {
    const hold = this.#holdOf(id)
    if (hold === undefined || hold.from >= began.at) return false
    return (hold.until ?? Infinity) > this.#world.moment().time + this.#world.options.skewMs
  }

  /** The lane in which a job was all the time since. */
  #stayedIn(name: string, { at }: Moment): string | undefined {
    const job = this.#world.jobs().get(name)
    return job !== undefined && job.since < at ? laneOf(job) : undefined
  }

  #jobIn(name: string, lane: string): BookedJob | undefined {
    const job = this.#world.jobs().get(name)
    return job !== undefined && laneOf(job) === lane ? job : undefined
  }

  #lives(name: string): boolean {
    const job = this.#world.jobs().get(name)
    return job !== undefined && laneOf(job) !== 'done' && laneOf(job) !== 'dead'
  }
}

/** The job that another one in `blocked` waits for, by its key there. */
const leaderIn = (key: string): string => key.slice('after:'.length, key.indexOf('/'))

/** Whether a change adds a job that waits for the end of one that runs. */
const isFollowing = ({ add = [] }: Change, leader: string, follower: string): boolean =>
  add.some(
    ([lane, key]) =>
      lane === `blocked:${queuePartOf(follower)}` && leaderIn(key) === leader && key.endsWith(`/${follower}`),
  )
