/** Where faults come from: drawn call by call from the seed, or the fixed list of a plan that is being shrunk. */
import type { Change } from '../../src/store.ts'
import type { Happened } from '../faults/fault-store.ts'
import type { Fault, FaultPlan, HintFault, LookFault } from '../faults/plan.ts'
import { settles } from '../faults/units.ts'
import { nameOf } from '../../src/core/evaluate.ts'
import { claimOfLease } from '../../src/core/keys.ts'
import type { Books } from './books.ts'
import { Chance } from './chance.ts'
import type { Crash, Plan, SiteFault } from './plan.ts'

/** No fault takes longer. */
export const LONGEST_FAULT_MS = 20_000

type CommitCrash = Extract<Crash, { incarnation: string }>

export class FaultSource {
  /** Every fault that was drawn or taken, as a list that brings just the same. */
  readonly taken: SiteFault[] = []
  lastDeath: CommitCrash | undefined
  readonly #plan: Plan
  readonly #books: Books
  readonly #count: (what: string) => void
  /** Settles that are to arrive late, by incarnation and call. */
  readonly #ghosts = new Map<string, readonly Change[]>()

  constructor(plan: Plan, count: (what: string) => void, books: Books) {
    this.#plan = plan
    this.#count = count
    this.#books = books
  }

  planFor(incarnation: string): FaultPlan {
    return {
      commits: (call, changes) => this.#commitFault(incarnation, call, changes),
      looks: (call) => this.#lookFault(incarnation, call),
      hints: (hint) => this.#hintFault(incarnation, hint),
    }
  }

  /** What is left to go wrong when all is well again. */
  healed(): FaultPlan {
    return this.#plan.options.deaf ? { hints: 'drop' } : {}
  }

  deathAt(incarnation: string, commit: number): CommitCrash | undefined {
    const death = this.#plan.crashes.find(
      (crash): crash is CommitCrash =>
        'incarnation' in crash && crash.incarnation === incarnation && crash.commit === commit,
    )
    if (death !== undefined) this.lastDeath = death
    return death
  }

  /** Counts what came of a fault. */
  happened(incarnation: string, { kind, call, effect }: Happened): void {
    this.#count('faults')
    this.#count(effect)
    const ghost = kind === 'ghost' ? this.#ghosts.get(`${incarnation} ${call}`) : undefined
    if (ghost !== undefined && this.#grantedAgain(ghost)) this.#count('ghost after another grant')
  }

  /** Whether a job whose settle arrives only now has had another lease since. */
  #grantedAgain(changes: readonly Change[]): boolean {
    const leases = changes.flatMap(({ remove = [] }) => remove.filter(([lane]) => lane.startsWith('lease:')))
    return leases.some(([, key]) => {
      const job = this.#books.jobs.get(nameOf(key))
      const lease = this.#books.leaseOf(claimOfLease(key), nameOf(key))
      return job !== undefined && lease !== undefined && job.fence > lease.fence
    })
  }

  #commitFault(
    incarnation: string,
    call: number,
    changes: readonly Change[],
  ): Omit<Fault, 'call'> | undefined {
    const fixed = this.#fixed(incarnation, 'commit', call)
    const fault =
      this.#plan.faults === undefined ? this.#drawCommit(incarnation, call) : (fixed as Fault | undefined)
    if (fault === undefined) return undefined
    this.taken.push({ ...fault, call, of: 'commit', incarnation })
    if (fault.kind === 'ghost' && settles(changes)) this.#ghosts.set(`${incarnation} ${call}`, changes)
    return fault
  }

  #lookFault(incarnation: string, call: number): Omit<LookFault, 'call'> | undefined {
    const fixed = this.#fixed(incarnation, 'look', call)
    const fault =
      this.#plan.faults === undefined ? this.#drawLook(incarnation, call) : (fixed as LookFault | undefined)
    if (fault !== undefined) this.taken.push({ ...fault, call, of: 'look', incarnation })
    return fault
  }

  #fixed(incarnation: string, of: SiteFault['of'], call: number): SiteFault | undefined {
    return this.#plan.faults?.find(
      (fault) => fault.incarnation === incarnation && fault.of === of && fault.call === call,
    )
  }

  #drawCommit(incarnation: string, call: number): Omit<Fault, 'call'> | undefined {
    const { seed, options } = this.#plan
    if (options.faultRate === 0) return undefined
    const chance = new Chance(seed, incarnation, 'commit', call)
    if (!chance.maybe(options.faultRate)) return undefined
    const kind = chance.of(options.faultKinds)
    // A unit that comes a second time later is no store's: it may only come twice at once, or not at all.
    return { kind, ms: kind === 'double' ? undefined : this.#wait(chance) }
  }

  #drawLook(incarnation: string, call: number): Omit<LookFault, 'call'> | undefined {
    const { seed, options } = this.#plan
    if (options.lookFaultRate === 0) return undefined
    const chance = new Chance(seed, incarnation, 'look', call)
    if (!chance.maybe(options.lookFaultRate)) return undefined
    return { kind: chance.of(['fail', 'fail', 'delay', 'hang'] as const), ms: this.#wait(chance) }
  }

  #wait(chance: Chance): number {
    const { leaseMs } = this.#plan.options
    return Math.min(
      LONGEST_FAULT_MS,
      Math.max(1, Math.round(chance.of([1, leaseMs / 4, leaseMs, leaseMs * 3, 6000]) * chance.next())),
    )
  }

  #hintFault(incarnation: string, hint: number): HintFault | undefined {
    const { seed, options } = this.#plan
    if (options.hintsLost === 0 && options.hintsNoisy === 0) return undefined
    const chance = new Chance(seed, incarnation, 'hint', hint)
    if (chance.maybe(options.hintsLost)) return 'drop'
    if (!chance.maybe(options.hintsNoisy)) return undefined
    return chance.of(['double', 'storm'] as const)
  }
}
