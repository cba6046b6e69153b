/**
 * Endings on their way into the store: those that gathered since the last cycle become blocks; applied ones are announced,
 * refused ones looked into, rejected ones sent again. An ending leaves this place only with the store's word.
 */
import { UNIT_BYTES, UNIT_OPERATIONS } from '../core/bounds.ts'
import type { Circumstances, Ending } from '../core/lifecycle.ts'
import { HoldfastError } from '../error.ts'
import type { Job } from '../job.ts'
import type { Grant } from '../ledger/claim.ts'
import { type Answer, type Block, asHoldfastError, sizeOf } from '../ledger/commit.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { planPark, planSetAside } from '../ledger/set-aside.ts'
import {
  type Prepared,
  type SettlePlan,
  joinSettles,
  judgeRefusal,
  mayNeedMaterial,
  planSettle,
  prepareSettles,
} from '../ledger/settle.ts'
import type { Depth } from '../ledger/depart.ts'
import type { Attempt } from './attempt.ts'
import type { Renewal } from './renew.ts'

/** A lease that is to end: as its attempt ended, set aside because its head cannot be read, or parked for want of room. */
export interface Ended {
  readonly grant: Grant
  /** Absent where the job never ran. */
  readonly attempt: Attempt | undefined
  /** Where there is no attempt but a job to speak of. */
  readonly job?: Job | undefined
  ending: Ending | 'set aside' | 'parked'
  /** What had to be read before, and the head record it was read for. */
  prepared?: (Prepared & { readonly raw: string | undefined }) | undefined
  /** As it was sent when its answer was lost. It may have been applied, so it is sent again just so: then the store shows which. */
  unanswered?: Planned | undefined
}

export interface SettlingReports {
  /** The store has it: `plan` says what became of the job, absent where it was set aside or parked. */
  readonly settled: (ended: Ended, plan: SettlePlan | undefined) => void
  /** With it a queue of dead letters got more than its option asks for. */
  readonly passed: (depth: Depth) => void
  /** The lease was taken; nothing happened. */
  readonly lost: (ended: Ended) => void
  /** Lanes whose watchers wait for leases to end. */
  readonly told: () => readonly string[] | undefined
  /** Groups wait for those of their jobs that are to be tried again. */
  readonly strict: boolean
}

interface Planned {
  readonly ended: Ended
  readonly plan: SettlePlan | undefined
  readonly changes: Block
}

/** A block and what of it belongs to which ending. */
interface Group {
  readonly block: Block
  readonly planned: readonly Planned[]
  /** Whether the claim's entry goes with it, as its last change. */
  readonly removesEntry: boolean
}

/** Ends that are prepared at once, each with up to half a megabyte. */
const PREPARED_JOBS = 50

/** A job that is to be parked and was cancelled meanwhile is given back, and ends. */
const endingOf = (ending: Ended['ending']): Ending =>
  typeof ending === 'string' ? { kind: 'released' } : ending

/** What was sent before is sent again as it was; and a job that never ran has no end to prepare. */
const isUnprepared = ({ grant, ending, unanswered, prepared }: Ended): boolean =>
  unanswered === undefined &&
  typeof ending !== 'string' &&
  mayNeedMaterial(grant) &&
  (prepared === undefined || prepared.raw !== grant.raw)

export class Settling {
  readonly #ledger: Ledger
  readonly #renewal: Renewal
  readonly #maxStalledCount: number
  readonly #reports: SettlingReports
  #gathered: Ended[] = []
  #sent = 0

  constructor(ledger: Ledger, renewal: Renewal, maxStalledCount: number, reports: SettlingReports) {
    this.#ledger = ledger
    this.#renewal = renewal
    this.#maxStalledCount = maxStalledCount
    this.#reports = reports
  }

  /** Endings that no cycle has taken yet. */
  get gathered(): number {
    return this.#gathered.length
  }

  /** Endings the store does not have yet. */
  get open(): number {
    return this.#gathered.length + this.#sent
  }

  add(ended: Ended): void {
    this.#gathered.push(ended)
  }

  /** Whether some of the gathered ends need to know more than their heads say; those of plain jobs do not. */
  get mustPrepare(): boolean {
    return this.#gathered.some(isUnprepared)
  }

