/**
 * One run of a handler for several jobs. Each of them is an attempt, with a lease, a signal, a time limit and an end of its own;
 * what they share is the call, and the slot. It knows neither slots nor the store.
 */
import { HoldfastError } from '../error.ts'
import { noteHost } from '../host.ts'
import type { Job } from '../job.ts'
import type { Grant } from '../ledger/claim.ts'
import {
  type AnyHandler,
  Attempt,
  AttemptContext,
  type AttemptOptions,
  type JobContext,
  type Said,
} from './attempt.ts'

/** A job's part in a batch, as its handler reaches it. */
export interface Part {
  /** All that the handler was given, this one too. */
  readonly jobs: readonly Job[]
  readonly conclude: (said: Said) => void
}

export class Batch {
  readonly #handler: AnyHandler | undefined
  readonly #options: AttemptOptions
  readonly #attemptOptions: AttemptOptions
  readonly #members: Attempt[] = []
  /** Those whose handler may be called: their data fit, and their leases were there. */
  readonly #ready = new Set<Attempt>()
  /** Members that have left their slot. */
  readonly #gone = new Set<Attempt>()
  /** Whom the handler was called for, in the order of the queue. */
  #called: readonly Attempt[] | undefined
  #call: Promise<unknown> | undefined
  /** Resolves once it is known for whom. */
  readonly #begun: Promise<void>
  #begin!: () => void
  #controller: AbortController | undefined
  #aborted: HoldfastError | undefined
  #cancel: (() => void) | undefined

  constructor(handler: AnyHandler | undefined, options: AttemptOptions) {
    this.#handler = handler
    this.#options = options
    const holds = new Map<number, Promise<void>>()
    this.#attemptOptions = {
      ...options,
      // The handler is waited for as long as any of its jobs is.
      patienceMs: Infinity,
      aborted: (member) => {
        this.#perhapsAbort(member.abortedBy)
        this.#perhapsCall()
      },
      // All of them tell of the one 429 that there was.
      hold: (ms) => {
        const held = holds.get(ms) ?? options.hold(ms)
        holds.set(ms, held)
        return held
      },
    }
    this.#begun = new Promise((resolve) => {
      this.#begin = resolve
    })
  }

  /** Takes a job in. */
  add(grant: Grant, job: Job): Attempt {
    const member: Attempt = new Attempt(
      grant,
      job,
      this.#handler && (() => this.#join(member)),
      this.#attemptOptions,
    )
    this.#members.push(member)
    return member
  }

  /** Calls the handler; resolves when the slot is free. */
  async run(): Promise<void> {
    await Promise.all(
      this.#members.map(async (member) => {
        await member.run()
        this.#gone.add(member)
        this.#perhapsAbort()
        this.#perhapsCall()
      }),
    )
    this.#cancel?.()
  }

  /** Made when it is first asked for. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      noteHost(this.#controller.signal, this.#options.host)
      if (this.#aborted !== undefined) this.#controller.abort(this.#aborted)
    }
    return this.#controller.signal
  }

  /** The signal of one of its jobs. */
  signalOf({ id }: Pick<Job, 'id'>): AbortSignal {
    const member = this.#called?.find(({ job }) => job.id === id)
    if (member === undefined) throw new HoldfastError('JOB_NOT_FOUND', `there is no job ${id} in this batch`)
    return member.signal
  }

  /** What the handler comes to, as one member sees it: what was said of it before is waited for. */
  async #join(member: Attempt): Promise<unknown> {
    if (member.abortedBy !== undefined) throw member.abortedBy
    this.#ready.add(member)
    this.#perhapsCall()
    await this.#begun
    if (!this.#called!.includes(member)) throw member.abortedBy!
    try {
      return await this.#call
    } finally {
      await member.concluded
    }
  }

  /** Once every member is ready, or nothing is to be done for it any more. */
  #perhapsCall(): void {
    if (this.#called !== undefined) return
    const isOver = (member: Attempt): boolean => member.abortedBy !== undefined || this.#gone.has(member)
    if (!this.#members.every((member) => this.#ready.has(member) || isOver(member))) return
    this.#called = this.#members.filter((member) => this.#ready.has(member) && !isOver(member))
    if (this.#called.length > 0) this.#call = this.#callHandler(this.#called)
    this.#begin()
  }

  async #callHandler(members: readonly Attempt[]): Promise<unknown> {
    const handler = this.#handler!
    const jobs = members.map(({ job }) => job)
    for (const member of members) {
      member.job.join({
        jobs,
        conclude: (said) => {
          member.conclude(said)
          this.#perhapsAbort()
        },
      })
    }
    const signal = handler.length >= 3 ? this.signal : (undefined as never)
    try {
      return await handler(jobs[0] as never, new BatchContext(this, members[0]!), signal)
    } finally {
      for (const { job } of members) job.part()
    }
  }

  /** Once there is no job left to work for, and not because all of them are done. */
  #perhapsAbort(error?: HoldfastError): void {
    if (this.#aborted !== undefined || this.#gone.size === this.#members.length) return
    const isOver = (member: Attempt): boolean =>
      member.abortedBy !== undefined || member.concluded !== undefined || this.#gone.has(member)
    if (!this.#members.every(isOver)) return
    this.#aborted = error ?? this.#members.find(({ abortedBy }) => abortedBy !== undefined)?.abortedBy
    if (this.#aborted === undefined) return
    this.#controller?.abort(this.#aborted)
    const { host, patienceMs } = this.#options
    this.#cancel = host.timer(patienceMs, () => this.#giveUp(this.#aborted!))
  }

  #giveUp(cause: HoldfastError): void {
    const left = this.#called?.filter((member) => !this.#gone.has(member)) ?? []
    if (left.length > 0) {
      const ids = left.map(({ job }) => job.id).join(', ')
      const message = `the handler of the batch ${ids} goes on although its signal aborted; its slot is given to another`
      this.#options.error(new HoldfastError(cause.code, message, { cause }))
    }
    for (const member of this.#members) member.release()
  }
}

class BatchContext extends AttemptContext {
  readonly #batch: Batch

  constructor(batch: Batch, first: Attempt) {
    super(first)
    this.#batch = batch
  }

  override get signal(): AbortSignal {
    return this.#batch.signal
  }

  override get signalOf(): JobContext['signalOf'] {
    return (job) => this.#batch.signalOf(job)
  }
}
