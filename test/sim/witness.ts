/**
 * Who stands outside and writes down what producers tried and were told, and what handlers saw and did. It never looks into
 * the store; the rules compare the two.
 */
import { HoldfastError } from 'holdfast'
import { escapePart } from '../../src/core/keys.ts'
import { must } from '../model/invariants.ts'
import type { Lease } from './booked.ts'
import { type JobSpec, QUEUES, isPill } from './jobs.ts'

/** How a handler ended. */
export type HandlerEnd =
  | { readonly kind: 'returned'; readonly result: string }
  | { readonly kind: 'threw' | 'gave up' | 'snoozed' | 'crashed' }

interface Run {
  readonly n: number
  readonly by: string
  end: HandlerEnd | undefined
}

export class Witness {
  readonly #specs: readonly JobSpec[]
  readonly #byName = new Map<string, number>()
  readonly #byData = new Map<string, number>()
  /** Calls that may have added a job, or may yet: all but those that failed for certain. */
  readonly #tried = new Map<number, number>()
  readonly #acknowledged = new Set<number>()
  /** Whether the removal of a job was tried, and with force. */
  readonly #removals = new Map<string, boolean>()
  readonly #retries = new Set<string>()
  readonly #cancels = new Set<string>()
  /** Records of deduplication ids that somebody tried to take away. */
  readonly #forgotten = new Set<string>()
  /** Records of schedules whose removal was tried. */
  readonly #unscheduled = new Set<string>()
  /** Queues whose `pause()` resolved, with no `resume()` tried since. */
  readonly #paused = new Set<string>()
  readonly #runs = new Map<string, Run>()
  readonly #starts = new Map<number | string, number>()
  readonly #crashes = new Map<string, number>()
  /** Claims whose handlers run, and how many of them. */
  readonly #running = new Map<string, number>()
  /** Ids of jobs that were given none, once known. */
  readonly #ids = new Map<number, string>()
  /** Jobs that another one became, by number and its id. */
  readonly #became = new Set<string>()
  readonly #resumes = QUEUES.map(() => ({ tried: 0, open: 0 }))

  constructor(specs: readonly JobSpec[]) {
    this.#specs = specs
    for (const spec of specs) {
      if (spec.options.jobId !== undefined) this.#byName.set(spec.options.jobId, spec.n)
      this.#byData.set(`j${JSON.stringify(spec.data)}`, spec.n)
    }
  }

  spec(n: number): JobSpec {
    return this.#specs[n]!
  }