  /** Reads what they need to know. */
  async prepare(): Promise<void> {
    const asking = this.#gathered.filter(isUnprepared).slice(0, PREPARED_JOBS)
    const ends = asking.map(({ grant, ending }) => ({
      grant,
      ending: endingOf(ending),
      at: this.#circumstances(),
    }))
    const raws = asking.map(({ grant }) => grant.raw)
    const prepared = await prepareSettles(this.#ledger, ends)
    asking.forEach((ended, at) => (ended.prepared = { ...prepared[at]!, raw: raws[at] }))
  }

  /** Everything that gathered and needs no more preparation, as groups to commit; each is to be answered. */
  take(): Group[] {
    const all = this.#gathered
    const mustWait = all.some(isUnprepared)
    const gathered = mustWait ? all.filter((ended) => !isUnprepared(ended)) : all
    this.#gathered = mustWait ? all.filter(isUnprepared) : []
    this.#sent += gathered.length
    const byClaim = new Map<string, Planned[]>()
    for (const ended of gathered) {
      const planned = this.#plan(ended)
      const others = byClaim.get(ended.grant.claim)
      if (others === undefined) byClaim.set(ended.grant.claim, [planned])
      else others.push(planned)
    }
    const groups: Group[] = []
    for (const planned of byClaim.values()) groups.push(...this.#group(planned))
    return groups
  }

  /** Rejects where what was refused could not be looked into. */
  async answered(groups: readonly Group[], answers: readonly Answer[]): Promise<void> {
    const refused: Planned[] = []
    for (const [at, { planned, removesEntry }] of groups.entries()) {
      const answer = answers[at]!
      let index = 0
      for (const one of planned) {
        this.#sent--
        if (answer instanceof HoldfastError) this.#rejected(one, answer)
        else if (answer[index] === false) refused.push(one)
        else {
          this.#applied(one, removesEntry && answer.at(-1) !== false)
          const { depth } = one.plan ?? {}
          if (depth !== undefined && answer[index + 1] !== false) this.#reports.passed(depth)
        }
        index += one.changes.length
      }
    }
    if (refused.length > 0) await this.#judge(refused)
  }

  #plan(ended: Ended): Planned {
    const { grant, ending, unanswered } = ended
    if (unanswered !== undefined) return unanswered
    if (ending === 'set aside' || grant.head === undefined) {
      return { ended, plan: undefined, changes: planSetAside(this.#ledger, grant) }
    }
    if (ending === 'parked' && grant.head.cancelled === undefined) {
      return { ended, plan: undefined, changes: planPark(this.#ledger, grant, this.#reports.told()) }
    }
    const { at = this.#circumstances(), material } = ended.prepared ?? {}
    const manner = { hint: this.#reports.told(), strict: this.#reports.strict }
    const plan = planSettle(this.#ledger, grant, endingOf(ending), at, manner, material)
    return { ended, plan, changes: plan.changes }
  }

  #circumstances(): Circumstances {
    const { store } = this.#ledger
    return { now: store.now(), random: store.host.random(), maxStalledCount: this.#maxStalledCount }
  }

  /** One block with the claim's entry, where these are all the leases it has and they fit into a unit; else a block each. */
  #group(planned: readonly Planned[]): Group[] {
    const changes = planned.map((one) => one.changes)
    const claim = this.#renewal.claimOf(planned[0]!.ended.grant)
    if (claim !== undefined && claim.leases.size === planned.length && claim.perhaps.length === 0) {
      const block = joinSettles(this.#ledger, changes, { claim: claim.name, until: claim.until })
      const { operations, bytes } = sizeOf(block)
      if (operations <= UNIT_OPERATIONS && bytes <= UNIT_BYTES)
        return [{ block, planned, removesEntry: true }]
    }
    return planned.map((one) => ({ block: one.changes, planned: [one], removesEntry: false }))
  }

  #applied({ ended, plan }: Planned, entryRemoved: boolean): void {
    this.#renewal.end(ended.grant, entryRemoved)
    this.#reports.settled(ended, plan)
  }

  #rejected(planned: Planned, error: HoldfastError): void {
    const { ended } = planned
    if (error.outcome === 'unknown') ended.unanswered = planned
    if (
      error.code === 'UNIT_INVALID' &&
      typeof ended.ending === 'object' &&
      ended.ending.kind === 'completed'
    ) {
      // No unit can hold this result, so no second try would help.
      ended.prepared = undefined
      ended.ending = {
        kind: 'failed',
        final: true,
        code: 'UNRECOVERABLE',
        failure: { message: error.message },
      }
    }
    this.#gathered.push(ended)
  }

  async #judge(refused: readonly Planned[]): Promise<void> {
    let failed: HoldfastError | undefined
    for (const one of refused) {
      try {
        await this.#judgeOne(one)
      } catch (error) {
        // It will be asked again with the next cycle.
        this.#gathered.push(one.ended)
        failed = asHoldfastError(error)
      }
    }
    if (failed !== undefined) throw failed
  }

  async #judgeOne(one: Planned): Promise<void> {
    const { ended, plan } = one
    const { grant, unanswered } = ended
    const intended = plan === undefined ? grant.raw : plan.raw
    const verdict = await judgeRefusal(this.#ledger, grant, intended, unanswered !== undefined)
    if (verdict === 'again') {
      ended.unanswered = undefined
      ended.prepared = undefined
      this.#gathered.push(ended)
    } else if (verdict === 'applied') this.#applied(one, false)
    else {
      this.#renewal.end(grant)
      this.#reports.lost(ended)
    }
  }
}
