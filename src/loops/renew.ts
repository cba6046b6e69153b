/**
 * Keeping the leases of a worker alive: one entry per claim, moved to a later time before it expires. A claim whose entry is
 * gone was taken by a reaper: its jobs are lost, at that moment.
 */
import { claimsKey } from '../core/keys.ts'
import { HoldfastError } from '../error.ts'
import type { Grant } from '../ledger/claim.ts'
import { type Block, commitBlocks } from '../ledger/commit.ts'
import { planRenewal, planRetirement } from '../ledger/lease.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Change } from '../store.ts'
import { Alarm } from './alarm.ts'

/** Claim call of this worker that still has leases, or whose entry is still to be removed. */
export interface HeldClaim {
  readonly name: string
  /** Until when its leases live, as its entry says. */
  until: number
  /** Where answers of renewals were lost: the other times its entry may say. */
  perhaps: readonly number[]
  readonly leases: Set<Grant>
}

/** Milliseconds after which a renewal that failed is tried again. */
const RETRY_MS = 500

interface RenewalReports {
  /** A reaper was faster. */
  readonly lost: (claim: HeldClaim) => void
  /** A round of renewals is over. */
  readonly renewed: () => void
  readonly error: (error: unknown) => void
}

export class Renewal {
  readonly #ledger: Ledger
  readonly #leaseMs: number
  readonly #renewMs: number
  readonly #report: RenewalReports
  readonly #claims = new Map<string, HeldClaim>()
  /** Claims without leases whose entries are still to be removed. */
  readonly #empty = new Set<HeldClaim>()
  readonly #alarm: Alarm
  #renewing = false
  /** A claim was due while a renewal was under way. */
  #rang = false
  #stopped = false

  constructor(
    ledger: Ledger,
    { leaseMs, renewMs }: { leaseMs: number; renewMs: number },
    report: RenewalReports,
  ) {
    this.#ledger = ledger
    this.#leaseMs = leaseMs
    this.#renewMs = renewMs
    this.#report = report
    this.#alarm = new Alarm(ledger.store, () => void this.#renew())
  }

  /** Begins to keep a claim's leases. */
  hold(name: string, until: number, grants: readonly Grant[]): void {
    this.#claims.set(name, { name, until, perhaps: [], leases: new Set(grants) })
    if (!this.#stopped) this.#alarm.set(until - this.#leaseMs + this.#renewMs)
  }

  claimOf({ claim }: Grant): HeldClaim | undefined {
    return this.#claims.get(claim)
  }

  /** The answer, or the data, came when the lease had run out: others may be running the job by now. */
  isOver(grant: Grant): boolean {
    const claim = this.claimOf(grant)
    return claim === undefined || this.#ledger.store.now() > claim.until
  }

  /** A lease ended. With the last one of a claim its entry is to go, unless it went in the same unit. */
  end(grant: Grant, entryRemoved = false): void {
    const claim = this.#claims.get(grant.claim)
    if (claim === undefined) return
    claim.leases.delete(grant)
    if (claim.leases.size > 0) return
    this.#claims.delete(claim.name)
    if (!entryRemoved) this.#empty.add(claim)
    if (this.#claims.size === 0) this.#alarm.clear()
  }

  /** Blocks that remove the entries of claims without leases; an entry that is not there any more is no matter. */
  takeRetirements(): Block[] {
    const blocks = [...this.#empty].flatMap(({ name, until, perhaps }) =>
      [until, ...perhaps].map((at) => planRetirement(this.#ledger, name, at)),
    )
    this.#empty.clear()
    return blocks
  }

  stop(): void {
    this.#stopped = true
    this.#alarm.clear()
  }

  /** One at a time: a second would look for entries where the first found them, and take its own claims for lost. */
  async #renew(): Promise<void> {
    if (this.#renewing) {
      this.#rang = true
      return
    }
    this.#renewing = true
    const { store } = this.#ledger
    const claims = [...this.#claims.values()]
    const until = store.now() + this.#leaseMs
    const answers = await commitBlocks(
      store,
      claims.map((claim) => this.#plan(claim, until)),
    )
    // From when it was sent: an answer that took long leaves that much less of the lease.
    let next = until - this.#leaseMs + this.#renewMs
    claims.forEach((claim, at) => {
      const answer = answers[at]!
      if (answer instanceof HoldfastError) {
        next = Math.min(next, store.now() + RETRY_MS)
        this.#failed(claim, until, answer)
      } else if (answer.some((result) => result !== false)) {
        claim.until = until
        claim.perhaps = []
      } else if (claim.leases.size > 0) {
        this.#lose(claim)
      }
    })
    this.#renewing = false
    if (!this.#stopped) this.#report.renewed()
    if (this.#claims.size > 0 && !this.#stopped) this.#alarm.set(this.#rang ? store.now() : next)
    this.#rang = false
  }

  /** One candidate per time the entry may say; at most one applies. */
  #plan({ name, until, perhaps }: HeldClaim, later: number): Block {
    if (perhaps.length === 0) return planRenewal(this.#ledger, name, until, later)
    const lane = this.#ledger.lanes.claims
    return [until, ...perhaps].map(
      (at): Change =>
        at === later
          ? { expect: { present: [[lane, claimsKey(at, name)]] } }
          : planRenewal(this.#ledger, name, at, later)[0]!,
    )
  }

  /** A lease that could not be renewed in time may be someone else's by now, whatever the store would say. */
  #failed(claim: HeldClaim, tried: number, error: HoldfastError): void {
    if (error.outcome === 'unknown') claim.perhaps = [...claim.perhaps, tried]
    this.#report.error(error)
    if (this.#ledger.store.now() > claim.until && claim.leases.size > 0) this.#lose(claim)
  }

  /**
   * Lets go of a claim whole. Its entry may still be there: it is left to expire with the leases that are, and no other end of
   * a lease of this claim may take it along.
   */
  #lose(claim: HeldClaim): void {
    this.#claims.delete(claim.name)
    this.#report.lost(claim)
  }
}
