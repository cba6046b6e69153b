/** Working without a loop: jobs are asked for one by one, and whoever asked says how they end. */
import { type Departure, type Ending, expiry, hasExpired } from '../core/lifecycle.ts'
import type { StandardSchema } from '../core/schema.ts'
import { HoldfastError } from '../error.ts'
import type { JobHold } from '../job-source.ts'
import { Job } from '../job.ts'
import { type HandLease, type Holder, claimByHand, extendByHand, settleByHand } from '../ledger/by-hand.ts'
import { endOfUnreadable, hasParts, partsInHead, readParts, recordOfGrant } from '../ledger/claim.ts'
import { reapExpired, recoverEpoch } from '../ledger/lease.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { conform, conformJob, endOfMismatch } from './conform.ts'
import { type Judgement, endOfFailure } from './judge.ts'
import { Retain } from './retain.ts'

export class ByHand {
  readonly #ledger: Ledger
  readonly #holder: Holder
  readonly #judgement: Judgement
  readonly #retain: Retain
  #recovered = false

  constructor(ledger: Ledger, holder: Holder, judgement: Judgement) {
    this.#ledger = ledger
    this.#holder = holder
    this.#judgement = judgement
    this.#retain = new Retain(ledger, (error) => judgement.error(error as Error))
  }

  /** The next job, on a lease that nobody renews; `undefined` where there is none now. */
  async next(token: string | undefined): Promise<Job | undefined> {
    await this.#endOverdue()
    for (;;) {
      const lease = await claimByHand(this.#ledger, this.#holder)
      if (lease === undefined) return undefined
      const job = await this.#jobOf(lease, token)
      if (job !== undefined) return job
    }
  }

  /** Resolves once nothing is under way any more. Leases that are held go on until they are ended or expire. */
  stop(): Promise<void> {
    return this.#retain.stop()
  }

  /** Where no loop does it: leases of holders that are gone. */
  async #endOverdue(): Promise<void> {
    const { leaseMs, maxStalledCount } = this.#holder
    const reaper = { maxStalledCount, verdictMs: leaseMs }
    if (!this.#recovered) await recoverEpoch(this.#ledger, reaper)
    this.#recovered = true
    await reapExpired(this.#ledger, reaper)
  }

  /** A job whose data cannot be read fails for good, as a worker would have it. */
  async #jobOf(lease: HandLease, token: string | undefined): Promise<Job | undefined> {
    const { grant } = lease
    if (grant.head !== undefined && hasExpired(grant.head, this.#ledger.store.now())) {
      await this.#end(lease, { kind: 'expired', failure: expiry(grant.head) })
      return undefined
    }
    const parts = hasParts(grant) ? (await readParts(this.#ledger, [grant]))[0]! : partsInHead(grant)
    if (parts.problem !== undefined) {
      await this.#end(lease, endOfUnreadable(parts.problem))
      return undefined
    }
    const record = recordOfGrant(grant, parts)
    const { schemasOf } = this.#judgement
    const schemas = schemasOf(grant.head!.name)
    const hold = this.#holdOf(lease, token, schemas?.result)
    const job = new Job({ ledger: this.#ledger, record, grant, hold, schemasOf })
    const error = schemas && (await conformJob(job, schemas.data))
    if (error === undefined) return job
    await this.#end(lease, endOfMismatch(error))
    return undefined
  }

  #holdOf(lease: HandLease, token: string | undefined, schema: StandardSchema | undefined): JobHold {
    return {
      conform: async (result) => (schema === undefined ? result : conform(schema, result, 'the result')),
      tokens: token === undefined ? [lease.grant.claim] : [token, lease.grant.claim],
      end: (ending) => this.#end(lease, ending),
      fail: async (error, job) => {
        const ending = await endOfFailure(error, lease.grant.head!, job, this.#judgement)
        return this.#end(lease, ending)
      },
      extend: (ms) => extendByHand(this.#ledger, lease, ms),
      now: () => this.#ledger.store.now(),
    }
  }

  async #end(lease: HandLease, ending: Ending): Promise<Departure> {
    const departure = await settleByHand(this.#ledger, lease, ending, this.#holder)
    this.#retain.note(departure)
    const { failedCode, failedReason = '' } = departure.head
    if (failedCode === 'CANCELLED') {
      throw new HoldfastError('CANCELLED', `job ${lease.grant.id} was cancelled: ${failedReason}`)
    }
    return departure
  }
}
