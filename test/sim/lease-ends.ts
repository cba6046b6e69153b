/** How a lease may end: as its handler did, by a stall, or given back; and what the job's counters then say. */
import { STALL_WAIT } from '../../src/core/bounds.ts'
import { type Head, RESULT } from '../../src/core/head.ts'
import { groupOf } from '../../src/core/keys.ts'
import { must } from '../model/invariants.ts'
import type { Departed } from './booked.ts'
import type { Endings } from './endings.ts'
import { type JobSpec, isPill } from './jobs.ts'
import type { Options } from './options.ts'
import { type Step, partIn } from './step.ts'
import type { Surroundings } from './surroundings.ts'
import type { Witness } from './witness.ts'

export class LeaseEnds {
  readonly #world: Surroundings
  readonly #witness: Witness
  readonly #endings: Endings

  constructor(world: Surroundings, witness: Witness, endings: Endings) {
    this.#world = world
    this.#witness = witness
    this.#endings = endings
  }

  /** What became of the lease that ends with a step. */
  of(step: Step): Departed {
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
}

/** Where it waits for its next try. */
function placeAfterStall({ key }: Head, isLast: boolean, { flow }: Options): string {
  if (groupOf(key) === undefined) return isLast ? 'suspect' : 'due'
  return isLast || flow?.group.strict === true ? 'penned' : 'arrive'
}
