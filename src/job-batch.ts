/** What a job is to the handler of a batch: the jobs beside it, and saying how it ends before the handler does. */
import { HoldfastError } from './error.ts'
import { JobFields } from './job-fields.ts'
import type { Job } from './job.ts'
import type { Part } from './loops/batch.ts'

/** @internal */
export abstract class JobBatch<
  Data = any,
  Result = any,
  Name extends string = string,
  Progress = unknown,
> extends JobFields<Data, Result, Name, Progress> {
  #part: Part | undefined
  /** While the handler runs. */
  #jobs: Part['jobs'] | undefined

  /**
   * The jobs of its batch while their handler runs, in the order of the queue. Else this job alone: of a worker without `batch`, once
   * the handler is done, and to a listener of `completed` or `failed`, as each job of a batch has events of its own.
   */
  getBatch(): Job<Data, Result, Name, Progress>[] {
    return [...(this.#jobs ?? [this])] as unknown as Job<Data, Result, Name, Progress>[]
  }

  /**
   * The attempt of this job of a batch failed, as if a handler had thrown `error`; the others go on. Its lease ends now. What is said
   * of a job first counts, and what the handler then returns or throws is not said of this one.
   *
   * @throws HoldfastError `NOT_SUPPORTED` for a job that is in no batch.
   */
  setAsFailed(error: unknown): void {
    this.#partFor('throw the error').conclude({ error })
  }

  /** This job of a batch is completed, with a result of its own. Otherwise as `setAsFailed`. @throws HoldfastError `NOT_SUPPORTED`. */
  setAsCompleted(result: Result): void {
    this.#partFor('return the result').conclude({ result })
  }

  /** @internal The handler is about to be called. */
  join(part: Part): void {
    this.#part = part
    this.#jobs = part.jobs
  }

  /** @internal The handler is done. */
  part(): void {
    this.#jobs = undefined
  }

  /** @internal Tells of this job, whose handler may go on with the others. */
  apart(tell: () => void): void {
    const jobs = this.#jobs
    this.#jobs = undefined
    tell()
    this.#jobs = jobs
  }

  #partFor(instead: string): Part {
    if (this.#part === undefined)
      throw new HoldfastError('NOT_SUPPORTED', `job ${this.id} is in no batch: ${instead}`)
    return this.#part
  }
}
