/**
 * What the end of a lease means to those who listen and to what is kept: it turns departures into reports, and keeps the job
 * objects of handlers and listeners up to date.
 */
import { isError } from '../core/failure.ts'
import { jobIdOf } from '../core/keys.ts'
import type { Ending } from '../core/lifecycle.ts'
import type { SchemaLookup } from '../core/schema.ts'
import { HoldfastError } from '../error.ts'
import { Job } from '../job.ts'
import { type Grant, type GrantedParts, partsInHead, recordOfGrant } from '../ledger/claim.ts'
import type { Depth } from '../ledger/depart.ts'
import type { Expired } from '../ledger/expire.ts'
import type { Stalled } from '../ledger/lease.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { SettlePlan } from '../ledger/settle.ts'
import type { Retain } from './retain.ts'
import type { Ended } from './settling.ts'

/** What happens on a shift. None of these may throw. */
export interface ShiftReports {
  readonly active: (job: Job) => void
  readonly progress: (job: Job, progress: unknown) => void
  readonly completed: (job: Job, result: unknown) => void
  /** `failed` follows. */
  readonly cancelled: (id: string, reason: string) => void
  /** An attempt failed, or the job was ended otherwise; `final` where it was its last attempt. */
  readonly failed: (job: Job, error: Error, final: boolean) => void
  readonly stalled: (id: string) => void
  readonly lockLost: (job: Job) => void
  /** A queue of dead letters got more than a job's option asks for. */
  readonly passed: (depth: Depth) => void
  readonly drained: () => void
  readonly error: (error: Error) => void
  /** The store was closed under the shift: it has nothing more to do. */
  readonly storeClosed: () => void
}

export class Outcomes {
  readonly #ledger: Ledger
  readonly #retain: Retain
  readonly #schemasOf: SchemaLookup
  readonly #reports: ShiftReports
  readonly #onProgress: (job: Job, progress: unknown) => void

  constructor(ledger: Ledger, retain: Retain, schemasOf: SchemaLookup, reports: ShiftReports) {
    this.#ledger = ledger
    this.#retain = retain
    this.#schemasOf = schemasOf
    this.#reports = reports
    this.#onProgress = (job, progress) => reports.progress(job, progress)
  }

  /** The job as its handler and its listeners get it. */
  jobOf(grant: Grant, parts: GrantedParts): Job {
    const record = recordOfGrant(grant, parts)
    return new Job({
      ledger: this.#ledger,
      record,
      grant,
      schemasOf: this.#schemasOf,
      onProgress: this.#onProgress,
    })
  }

  /** The store has the end of a lease; `plan` is absent where the job was set aside or parked. */
  settled(ended: Ended, plan: SettlePlan | undefined): void {
    const { attempt, grant } = ended
    if (plan === undefined && ended.ending === 'parked') return
    const job = attempt?.job ?? ended.job ?? this.jobOf(grant, { data: '', progress: '' })
    if (plan === undefined) return this.#setAside(grant, job)
    const { departure, ending } = plan
    const { head } = departure
    job.adopt({ head, result: ending.kind === 'completed' ? ending.result : '', history: [] })
    job.apart(() => this.#tell(job, ended, ending, head.failedCode !== undefined))
    this.#retain.note(departure)
  }

  #tell(job: Job, ended: Ended, ending: Ending, final: boolean): void {
    if (ending.kind === 'completed') this.#reports.completed(job, ended.attempt?.outcome.result)
    if (ending.kind === 'failed') this.#reports.failed(job, errorOf(ended, ending), final)
    if (ending.kind === 'expired') this.#expired(job, ending.failure.message)
    if (ending.kind === 'cancelled') this.#cancelled(job, ending.failure.message)
  }

  /** A reaper ended a lease. */
  stalled({ grant, departure, depth }: Stalled): void {
    const job = this.jobOf(grant, partsInHead(grant))
    const { failedCode, failedReason = '' } = departure?.head ?? {}
    if (failedCode !== 'CANCELLED') this.#reports.stalled(grant.id)
    if (departure === undefined) return this.#setAside(grant, job)
    job.adopt({ head: departure.head, result: '', history: [] })
    if (failedCode === 'CANCELLED') this.#cancelled(job, failedReason)
    else if (failedCode !== undefined) this.#reports.failed(job, new Error(failedReason), true)
    if (depth !== undefined) this.#reports.passed(depth)
    this.#retain.note(departure)
  }

  /** A job failed that nobody had begun. */
  expired({ seen: { name, raw, head }, departure, depth }: Expired): void {
    const parts = partsInHead({ head })
    const record = { id: jobIdOf(name), raw, head: departure.head, ...parts, result: '', history: [] }
    this.#expired(new Job({ ledger: this.#ledger, record }), departure.head.failedReason ?? '')
    if (depth !== undefined) this.#reports.passed(depth)
    this.#retain.note(departure)
  }

  #expired(job: Job, reason: string): void {
    this.#reports.failed(job, new HoldfastError('EXPIRED', reason), true)
  }

  #cancelled(job: Job, reason: string): void {
    this.#reports.cancelled(job.id, reason)
    this.#reports.failed(job, new HoldfastError('CANCELLED', reason), false)
  }

  #setAside({ id, unreadable }: Grant, job: Job): void {
    const why = unreadable?.message ?? 'its record cannot be read'
    if (unreadable?.tooNew === true) {
      const message = `the job ${id} waits for a worker of a newer version: ${why}`
      this.#reports.error(new HoldfastError('STORE_TOO_NEW', message))
    } else {
      job.adopt({ head: undefined, problem: unreadable, result: '', history: [] })
      this.#reports.failed(job, new Error(`the job ${id} was set aside: ${why}`, { cause: unreadable }), true)
    }
  }
}

/** What the handler threw where that is an error, else one that says it. */
function errorOf({ attempt }: Ended, ending: Ending & { kind: 'failed' }): Error {
  const thrown = attempt?.outcome.error
  return isError(thrown) ? thrown : new Error(ending.failure.message, { cause: thrown })
}
