/**
 * A worker at work: its slots, the attempts in them, and the loops beside the work cycle. It turns what happens into reports
 * and knows nothing of listeners.
 */
import pLimit, { type LimitFunction } from 'p-limit'
import { DATA } from '../core/head.ts'
import { keptCount } from '../core/job-options.ts'
import type { Departure, Ending } from '../core/lifecycle.ts'
import { HoldfastError } from '../error.ts'
import { Job } from '../job.ts'
import { type Grant, type GrantedParts, hasParts, readParts } from '../ledger/claim.ts'
import { asHoldfastError } from '../ledger/commit.ts'
import type { Stalled } from '../ledger/lease.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { takeBack } from '../ledger/set-aside.ts'
import { type AnyHandler, Attempt, type AttemptOptions, type BackoffStrategy } from './attempt.ts'
import { DueLane } from './due.ts'
import { Reap } from './reap.ts'
import { type HeldClaim, Renewal } from './renew.ts'
import { Retain } from './retain.ts'
import { type Ended, Settling } from './settling.ts'
import { Work } from './work.ts'

/** What happens on a shift. None of these may throw. */
export interface ShiftReports {
  readonly active: (job: Job) => void
  readonly progress: (job: Job, progress: unknown) => void
  readonly completed: (job: Job, result: unknown) => void
  /** An attempt failed; `final` where it was the last. */
  readonly failed: (job: Job, error: Error, final: boolean) => void
  readonly stalled: (id: string) => void
  readonly lockLost: (job: Job) => void
  readonly drained: () => void
  readonly error: (error: Error) => void
}

export interface ShiftOptions {
  readonly ledger: Ledger
  readonly concurrency: number
  readonly leaseMs: number
  readonly renewMs: number
  readonly maxStalledCount: number
  /** The worker's name and the random part of this object, escaped. */
  readonly worker: string
  readonly handlerOf: (name: string) => AnyHandler | undefined
  readonly strategies: Readonly<Record<string, BackoffStrategy>>
}

export class Shift {
  readonly #options: ShiftOptions
  readonly #reports: ShiftReports
  readonly #limit: LimitFunction
  readonly #renewal: Renewal
  readonly #settling: Settling
  readonly #reap: Reap
  readonly #retain: Retain
  readonly #work: Work
  readonly #attemptOptions: AttemptOptions
  /** By lease key, from the grant to the end of the handler. */
  readonly #attempts = new Map<string, Attempt>()
  /** Slots taken, from the grant on. */
  #busy = 0
  /** Handlers are started no more. */
  #released = false
  #whenChanged: (() => void)[] = []

