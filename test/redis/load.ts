/**
 * A load on one queue and its books: jobs that are added until each is acknowledged, and workers that run them. It judges
 * what must not be: a job lost, run twice at once, completed twice, or run with a fence that does not rise. It knows no
 * faults; those are played by the tests, around it.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { Queue, Worker, type WorkerOptions } from '../../src/index.ts'
import type { HoldfastError } from '../../src/error.ts'
import type { Store } from '../../src/store.ts'

const QUEUE = 'load'
/** Before an add that was rejected is tried again. */
const PAUSE_MS = 5

export interface Figures {
  readonly acknowledged: number
  /** Adds that were rejected, by what is known of them, and tried again. */
  readonly failed: number
  readonly unknown: number
  readonly completed: number
  /** Runs that were not a job's first. */
  readonly repeated: number
}

export class Load implements AsyncDisposable {
  /** What must not be, as sentences. */
  readonly faults: string[] = []
  /** What the workers reported, by code. */
  readonly errors = new Map<string, number>()
  readonly #workers: Worker[] = []
  readonly #acknowledged = new Set<string>()
  readonly #completed = new Set<string>()
  readonly #running = new Set<string>()
  readonly #fences = new Map<string, number>()
  readonly #rejected = { failed: 0, unknown: 0 }
  #repeated = 0
  #next = 0
  #heard: (() => void)[] = []

  get figures(): Figures {
    return {
      acknowledged: this.#acknowledged.size,
      ...this.#rejected,
      completed: this.#completed.size,
      repeated: this.#repeated,
    }
  }

  /** Starts a worker whose handler takes `ms`. */
  work(store: Store, concurrency: number, options: Partial<WorkerOptions> & { ms?: number } = {}): Worker {
    const { ms = 0, ...rest } = options
    const handler = async (job: { id: string }, { fence }: { fence: number }): Promise<void> => {
      const { id } = job
      if (this.#running.has(id)) this.faults.push(`${id} runs twice at once`)
      if (this.#fences.has(id)) this.#repeated++
      if (fence <= (this.#fences.get(id) ?? 0)) this.faults.push(`the fence of ${id} does not rise`)
      this.#fences.set(id, fence)
      this.#running.add(id)
      if (ms > 0) await sleep(ms)
      this.#running.delete(id)
    }
    const worker = new Worker(QUEUE, handler, { store, concurrency, ...rest })
    worker.on('completed', ({ id }) => {
      if (this.#completed.has(id)) this.faults.push(`${id} is completed twice`)
      this.#completed.add(id)
      this.#tell()
    })
    worker.on('error', (error) => {
      const { code = error.message } = error as Partial<HoldfastError>
      this.errors.set(code, (this.errors.get(code) ?? 0) + 1)
    })
    this.#workers.push(worker)
    return worker
  }

  /** Adds jobs by so many callers until `enough`, each again and again under its id until it is acknowledged. */
  async add(store: Store, callers: number, enough: (added: number) => boolean): Promise<void> {
    const queue = new Queue(QUEUE, { store, defaultJobOptions: { removeOnComplete: false } })
    const caller = async (): Promise<void> => {
      while (!enough(this.#next)) await this.#addOne(queue, `job-${this.#next++}`)
    }
    await Promise.all(Array.from({ length: callers }, caller))
  }

  /** Resolves once every job that was acknowledged is completed. */
  async drained(): Promise<void> {
    while (this.#completed.size < this.#acknowledged.size)
      await new Promise<void>((resolve) => this.#heard.push(resolve))
  }

  /** Resolves once so many are completed. */
  async completed(count: number): Promise<void> {
    while (this.#completed.size < count) await new Promise<void>((resolve) => this.#heard.push(resolve))
  }

  /** Ends the workers, looks at what is stored, and says all that must not be. */
  async judge(store: Store): Promise<readonly string[]> {
    await this[Symbol.asyncDispose]()
    const queue = new Queue(QUEUE, { store })
    const { problems, jobs } = await queue.verify()
    this.faults.push(...problems)
    if (jobs !== this.#next) this.faults.push(`${jobs} jobs are there of ${this.#next}`)
    const { completed } = await queue.getJobCounts('completed')
    if (completed !== this.#next) this.faults.push(`${completed} jobs are completed of ${this.#next}`)
    return this.faults
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#workers.splice(0).map((worker) => worker.close()))
  }

  async #addOne(queue: Queue, id: string): Promise<void> {
    for (;;) {
      try {
        await queue.add('job', { id }, { jobId: id })
        this.#acknowledged.add(id)
        return
      } catch (error) {
        this.#rejected[(error as HoldfastError).outcome]++
        await sleep(PAUSE_MS)
      }
    }
  }

  #tell(): void {
    for (const heard of this.#heard.splice(0)) heard()
  }
}
