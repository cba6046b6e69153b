/** How jobs may end other than by their handlers: cancelled, expired, stalled too often, removed; and become dead letters. */
import { type Head, decodeHead } from '../../src/core/head.ts'
import { readClaimName } from '../../src/core/keys.ts'
import type { Change } from '../../src/store.ts'
import { must } from '../model/invariants.ts'
import type { BookedJob, Departed } from './booked.ts'
import { KEPT } from './jobs.ts'
import { isLetter, letterOf } from './letters.ts'
import type { Step } from './step.ts'
import type { Surroundings } from './surroundings.ts'
import type { Witness } from './witness.ts'

export class Endings {
  readonly #world: Surroundings
  readonly #witness: Witness

  constructor(world: Surroundings, witness: Witness) {
    this.#world = world
    this.#witness = witness
  }

  /** A lease ends, and nothing of the job is left under its name. */
  gone(step: Step): Departed {
    const { job, name, by, change } = step
    const lease = job!.lease!
    const letter = letterIn(change, name)
    if (letter !== undefined) return this.#toLetters(step, letter)
    if (change.hint?.some((lane) => lane.startsWith('evicted:')) === true) {
      must(
        this.#witness.mayRemove(name, true),
        `invariant 8: ${name} is removed while it runs, and nobody forced it`,
      )
      this.#world.count('running job removed by force')
      return 'removed'
    }
    const { options } = this.#witness.spec(job!.n)
    if (options.removeOnFail === true && this.#mayCancel(job!)) return 'gone'
    if (lease.by !== by) {
      // A stall that was one too many, of a job whose failures are not kept.
      must(
        options.removeOnFail === true && (job!.head.stalledCounter ?? 0) >= this.#world.options.maxStalls,
        `invariant 8: ${by} removes ${name}, which ${lease.by} runs`,
      )
      this.overdue(name, lease.claim)
      return 'stalled'
    }
    const how = this.#witness.endingOf(lease)
    must(
      how !== undefined || options.removeOnFail === true,
      `invariant 1: ${name} is gone, though its handler did not end`,
    )
    // One that returned after its time limit had failed before.
    if (how?.kind === 'returned' && !(options.removeOnFail === true && options.timeout !== undefined))
      must(options.removeOnComplete === true, `invariant 1: ${name} completed and is gone`)
    return 'gone'
  }

  /** The same end as any other, but for where it leads: never where somebody cancelled it. */
  #toLetters({ job, name, by }: Step, { origin }: Head): Departed {
    const { lease, head } = job!
    const { options } = this.#witness.spec(job!.n)
    must(options.deadLetter !== undefined, `invariant 26: ${name} has no dead letters, and is one`)
    must(origin!.code !== 'CANCELLED', `invariant 26: ${name} is cancelled, and is a dead letter`)
    this.#world.count(`dead letter: ${origin!.code}`)
    if (origin!.code === 'STALLED') {
      must(
        (head.stalledCounter ?? 0) >= this.#world.options.maxStalls,
        `invariant 11: ${name} is a dead letter after ${head.stalledCounter} stalls`,
      )
      this.overdue(name, lease!.claim)
      return 'stalled'
    }
    must(lease!.by === by, `invariant 8: ${by} ends the lease of ${lease!.by} on ${name}`)
    if (origin!.code === 'EXPIRED') this.#expired(name, head)
    else {
      const how = this.#witness.endingOf(lease!)?.kind
      const isLast = (head.attemptsMade ?? 0) + 1 >= (options.attempts ?? 1)
      must(isLast || how === 'gave up', `invariant 11: ${name} is a dead letter with tries left`)
      must(
        how === 'threw' || how === 'gave up' || options.timeout !== undefined,
        `invariant 11: ${name} is a dead letter, but its handler ${how ?? 'did not end'}`,
      )
    }
    return 'gone'
  }

