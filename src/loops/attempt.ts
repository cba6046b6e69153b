/**
 * One run of a handler under one lease: its signal, its time limit, and what its end means. It knows neither slots nor the
 * store.
 */
import { describeFailure } from '../core/failure.ts'
import type { Ending } from '../core/lifecycle.ts'
import { encodeResult } from '../core/payload.ts'
import type { JobSchemas, StandardSchema } from '../core/schema.ts'
import { HoldfastError } from '../error.ts'
import { type Host, noteHost } from '../host.ts'
import type { Job } from '../job.ts'
import { type Grant, fenceOf } from '../ledger/claim.ts'
import { conform, conformJob, endOfMismatch } from './conform.ts'
import { type Judgement, endOfFailure } from './judge.ts'

/** What a handler gets beside the job; of a batch, what it says is said of the first job. */
export interface JobContext {
  /**
   * Aborts when the lease is lost, the job is cancelled, the time limit passes or the worker's close runs out of time; `reason` is a `HoldfastError`.
   * That of a batch aborts once none of its jobs is left to work for.
   */
  readonly signal: AbortSignal
  /** The signal of one job of a batch: that of its own lease, cancel and time limit. */
  readonly signalOf: (job: Pick<Job, 'id'>) => AbortSignal
  /** The claim under which the job runs. */
  readonly token: string
  /** 1 for the first try. */
  readonly attempt: number
  /** Larger than in every earlier lease of this job: give it to other systems, and let them refuse smaller ones. */
  readonly fence: number
  /** Adds a line to the job's log, as `job.log` does. */
  readonly log: (line: string) => Promise<number>
}

export type AnyHandler = (job: never, context: JobContext, signal: AbortSignal) => unknown

/** How a handler says that one of its jobs ended. */
export type Said = { readonly result: unknown } | { readonly error: unknown }

/** What all attempts of a shift share. */
export interface AttemptOptions extends Judgement {
  readonly host: Host
  /** Milliseconds for which a handler keeps its slot that goes on after its signal aborted; `Infinity` where others are waited for, too. */
  readonly patienceMs: number
  /** Its signal aborted. */
  readonly aborted?: (attempt: Attempt) => void
  /** Once, when it is known how the lease is to end. */
  readonly ended: (attempt: Attempt, ending: Ending) => void
  /** Once, when the slot is free: the handler is done, or did not heed its signal for too long. */
  readonly freed: (attempt: Attempt) => void
}

export class Attempt {
  readonly grant: Grant
  readonly job: Job
  /** What the handler threw or gave, for the worker's events. */
  outcome: { readonly error?: unknown; readonly result?: unknown } = {}
  readonly #handler: AnyHandler | undefined
  readonly #options: AttemptOptions
  #controller: AbortController | undefined
  #aborted: HoldfastError | undefined
  #ended = false
  #freed = false
  #resolve: (() => void) | undefined
  #concluded: Promise<void> | undefined
  #timers: (() => void)[] | undefined

  constructor(grant: Grant, job: Job, handler: AnyHandler | undefined, options: AttemptOptions) {
    this.grant = grant
    this.job = job
    this.#handler = handler
    this.#options = options
  }

