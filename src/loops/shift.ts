/**
 * A worker at work: its slots, the attempts in them, and the loops beside the work cycle. It turns what happens into reports
 * and knows nothing of listeners.
 */
import { isPatient } from '../core/batch-options.ts'
import { HoldfastError } from '../error.ts'
import type { Grant } from '../ledger/claim.ts'
import { asHoldfastError } from '../ledger/commit.ts'
import type { Stalled } from '../ledger/lease.ts'
import { takeBack } from '../ledger/set-aside.ts'
import type { Attempt, AttemptOptions } from './attempt.ts'
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
import { Settling } from './settling.ts'
import type { ShiftOptions } from './shift-options.ts'
import { Slots } from './slots.ts'
import { Starts } from './starts.ts'
import { Tick } from './tick.ts'
import { Work } from './work.ts'

export class Shift {
  readonly #options: ShiftOptions
  readonly #reports: ShiftReports
  readonly #slots: Slots
  readonly #renewal: Renewal
  readonly #leaseCheck: LeaseCheck
  readonly #settling: Settling
  readonly #retain: Retain
  readonly #beside: readonly { start(): void; stop(): Promise<void> }[]
  readonly #names: Names
  readonly #outcomes: Outcomes
  readonly #work: Work
  readonly #starts: Starts
  /** By lease key, from the grant to the end of the handler. */
  readonly #attempts = new Map<string, Attempt>()
  /** A slot got free, or an ending was stored. */
  readonly #changes = new Moment()

  constructor(options: ShiftOptions, reports: ShiftReports) {
    const { ledger, leaseMs, renewMs, maxStalledCount, worker, limiter, group, batch } = options
    const { strict = false } = group
    ;[this.#options, this.#reports] = [options, reports]
    this.#slots = new Slots(options.concurrency, batch?.size ?? 1)
    this.#names = new Names(ledger, options.perName, isPatient(batch))
    const error = (thrown: unknown): void => this.#error(thrown)
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
    this.#starts = this.#startsBy(options)
    this.#work = new Work({
      ...{ ledger, limiter, group, batch },
      maxStalledCount,
      leaseMs,
      worker,
      renewal: this.#renewal,
      settling: this.#settling,
      names: this.#names,
      room: () => this.#slots.room,
      start: (grants) => this.#starts.start(grants),
      giveBack: (grants) => {
        this.#starts.giveBack(grants)
        this.#changes.come()
      },
      drained: () => {
        reports.drained()
        this.#retain.idle()
      },
      error,
      storeClosed: () => this.#storeClosed(),
    })
  }

  #startsBy({ ledger, batch, leaseMs, handlerOf, introduction, ...rules }: ShiftOptions): Starts {
    const error = (thrown: unknown): void => this.#error(thrown)
    const attemptOptions: AttemptOptions = {
      host: ledger.store.host,
      now: () => ledger.store.now(),
      ...rulesOf(rules),
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
    return new Starts({
      ...{ ledger, batch, attemptOptions, handlerOf },
      hasNames: introduction.names !== undefined,
      slots: this.#slots,
      names: this.#names,
      renewal: this.#renewal,
      outcomes: this.#outcomes,
      started: (attempt) => {
        this.#attempts.set(attempt.grant.leaseKey, attempt)
        this.#reports.active(attempt.job)
      },
      ended: (ended) => {
        this.#settling.add(ended)
        this.#freed(ended.grant)
      },
      error,
    })
  }

  get concurrency(): number {
    return this.#slots.concurrency
  }

  set concurrency(concurrency: number) {
    this.#slots.concurrency = concurrency
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
    while (!this.#slots.isIdle) await this.#changes.next()
  }

  /** Tells all handlers to stop, as the worker closes. */
  interrupt(): void {
    this.#starts.isOver = true
    const error = new HoldfastError('CLOSING', 'the worker is closing and its timeout has passed')
    for (const attempt of this.#attempts.values()) attempt.interrupt(error)
  }

  /** Gives back what is still running; no attempt is burnt. */
  release(): void {
    this.#starts.isOver = true
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

  #freed(grant: Grant): void {
    this.#slots.free(grant)
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