  /** The job that has this data, if somebody tried to add it, and under this id where it was to have one. */
  numberOf(id: string, text: string): number | undefined {
    const n = this.#byData.get(text)
    if (n === undefined || !this.#tried.has(n)) return undefined
    const { jobId } = this.#specs[n]!.options
    const isLetter = id.startsWith(`${QUEUES[this.#specs[n]!.queue]!}:`)
    if (jobId === undefined && !isLetter) this.#ids.set(n, id)
    const isIts = jobId === undefined || jobId === id || this.#became.has(`${n} ${id}`)
    return isLetter || isIts ? n : undefined
  }

  /** A job has become what another addition says, whose data this is: its number, if somebody tried that. */
  becomes(id: string, text: string): number | undefined {
    const n = this.#byData.get(text)
    if (n === undefined || !this.#tried.has(n)) return undefined
    this.#ids.set(n, id)
    this.#became.add(`${n} ${id}`)
    return n
  }

  /** The id of a job, as far as it is known. */
  idOf(n: number): string | undefined {
    return this.#specs[n]!.options.jobId ?? this.#ids.get(n)
  }

  tries(n: number): void {
    this.#tried.set(n, this.perhapsAdded(n) + 1)
  }

  acknowledged(n: number): void {
    this.#acknowledged.add(n)
  }

  wasAcknowledged(n: number): boolean {
    return this.#acknowledged.has(n)
  }

  /** A call to add a job failed for certain. */
  failed(n: number): void {
    this.#tried.set(n, this.perhapsAdded(n) - 1)
  }

  perhapsAdded(n: number): number {
    return this.#tried.get(n) ?? 0
  }

  triesToRemove(n: number, force: boolean): void {
    const name = this.#nameOf(n)
    if (name !== undefined) this.#removals.set(name, force || (this.#removals.get(name) ?? false))
  }

  triesToRetry(n: number): void {
    const name = this.#nameOf(n)
    if (name !== undefined) this.#retries.add(name)
  }

  triesToCancel(n: number): void {
    const name = this.#nameOf(n)
    if (name !== undefined) this.#cancels.add(name)
  }

  triesToUnschedule(record: string): void {
    this.#unscheduled.add(record)
  }

  triesToForget(record: string): void {
    this.#forgotten.add(record)
  }

  mayForget(record: string): boolean {
    return this.#forgotten.has(record)
  }

  mayCancel(name: string): boolean {
    return this.#cancels.has(name)
  }

  mayUnschedule(record: string): boolean {
    return this.#unscheduled.has(record)
  }

  triesToResume(queue: number): void {
    this.#resumes[queue]!.tried++
    this.#resumes[queue]!.open++
    this.#paused.delete(escapePart(QUEUES[queue]!))
  }

  /** A `resume()` is over for certain: one whose answer was lost may still come to something. */
  hasResumed(queue: number): void {
    this.#resumes[queue]!.open--
  }

  /** A `pause()` resolved; it counts unless a `resume()` was under way at any time since it was called. */
  hasPaused(queue: number, resumesBefore: number | undefined): void {
    const { open, tried } = this.#resumes[queue]!
    if (open === 0 && tried === resumesBefore) this.#paused.add(escapePart(QUEUES[queue]!))
  }

  /** How many calls of `resume()` there were so far; `undefined` while one is under way. */
  resumes(queue: number): number | undefined {
    const { open, tried } = this.#resumes[queue]!
    return open === 0 ? tried : undefined
  }

  mayRemove(name: string, force: boolean): boolean {
    const tried = this.#removals.get(name)
    return force ? tried === true : tried !== undefined
  }

  mayRetry(name: string): boolean {
    return this.#retries.has(name)
  }

  mayGrant(queue: string): boolean {
    return !this.#paused.has(queue)
  }

  /** A handler begins under a lease; how often its job was begun before. */
  begins(by: string, n: number, lease: Lease): number {
    const key = `${lease.claim}/${lease.name}`
    must(
      !this.#runs.has(key),
      `invariant 6: the handler of ${lease.name} is started twice under ${lease.claim}`,
    )
    must(lease.by === by, `invariant 6: ${by} runs ${lease.name} under a lease of ${lease.by}`)
    this.#runs.set(key, { n, by, end: undefined })
    this.#running.set(lease.claim, (this.#running.get(lease.claim) ?? 0) + 1)
    const whose = this.#specs[n]!.scheduled === true ? lease.name : n
    const before = this.#starts.get(whose) ?? 0
    this.#starts.set(whose, before + 1)
    return before
  }

  ends(lease: Lease, end: HandlerEnd): void {
    const run = this.#runs.get(`${lease.claim}/${lease.name}`)!
    run.end = end
    this.#running.set(lease.claim, this.#running.get(lease.claim)! - 1)
  }

  endingOf(lease: Lease): HandlerEnd | undefined {
    return this.#runs.get(`${lease.claim}/${lease.name}`)?.end
  }

  isRunning(claim: string): boolean {
    return (this.#running.get(claim) ?? 0) > 0
  }

  /** A job kills its process; one that always does may do so as often as it may stall, and once more. */
  crashes(n: number, life: string, maxStalls: number): void {
    if (!isPill(this.#specs[n]!)) return
    const crashes = (this.#crashes.get(`${n} ${life}`) ?? 0) + 1
    this.#crashes.set(`${n} ${life}`, crashes)
    must(crashes <= maxStalls + 1, `invariant 30: job ${n} has killed its process ${crashes} times`)
  }

  #nameOf(n: number): string | undefined {
    const id = this.idOf(n)
    return id === undefined ? undefined : `${escapePart(QUEUES[this.#specs[n]!.queue]!)}:${escapePart(id)}`
  }
}

/** What every error that reaches a user must carry. */
export function checkError(error: unknown, doing: string): HoldfastError {
  must(error instanceof HoldfastError, `invariant 20: ${doing} rejects with ${String(error)}`)
  must(
    typeof error.code === 'string' && (error.outcome === 'failed' || error.outcome === 'unknown'),
    `invariant 20: ${doing} rejects with ${error.code} and the outcome ${String(error.outcome)}`,
  )
  return error
}
