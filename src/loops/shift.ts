/**
 * A worker at work: its slots, the attempts in them, and the loops beside the work cycle. It turns what happens into reports
 * and knows nothing of listeners.
 */
import pLimit, { type LimitFunction } from 'p-limit'
import { expiry, hasExpired } from '../core/lifecycle.ts'
import { HoldfastError } from '../error.ts'
import type { Job } from '../job.ts'
import {
  type Grant,
  type GrantedParts,
  endOfUnreadable,
  hasParts,
  partsInHead,
  readParts,
} from '../ledger/claim.ts'
import { asHoldfastError } from '../ledger/commit.ts'
import type { Stalled } from '../ledger/lease.ts'
import { endOfCrowded, takeBack } from '../ledger/set-aside.ts'
import { Attempt, type AttemptOptions } from './attempt.ts'
import { rulesOf } from './judge.ts'
import { Arrive } from './arrive.ts'
import { Bulks } from './bulks.ts'
import { Lapse } from './lapse.ts'
import { PresenceLoop } from './presence.ts'
import { Reap } from './reap.ts'
import { type HeldClaim, Renewal } from './renew.ts'
import { Expire } from './expire.ts'
import { LeaseCheck } from './lease-check.ts'
import { Moment } from './moment.ts'
import { Names } from './names.ts'
import { Outcomes, type ShiftReports } from './outcomes.ts'
import { Retain } from './retain.ts'
import { type Ended, Settling } from './settling.ts'
import type { ShiftOptions } from './shift-options.ts'
import { Tick } from './tick.ts'
import { Work } from './work.ts'

/** Milliseconds before jobs whose data could not be read are claimed again. */
const READ_RETRY_MS = 1000

export class Shift {
  readonly #options: ShiftOptions
  readonly #reports: ShiftReports
  readonly #limit: LimitFunction
  readonly #renewal: Renewal
  readonly #leaseCheck: LeaseCheck
  readonly #settling: Settling
  readonly #retain: Retain
  readonly #beside: readonly { start(): void; stop(): Promise<void> }[]
  readonly #names: Names
  readonly #outcomes: Outcomes
  readonly #work: Work
  readonly #attemptOptions: AttemptOptions
  /** By lease key, from the grant to the end of the handler. */
  readonly #attempts = new Map<string, Attempt>()
  /** Slots taken, from the grant on. */
  #busy = 0
  /** Handlers are started no more. */
  #released = false
  /** A slot got free, or an ending was stored. */
  readonly #changes = new Moment()

