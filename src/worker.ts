/** The worker: runs handlers for the jobs of a queue. A thin shell around a shift: options, events, beginning and end. */
import { almanacOf } from './almanac.ts'
import { checkOptions, duration, refuseOption } from './core/check.ts'
import { checkQueueName } from './core/names.ts'
import { escapePart } from './core/keys.ts'
import { passedOver } from './core/legacy.ts'
import { schemaLookup } from './core/schema.ts'
import {
  WORKER_DEFAULTS,
  checkWorkerOptions,
  closeTimeoutCheck,
  concurrencyOf,
} from './core/worker-options.ts'
import { HoldfastError, RateLimitError } from './error.ts'
import type { WorkerEvents } from './event-maps.ts'
import type { Events } from './events.ts'
import { type Handler, type Handlers, handlerLookup, namesOf } from './handler.ts'
import type { Job, JobOf } from './job.ts'
import type { MapOf, Omitted } from './job-map.ts'
import type { Depth } from './ledger/depart.ts'
import { asHoldfastError } from './ledger/commit.ts'
import { holdGroup, noGroup } from './ledger/group.ts'
import { openLedger } from './ledger/ledger.ts'
import { holdQueue } from './ledger/settings.ts'
import { ByHand } from './loops/by-hand.ts'
import { Shift } from './loops/shift.ts'
import { hostName, processName, randomPart } from './process-name.ts'
import { storeCheck } from './store-option.ts'
import type { Store } from './store.ts'
import { strategyLookup } from './strategies.ts'
import type { CloseOptions, WorkerOptions } from './worker-options.ts'
import { WorkerEvented } from './worker-events.ts'

const CLOSE_TIMEOUT_MS = 30_000
/** What handlers get to heed their signal when the worker's close runs out of time. */
const CLOSE_GRACE_MS = 1000
/** What a failing store gets to take the last endings; after it they are left to their leases. */
const FLUSH_MS = 5000
/** Between tries to open a store that cannot be opened. */
const OPEN_RETRY_MS = 1000

/** Runs handlers for the jobs of a queue. Any number of workers, in one process or as many as the store can serve, may share a queue. */
export class Worker<First = any, Result = Omitted, Name extends string = string> extends WorkerEvented<
  First,
  Result,
  Name