  /** Whatever its handler did, and whoever ends its lease; `counted` are tries and stalls. */
  cancelledOrExpired({ job, name, to, by, head }: Step, counted: number): Departed {
    must(to === 'dead' && counted === 0, `invariant 11: ${name} is ${head!.failedCode}, and comes to ${to}`)
    if (head!.failedCode === 'EXPIRED') {
      must(job!.lease!.by === by, `invariant 8: ${by} ends the lease of ${job!.lease!.by} on ${name}`)
      this.#expired(name, job!.head)
      this.#world.count('claimed job expired')
      return 'failed'
    }
    must(this.#mayCancel(job!), `invariant 26: ${name} is cancelled, and nobody asked for it`)
    this.#world.count('running job cancelled')
    return 'cancelled'
  }

  /** One that is not being run is ended by somebody else. */
  unrun({ job, name, from, head }: Step): void {
    if (head!.failedCode === 'EXPIRED') {
      this.#expired(name, job!.head)
      return this.#world.count('waiting job expired')
    }
    must(head!.failedCode === 'CANCELLED', `invariant 10: ${name} goes from ${from} to ${head!.failedCode}`)
    must(this.#mayCancel(job!), `invariant 26: ${name} is cancelled, and nobody asked for it`)
    this.#world.count('waiting job cancelled')
  }

  /** A job that is not being run leaves its queue. */
  vanished({ job, name, from, change }: Step): void {
    if (isLetter(name)) return this.#sentBack(name, change)
    const letter = letterIn(change, name)
    if (letter !== undefined) {
      must(
        letter.origin!.code === 'EXPIRED',
        `invariant 26: ${name} is a dead letter: ${letter.origin!.code}`,
      )
      this.#expired(name, job!.head)
      return this.#world.count('dead letter: EXPIRED')
    }
    if (this.#witness.mayRemove(name, false)) return
    const { options } = this.#witness.spec(job!.n)
    if (options.removeOnFail === true && (this.#mayCancel(job!) || job!.head.expiresAt !== undefined)) return
    must(
      from === 'done' || from === 'dead',
      `invariant 1: ${name} is gone from ${from}, and nobody removed it`,
    )
    this.#world.count('finished job pruned')
    must(
      this.#world.prunesByBytes || this.#world.sizeOf(job!.lane) >= KEPT,
      `invariant 25: ${name} is pruned from ${from}, which then holds less than is kept`,
    )
  }

  /** A lease ends without its holder only under a verdict, or because its epoch is over. */
  overdue(name: string, claim: string): void {
    const epoch = this.#world.epoch()
    if (epoch !== undefined && readClaimName(claim).epoch !== epoch)
      return this.#world.count('lease of an earlier epoch ended')
    const entry = this.#world.entryOf(claim)
    must(
      entry?.lane === 'reap',
      `invariant 6: the lease of ${name} under ${claim} is ended without a verdict`,
    )
  }

  #sentBack(name: string, { set = [] }: Change): void {
    const isBack = set.some(([id]) => id.split(':').length === 2 && letterOf(id) === name)
    must(isBack, `invariant 26: the dead letter ${name} is gone, and not back in its queue`)
  }

  #expired(name: string, { expiresAt = Infinity, attemptsStarted = 0 }: Head): void {
    const early = expiresAt - this.#world.now() - this.#world.options.skewMs
    must(early <= 0, `invariant 12: ${name} expires ${early} ms early`)
    must(attemptsStarted === 0, `invariant 11: ${name} expires after it was begun`)
  }

  /** Somebody tried to cancel it, or its schedule has the next run take its place. */
  #mayCancel({ name, n }: BookedJob): boolean {
    return this.#witness.mayCancel(name) || this.#world.mayGiveWay(n)
  }
}

/** The letter that a change makes of a job. */
function letterIn({ set = [] }: Change, name: string): Head | undefined {
  const record = set.find(([id]) => id === letterOf(name))?.[1]
  return record === undefined ? undefined : decodeHead(record)
}