  /** Runs the handler; resolves when its slot is free. */
  run(): Promise<void> {
    if (this.#freed) return Promise.resolve()
    const { timeout } = this.grant.head?.opts ?? {}
    if (timeout !== undefined) {
      this.#timers = [this.#options.host.timer(timeout, () => this.#timeOut(timeout))]
    }
    return new Promise((resolve) => {
      this.#resolve = resolve
      void this.#handle()
    })
  }

  /** The lease is gone: whatever comes of the handler is discarded. False where its end was known before. */
  lose(error: HoldfastError): boolean {
    if (this.#ended) return false
    this.#ended = true
    this.#abort(error)
    return true
  }

  /** The worker closes, or the job was cancelled: the handler is told to stop, and failing now burns no attempt. */
  interrupt(error: HoldfastError): void {
    this.#abort(error)
  }

  /** Gives the job back without waiting for the handler any longer. */
  release(): void {
    this.#end({ kind: 'released' })
    this.#free()
  }

  /** Made when it is first asked for: a handler that does not ask for its signal does not pay for one. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      noteHost(this.#controller.signal, this.#options.host)
      if (this.#aborted !== undefined) this.#controller.abort(this.#aborted)
    }
    return this.#controller.signal
  }

  /** Why its handler was told to stop, where it was. */
  get abortedBy(): HoldfastError | undefined {
    return this.#aborted
  }

  /** Whether it is known how its lease ends, or the lease is gone; its handler may go on. */
  get hasEnded(): boolean {
    return this.#ended
  }

  /** What was said of its end while its handler goes on; `undefined` where nothing was. */
  get concluded(): Promise<void> | undefined {
    return this.#concluded
  }

  /** The handler says how one of its jobs ends and goes on with others: the lease ends now, the slot stays. The first word counts. */
  conclude(said: Said): void {
    if (this.#ended) return
    this.#concluded ??= this.#conclude(said)
  }

  async #conclude(said: Said): Promise<void> {
    const schema = this.#options.schemasOf(this.job.name)?.result
    let ending: Ending
    if ('error' in said) ending = await this.#endOfFailure(said.error)
    else if (schema === undefined) ending = this.#endOfSuccess(said.result)
    else ending = await this.#endOfChecked(said.result, schema)
    await this.#written()
    this.#end(ending)
    // What the handler does now is for the others.
    this.#stopTimers()
  }

  async #handle(): Promise<void> {
    let ending: Ending
    try {
      const handler = this.#handler
      if (handler === undefined) {
        throw new HoldfastError(
          'NO_HANDLER',
          `this worker has no handler for jobs named ${JSON.stringify(this.job.name)}`,
        )
      }
      const schemas = this.#options.schemasOf(this.job.name)
      ending = schemas === undefined ? await this.#call(handler) : await this.#callChecked(handler, schemas)
    } catch (error) {
      ending = this.#ended ? { kind: 'released' } : await this.#endOfFailure(error)
    }
    const { unfinished } = this.job
    if (unfinished !== undefined) await this.#written()
    this.#free()
    this.#end(ending)
  }

  /** What the handler wrote and did not wait for comes first: with the lease goes the right to write. */
  async #written(): Promise<void> {
    if (!this.#ended) await this.job.unfinished
  }

  async #call(handler: AnyHandler, schema?: StandardSchema): Promise<Ending> {
    const signal = handler.length >= 3 ? this.signal : (undefined as never)
    const result = await handler(this.job as never, new AttemptContext(this), signal)
    if (this.#ended) return { kind: 'released' }
    return schema === undefined ? this.#endOfSuccess(result) : this.#endOfChecked(result, schema)
  }

  /** Data that do not fit never reach the handler. */
  async #callChecked(handler: AnyHandler, { data, result }: JobSchemas): Promise<Ending> {
    const error = await conformJob(this.job, data)
    if (error === undefined) return this.#call(handler, result)
    this.outcome = { error }
    return endOfMismatch(error)
  }

  async #endOfChecked(result: unknown, schema: StandardSchema): Promise<Ending> {
    try {
      return this.#endOfSuccess(await conform(schema, result, 'the result'))
    } catch (error) {
      this.outcome = { error }
      return endOfMismatch(error)
    }
  }

  #endOfSuccess(result: unknown): Ending {
    try {
      this.outcome = { result }
      return { kind: 'completed', result: encodeResult(result) }
    } catch (error) {
      // The work is done, so it is not done again; what is wrong is the handler, and somebody must see it.
      this.outcome = { error }
      return { kind: 'failed', failure: describeFailure(error), code: 'UNRECOVERABLE', final: true }
    }
  }

  async #endOfFailure(error: unknown): Promise<Ending> {
    const told = this.#aborted?.code
    // Of a job that was cancelled the store says how it ends.
    if (told === 'CLOSING' || told === 'CANCELLED') return { kind: 'released' }
    this.outcome = { error }
    return endOfFailure(error, this.grant.head!, this.job, this.#options)
  }

  #timeOut(ms: number): void {
    const error = new HoldfastError('TIMEOUT', `the attempt took longer than its timeout of ${ms} ms`)
    this.#abort(error)
    if (this.#ended) return
    this.outcome = { error }
    const final = this.grant.head?.opts.timeoutPolicy === 'fail'
    this.#end({ kind: 'failed', failure: describeFailure(error), code: 'TIMEOUT', final })
  }

  #abort(error: HoldfastError): void {
    if (this.#aborted !== undefined || this.#freed) return
    this.#aborted = error
    this.#controller?.abort(error)
    const { host, patienceMs, aborted, error: report } = this.#options
    aborted?.(this)
    if (patienceMs === Infinity) return
    this.#timers ??= []
    this.#timers.push(
      host.timer(patienceMs, () => {
        report(
          new HoldfastError(
            error.code,
            `the handler of job ${this.job.id} goes on although its signal aborted; its slot is given to another`,
            { cause: error },
          ),
        )
        this.release()
      }),
    )
  }

  #end(ending: Ending): void {
    if (this.#ended) return
    this.#ended = true
    this.#options.ended(this, ending)
  }

  #free(): void {
    if (this.#freed) return
    this.#freed = true
    this.#stopTimers()
    this.#options.freed(this)
    this.#resolve?.()
  }

  #stopTimers(): void {
    for (const cancel of this.#timers ?? []) cancel()
  }
}

/** The context of a handler. */
export class AttemptContext implements JobContext {
  readonly token: string
  readonly attempt: number
  readonly fence: number
  readonly log: (line: string) => Promise<number>
  readonly #attempt: Attempt

  constructor(attempt: Attempt) {
    const { grant } = attempt
    this.token = grant.claim
    this.attempt = (grant.head?.attemptsMade ?? 0) + 1
    this.fence = fenceOf(grant)
    this.log = (line) => attempt.job.log(line)
    this.#attempt = attempt
  }

  get signal(): AbortSignal {
    return this.#attempt.signal
  }

  get signalOf(): JobContext['signalOf'] {
    return () => this.#attempt.signal
  }
}