> {
  /** The queue's. */
  readonly name: string
  readonly #store: Store
  readonly #shift: Shift
  readonly #byHand: ByHand
  readonly #hold: (ms: number) => Promise<void>
  /** What bounds its concurrency. */
  readonly #sizes: Pick<WorkerOptions, 'batch'>
  /** Made without a handler. */
  readonly #isByHand: boolean
  #running: Promise<void> | undefined
  #begun = false
  #paused = false
  #closing: Promise<void> | undefined
  #wakeOpening: (() => void) | undefined
  #ended: (() => void) | undefined
  /** Ends what keeps the process alive. */
  #letGo: (() => void) | undefined

  /** @throws HoldfastError `OPTION_INVALID` naming the field, `NOT_SUPPORTED` with what to write instead. */
  constructor(
    name: string,
    handler: Handler<MapOf<First, Result, Name>> | Handlers<MapOf<First, Result, Name>> | null,
    options: WorkerOptions<First>,
  ) {
    super(() => this.#store.host)
    this.name = checkQueueName(name)
    const { options: checked, passed } = checkWorkerOptions<WorkerOptions>(options, storeCheck)
    const {
      store,
      concurrency = WORKER_DEFAULTS.concurrency,
      lockDuration = WORKER_DEFAULTS.lockDuration,
    } = checked
    this.#store = store
    this.#sizes = checked
    const ledger = openLedger(store, name)
    const maxStalledCount = checked.maxStalledCount ?? WORKER_DEFAULTS.maxStalledCount
    const worker = `${escapePart(checked.name ?? processName())}.${randomPart(store.host)}`
    const rules = {
      retryIf: checked.retryIf,
      strategyOf: strategyLookup(checked),
      schemasOf: schemaLookup(checked.schemas),
      hold: (ms: number): Promise<void> => holdQueue(ledger, ms),
    }
    this.#hold = rules.hold
    this.#shift = new Shift(
      {
        ledger,
        concurrency,
        batch: checked.batch,
        perName: checked.perName ?? {},
        leaseMs: lockDuration,
        renewMs: checked.lockRenewTime ?? lockDuration / 2,
        maxStalledCount,
        worker,
        introduction: { host: hostName(), names: namesOf(handler) },
        handlerOf: handlerLookup(handler),
        ...rules,
        almanac: almanacOf(store),
        limiter: checked.limiter,
        group: checked.group ?? {},
      },
      this.#reports(),
    )
    let claims = 0
    this.#byHand = new ByHand(
      ledger,
      {
        worker: `${worker}-hand`,
        leaseMs: lockDuration,
        maxStalledCount,
        limiter: checked.limiter,
        group: checked.group ?? {},
        next: () => ++claims,
      },
      { ...rules, now: () => store.now(), error: (error) => this.events.emit('error', error) },
    )
    const warning = passedOver(`the worker of ${JSON.stringify(name)}`, passed)
    if (warning !== undefined) store.host.warn(warning)
    this.#isByHand = handler === null
    if (this.#isByHand && checked.batch !== undefined)
      refuseOption('batch', checked.batch, 'left out where there is no handler')
    if (!this.#isByHand && (checked.autorun ?? WORKER_DEFAULTS.autorun)) void this.run()
  }

  /** Starts working, unless `autorun` did; resolves when the worker is closed. @throws HoldfastError `NOT_SUPPORTED` where it was made without a handler. */
  run(): Promise<void> {
    if (this.#isByHand) {
      const why = 'this worker has no handler: take its jobs with getNextJob()'
      return Promise.reject(new HoldfastError('NOT_SUPPORTED', why))
    }
    this.#running ??= this.#closing ?? this.#run()
    return this.#running
  }

  /**
   * The next job of the queue, or `undefined`: to be ended with `moveToCompleted`, `moveToFailed` or `moveToDelayed`. Its lease
   * of `lockDuration` is not renewed: see `extendLock`. With `null` as its handler a worker does nothing else.
   *
   * @throws HoldfastError `CLOSING` once the worker is closed, and the store's.
   */
  async getNextJob(token?: string): Promise<JobOf<MapOf<First, Result, Name>> | undefined> {
    if (this.#closing !== undefined) throw new HoldfastError('CLOSING', 'the worker is closed')
    await this.#store.ready()
    return (await this.#byHand.next(token)) as unknown as JobOf<MapOf<First, Result, Name>> | undefined
  }

  /** Whether it was started and is not closed; a paused worker runs. */
  isRunning(): boolean {
    return this.#running !== undefined && this.#closing === undefined
  }

  /** Stops claiming; waits for running handlers unless told not to. The queue itself goes on for other workers. */
  async pause(doNotWaitActive = false): Promise<void> {
    if (!this.#paused) {
      this.#paused = true
      this.#shift.stopClaiming()
      this.events.emit('paused')
    }
    if (!doNotWaitActive) await this.#shift.handlersDone()
  }

  /** Claims again after `pause`. */
  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    if (this.#begun && this.#closing === undefined) this.#shift.startClaiming()
    this.events.emit('resumed')
  }

  /** Whether `pause` of this worker holds; the queue's own pause is the queue's `isPaused`. */
  isPaused(): boolean {
    return this.#paused
  }

  /**
   * No worker claims a job of the queue for `ms` milliseconds from now: what a handler does about a 429, before it throws a
   * `RateLimitError`. A longer wait that was asked for before stays. @throws HoldfastError `OPTION_INVALID`, and the store's.
   */
  async rateLimit(ms: number): Promise<void> {
    duration(1)(ms, 'ms')
    await this.#store.ready()
    await this.#hold(ms)
  }

  /**
   * The same for the jobs of one group: that of `job`. @throws HoldfastError `OPTION_INVALID`; `JOB_STATE` for a job of no group.
   */
  async rateLimitGroup(job: Pick<Job, 'id' | 'opts'>, ms: number): Promise<void> {
    duration(1)(ms, 'ms')
    await this.#store.ready()
    await holdGroup(openLedger(this.#store, this.name), job.opts.group?.id ?? noGroup(job.id), ms)
  }

  /** What a handler throws after `rateLimit(ms)`: the job keeps its place, no attempt is burnt. */
  static RateLimitError(): RateLimitError {
    return new RateLimitError()
  }

  /** Handlers that run at once, each with a batch where those are asked for; setting it takes effect with the next claim. */
  get concurrency(): number {
    return this.#shift.concurrency
  }

  /** @throws HoldfastError `OPTION_INVALID` for what is no whole number from 1 to 10,000. */
  set concurrency(concurrency: number) {
    this.#shift.concurrency = concurrencyOf(this.#sizes, concurrency)
  }

  /**
   * Stops claiming at once and lets handlers go on until the timeout; then their signals abort (`CLOSING`), and after a
   * second of grace what still runs is given back, with no attempt burnt. `true` is a timeout of 0. Resolves when nothing is left of the worker; the
   * store stays open. Calling it again gives the same promise.
   */
  close(options: CloseOptions | true = {}): Promise<void> {
    this.#closing ??= this.#close(
      options === true
        ? 0
        : (checkOptions<{ timeout: number }>(options, { timeout: closeTimeoutCheck }, 'close').timeout ??
            CLOSE_TIMEOUT_MS),
    )
    return this.#closing
  }

  /** As `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #run(): Promise<void> {
    const ended = new Promise<void>((resolve) => {
      this.#ended = resolve
    })
    // A process with a worker lives until the worker is closed, however idle it is; this timer never fires.
    this.#letGo = this.#store.host.timer(Number.MAX_SAFE_INTEGER, () => undefined)
    // A store that never says whether it opens does not keep a closed worker.
    while (this.#closing === undefined && !this.#begun) await Promise.race([this.#open(), ended])
    await ended
    this.#letGo()
  }

  /** Opens the store and begins; a store that cannot be opened is said so and tried again. */
  async #open(): Promise<void> {
    try {
      await this.#store.ready()
      if (this.#closing !== undefined) return
      this.#begun = true
      this.#shift.begin()
      if (this.#paused) this.#shift.stopClaiming()
    } catch (error) {
      if (this.#closing !== undefined) return
      this.events.emit('error', asHoldfastError(error))
      await new Promise<void>((resolve) => {
        const cancel = this.#store.host.timer(OPEN_RETRY_MS, resolve)
        this.#wakeOpening = () => {
          cancel()
          resolve()
        }
      })
    }
  }

  async #close(timeoutMs: number): Promise<void> {
    await Promise.resolve()
    this.events.emit('closing')
    this.#wakeOpening?.()
    this.#shift.stopClaiming()
    if (!(await this.#within(timeoutMs, this.#shift.handlersDone()))) {
      this.#shift.interrupt()
      await this.#within(CLOSE_GRACE_MS, this.#shift.handlersDone())
      this.#shift.release()
    }
    if (!(await this.#within(FLUSH_MS, this.#shift.flushed()))) {
      const message = `the worker closed while the store did not take the ends of ${this.#shift.unsettled} jobs; they will be run again when their leases expire`
      this.events.emit('error', new HoldfastError('STORE_FAILED', message, { outcome: 'unknown' }))
    }
    await this.#within(FLUSH_MS, Promise.all([this.#shift.end(), this.#byHand.stop()]))
    this.#ended?.()
    this.events.emit('closed')
  }

  /** Whether a promise was fulfilled within so many ms. */
  async #within(ms: number, done: Promise<unknown>): Promise<boolean> {
    if (ms === Infinity) return done.then(() => true)
    return new Promise((resolve, reject) => {
      const cancel = this.#store.host.timer(ms, () => resolve(false))
      done.then(() => resolve(true), reject).finally(cancel)
    })
  }

  #reports() {
    const events = this.events as unknown as Events<WorkerEvents<Job>>
    return {
      active: (job: Job) => events.emit('active', job, 'waiting'),
      progress: (job: Job, progress: unknown) => events.emit('progress', job, progress),
      completed: (job: Job, result: unknown) => events.emit('completed', job, result, 'active'),
      failed: (job: Job, error: Error, final: boolean) => {
        events.emit('failed', job, error, 'active')
        if (final) events.emit('retries-exhausted', job.id, job.attemptsMade)
      },
      cancelled: (id: string, reason: string) => events.emit('cancelled', id, reason),
      passed: ({ queue, depth }: Depth) => events.emit('deadLetterDepth', queue, depth),
      stalled: (id: string) => events.emit('stalled', id, 'active'),
      lockLost: (job: Job) => events.emit('lockLost', job),
      drained: () => events.emit('drained'),
      error: (error: Error) => events.emit('error', error),
      storeClosed: () => this.#letGo?.(),
    }
  }
}