  constructor(options: ShiftOptions, reports: ShiftReports) {
    const { ledger, leaseMs, renewMs, maxStalledCount, worker, limiter, group } = options
    const { strict = false } = group
    ;[this.#options, this.#reports] = [options, reports]
    this.#limit = pLimit(options.concurrency)
    this.#names = new Names(ledger, options.perName)
    const error = (thrown: unknown): void => this.#error(thrown)
    this.#attemptOptions = {
      host: ledger.store.host,
      now: () => ledger.store.now(),
      ...rulesOf(options),
      patienceMs: leaseMs,
      ended: (attempt, ending) => {
        this.#settling.add({ grant: attempt.grant, attempt, ending })
        this.#work.wake()
      },
      freed: (attempt) => {
        this.#names.free(attempt.job.name)
        this.#freed(attempt.grant)
      },
      error,
    }
    this.#leaseCheck = new LeaseCheck(ledger, () => this.#attempts.values(), {
      lost: (attempt) => this.#loseOne(attempt, false),
      error,
    })
    this.#renewal = new Renewal(
      ledger,
      { leaseMs, renewMs },
      { lost: (claim) => this.#lose(claim), renewed: () => void this.#leaseCheck.look(), error },
    )
    this.#settling = new Settling(ledger, this.#renewal, maxStalledCount, {
      settled: (ended, plan) => {
        this.#changes.come()
        this.#outcomes.settled(ended, plan)
      },
      passed: reports.passed,
      lost: ({ attempt }) => {
        this.#changes.come()
        if (attempt !== undefined) reports.lockLost(attempt.job)
      },
      told: () => this.#work.toldOfRoom,
      strict,
    })
    this.#retain = new Retain(ledger, error)
    const reaper = { maxStalledCount, verdictMs: leaseMs, strict }
    this.#beside = [
      new Reap(ledger, reaper, { stalled: (ends) => this.#stalled(ends), error }),
      ...[Bulks, Lapse, Arrive].map((Loop) => new Loop(ledger, error)),
      new Expire(ledger, { expired: (one) => this.#outcomes.expired(one), error }),
      new Tick(ledger, options.almanac, error),
      new PresenceLoop(ledger, { ...options.introduction, worker, concurrency: options.concurrency }),
    ]
    this.#outcomes = new Outcomes(ledger, this.#retain, options.schemasOf, reports)
    this.#work = new Work({
      ...{ ledger, limiter, group },
      maxStalledCount,
      leaseMs,
      worker,
      renewal: this.#renewal,
      settling: this.#settling,
      names: this.#names,
      slots: () => ({ all: this.#limit.concurrency, busy: this.#busy }),
      start: (grants) => this.#start(grants),
      giveBack: (grants) => this.#giveBack(grants),
      drained: () => {
        reports.drained()
        this.#retain.idle()
      },
      error,
      storeClosed: () => this.#storeClosed(),
    })
  }

  get concurrency(): number {
    return this.#limit.concurrency
  }

  set concurrency(concurrency: number) {
    this.#limit.concurrency = concurrency
    this.#work.wake()
  }

  begin(): void {
    for (const loop of this.#beside) loop.start()
    this.#leaseCheck.start()
    takeBack(this.#options.ledger).catch((error: unknown) => this.#error(error))
    this.#retain.begin()
    this.#work.startClaiming()
  }

  startClaiming(): void {
    this.#work.startClaiming()
  }

  stopClaiming(): void {
    this.#work.stopClaiming()
  }

  /** Resolves when no handler is running. */
  async handlersDone(): Promise<void> {
    await this.#work.quiet()
    while (this.#busy > 0) await this.#changes.next()
  }

  /** Tells all handlers to stop, as the worker closes. */
  interrupt(): void {
    this.#released = true
    const error = new HoldfastError('CLOSING', 'the worker is closing and its timeout has passed')
    for (const attempt of this.#attempts.values()) attempt.interrupt(error)
  }

  /** Gives back what is still running; no attempt is burnt. */
  release(): void {
    this.#released = true
    for (const attempt of [...this.#attempts.values()]) attempt.release()
    this.#work.wake()
  }

  /** Resolves when the store has every ending. */
  async flushed(): Promise<void> {
    this.#work.hurry()
    await this.#work.quiet()
    while (this.#settling.open > 0 || this.#work.isUnsure) await this.#changes.next()
    await this.#work.quiet()
  }

  /** Endings the store does not have yet. */
  get unsettled(): number {
    return this.#settling.open
  }

  /** After this nothing of the shift is left: no timer, no watcher. */
  async end(): Promise<void> {
    this.#work.stop()
    this.#renewal.stop()
    this.#leaseCheck.stop()
    await Promise.all([this.#retain, ...this.#beside].map((loop) => loop.stop()))
  }

  #start(grants: readonly Grant[]): void {
    this.#busy += grants.length
    if (!grants.some(hasParts)) {
      for (const grant of grants) this.#begin(grant, partsInHead(grant))
      return
    }
    readParts(this.#options.ledger, grants).then(
      (parts) => grants.forEach((grant, at) => this.#begin(grant, parts[at]!)),
      (error: unknown) => {
        this.#error(error)
        // Not at once: a store that still takes claims while it cannot read would be asked without end.
        for (const grant of grants) this.#give(grant, { kind: 'snoozed', ms: READ_RETRY_MS })
      },
    )
  }

  /** Jobs of a claim that is answered too late: the worker pauses or closes by now. */
  #giveBack(grants: readonly Grant[]): void {
    this.#busy += grants.length
    for (const grant of grants) this.#give(grant, { kind: 'released' })
    this.#changes.come()
  }

  #begin(grant: Grant, parts: GrantedParts): void {
    if (grant.head === undefined) return this.#give(grant, 'set aside')
    if (hasExpired(grant.head, this.#options.ledger.store.now()))
      return this.#give(grant, { kind: 'expired', failure: expiry(grant.head) })
    if (this.#released || this.#renewal.isOver(grant)) return this.#give(grant, { kind: 'released' })
    const job = this.#outcomes.jobOf(grant, parts)
    if (parts.problem !== undefined) return this.#give(grant, endOfUnreadable(parts.problem), job)
    if (!this.#names.take(grant.head.name)) return this.#give(grant, endOfCrowded(grant))
    const handler = this.#options.handlerOf(grant.head.name)
    const attempt = new Attempt(grant, job, handler, this.#attemptOptions)
    this.#attempts.set(grant.leaseKey, attempt)
    this.#reports.active(job)
    void this.#limit(() => attempt.run())
  }

  /** Ends a lease whose job never ran. */
  #give(grant: Grant, ending: Ended['ending'], job?: Job): void {
    this.#settling.add({ grant, attempt: undefined, ending, job })
    this.#freed(grant)
  }

  #freed(grant: Grant): void {
    this.#busy--
    this.#attempts.delete(grant.leaseKey)
    this.#work.freed(grant)
    this.#changes.come()
  }

  /** A reaper took the verdict on a claim of ours: what still runs of it is lost. */
  #lose(claim: HeldClaim): void {
    for (const grant of claim.leases) {
      const attempt = this.#attempts.get(grant.leaseKey)
      if (attempt !== undefined) this.#loseOne(attempt, true)
    }
  }

  /** `entryGone`: with the lease went the claim's entry, so nobody has to remove it. */
  #loseOne(attempt: Attempt, entryGone: boolean): void {
    const { grant, job } = attempt
    const message = `the lease on job ${grant.id} is lost: it was not renewed in time, or somebody ended it`
    if (!attempt.lose(new HoldfastError('LOCK_LOST', message))) return
    this.#renewal.end(grant, entryGone)
    this.#reports.lockLost(job)
    this.#work.wake()
  }

  #stalled(ends: readonly Stalled[]): void {
    for (const end of ends) {
      const attempt = this.#attempts.get(end.grant.leaseKey)
      if (attempt !== undefined) this.#loseOne(attempt, true)
      this.#outcomes.stalled(end)
    }
  }

  #storeClosed(): void {
    this.#work.stop()
    this.#renewal.stop()
    for (const attempt of this.#attempts.values()) {
      attempt.lose(new HoldfastError('STORE_CLOSED', 'the store was closed while the job was running'))
    }
    for (const loop of this.#beside) void loop.stop()
    this.#changes.come()
    this.#reports.storeClosed()
  }

  #error(thrown: unknown): void {
    this.#reports.error(thrown instanceof Error ? thrown : asHoldfastError(thrown))
  }
}