  constructor(options: ShiftOptions, reports: ShiftReports) {
    const { ledger, leaseMs, renewMs, maxStalledCount, worker } = options
    this.#options = options
    this.#reports = reports
    this.#limit = pLimit(options.concurrency)
    const error = (thrown: unknown): void => this.#error(thrown)
    const { store } = ledger
    this.#attemptOptions = {
      host: store.host,
      now: () => store.now(),
      strategies: options.strategies,
      patienceMs: leaseMs,
      ended: (attempt, ending) => {
        this.#settling.add({ grant: attempt.grant, attempt, ending })
        this.#work.wake()
      },
      freed: (attempt) => this.#freed(attempt.grant),
      error,
    }
    this.#renewal = new Renewal(ledger, { leaseMs, renewMs }, { lost: (claim) => this.#lose(claim), error })
    this.#settling = new Settling(ledger, this.#renewal, maxStalledCount, {
      settled: (ended, departure) => this.#settled(ended, departure),
      lost: ({ attempt }) => {
        if (attempt !== undefined) reports.lockLost(attempt.job)
      },
    })
    this.#reap = new Reap(
      ledger,
      { maxStalledCount, verdictMs: leaseMs },
      { stalled: (ends) => this.#stalled(ends), error },
    )
    this.#retain = new Retain(ledger, error)
    const wake = (): void => this.#work.wake()
    this.#work = new Work({
      ledger,
      leaseMs,
      worker,
      renewal: this.#renewal,
      settling: this.#settling,
      due: new DueLane(ledger, 'due', { due: wake, error }),
      suspects: new DueLane(ledger, 'suspect', { due: wake, error }),
      slots: () => ({ all: this.#limit.concurrency, busy: this.#busy }),
      start: (grants) => this.#start(grants),
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
    this.#reap.start()
    takeBack(this.#options.ledger).catch((error: unknown) => this.#error(error))
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
    while (this.#busy > 0) await this.#change()
  }

  /** Tells all handlers to stop, as the worker closes. */
  interrupt(): void {
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
    this.#work.wake()
    await this.#work.quiet()
    while (this.#settling.open > 0) await this.#change()
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
    await Promise.all([this.#reap.stop(), this.#retain.stop()])
  }

  #start(grants: readonly Grant[]): void {
    this.#busy += grants.length
    if (!grants.some(hasParts)) {
      for (const grant of grants) this.#begin(grant, { data: grant.head?.[DATA] ?? '', progress: '' })
      return
    }
    readParts(this.#options.ledger, grants).then(
      (parts) => grants.forEach((grant, at) => this.#begin(grant, parts[at]!)),
      (error: unknown) => {
        this.#error(error)
        for (const grant of grants) this.#give(grant, { kind: 'released' })
      },
    )
  }

  #begin(grant: Grant, parts: GrantedParts): void {
    if (grant.head === undefined) return this.#give(grant, 'set aside')
    if (this.#released) return this.#give(grant, { kind: 'released' })
    const job = this.#jobOf(grant, parts)
    if (parts.problem !== undefined) {
      const failure = { message: `its data cannot be read: ${parts.problem.message}` }
      return this.#give(grant, { kind: 'failed', final: true, code: 'UNREADABLE', failure }, job)
    }
    const handler = this.#options.handlerOf(grant.head.name)
    const attempt = new Attempt(grant, job, handler, this.#attemptOptions)
    this.#attempts.set(grant.leaseKey, attempt)
    this.#reports.active(job)
    void this.#limit(() => attempt.run())
  }

  #jobOf(grant: Grant, { data, progress }: GrantedParts): Job {
    const { id, raw = '', head, startedAt, worker } = grant
    return new Job({
      ledger: this.#options.ledger,
      record: { id, raw, head, data, progress, result: '', history: [], lease: { startedAt, worker } },
      grant,
      onProgress: (job, value) => this.#reports.progress(job, value),
    })
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
    this.#changed()
  }

  #settled(ended: Ended, departure: Departure | undefined): void {
    const { attempt, grant, ending } = ended
    this.#changed()
    const job = attempt?.job ?? ended.job ?? this.#jobOf(grant, { data: '', progress: '' })
    if (ending === 'set aside' || departure === undefined) return this.#reportSetAside(grant, job)
    const { head, lane } = departure
    job.adopt({ head, result: resultOf(ending), history: [] })
    if (ending.kind === 'completed') this.#reports.completed(job, attempt?.outcome.result)
    if (ending.kind === 'failed')
      this.#reports.failed(job, errorOf(ended, ending), head.failedCode !== undefined)
    this.#retainAfter(departure, lane)
  }

  #retainAfter({ head }: Departure, lane: Departure['lane']): void {
    if (lane === 'done') this.#retain.note(lane, keptCount(head.opts, 'completed'))
    if (lane === 'dead') this.#retain.note(lane, keptCount(head.opts, 'failed'))
  }

  #reportSetAside({ id, unreadable }: Grant, job: Job): void {
    const why = unreadable?.message ?? 'its record cannot be read'
    if (unreadable?.tooNew === true) {
      this.#error(
        new HoldfastError('STORE_TOO_NEW', `the job ${id} waits for a worker of a newer version: ${why}`),
      )
    } else {
      job.adopt({ head: undefined, problem: unreadable, result: '', history: [] })
      this.#reports.failed(job, new Error(`the job ${id} was set aside: ${why}`, { cause: unreadable }), true)
    }
  }

  /** A reaper took the verdict on a claim of ours: what still runs of it is lost. */
  #lose(claim: HeldClaim): void {
    for (const grant of claim.leases) {
      const attempt = this.#attempts.get(grant.leaseKey)
      if (attempt !== undefined) this.#loseOne(attempt)
    }
  }

  #loseOne(attempt: Attempt): void {
    const { grant, job } = attempt
    const message = `the lease on job ${grant.id} is lost: it was not renewed in time, or somebody ended it`
    if (!attempt.lose(new HoldfastError('LOCK_LOST', message))) return
    this.#renewal.end(grant, true)
    this.#reports.lockLost(job)
  }

  #stalled(ends: readonly Stalled[]): void {
    for (const { grant, departure } of ends) {
      const attempt = this.#attempts.get(grant.leaseKey)
      if (attempt !== undefined) this.#loseOne(attempt)
      this.#reports.stalled(grant.id)
      const job = this.#jobOf(grant, { data: grant.head?.[DATA] ?? '', progress: '' })
      if (departure === undefined) this.#reportSetAside(grant, job)
      else {
        job.adopt({ head: departure.head, result: '', history: [] })
        const { failedCode, failedReason } = departure.head
        if (failedCode !== undefined) this.#reports.failed(job, new Error(failedReason), true)
        this.#retainAfter(departure, departure.lane)
      }
    }
  }

  #storeClosed(): void {
    this.#work.stop()
    this.#renewal.stop()
    for (const attempt of this.#attempts.values()) {
      attempt.lose(new HoldfastError('STORE_CLOSED', 'the store was closed while the job was running'))
    }
    void this.#reap.stop()
    this.#changed()
  }

  #error(thrown: unknown): void {
    this.#reports.error(thrown instanceof Error ? thrown : asHoldfastError(thrown))
  }

  /** The next time a slot gets free or an ending is stored. */
  #change(): Promise<void> {
    return new Promise((resolve) => this.#whenChanged.push(resolve))
  }

  #changed(): void {
    const waiting = this.#whenChanged
    this.#whenChanged = []
    for (const resolve of waiting) resolve()
  }
}

const resultOf = (ending: Ending): string => (ending.kind === 'completed' ? ending.result : '')

/** What the handler threw where that is an error, else one that says it. */
function errorOf({ attempt }: Ended, ending: Ending & { kind: 'failed' }): Error {
  const thrown = attempt?.outcome.error
  return thrown instanceof Error ? thrown : new Error(ending.failure.message, { cause: thrown })
}
