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

  /** The jobs of its batch, in the order of the queue; of a worker without `batch`, or outside of a handler, this job alone. */
  getBatch(): Job<Data, Result, Name, Progress>[] {
    return [...(this.#part?.jobs ?? [this])] as unknown as Job<Data, Result, Name, Progress>[]
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
  }

  #partFor(instead: string): Part {
    if (this.#part === undefined)
      throw new HoldfastError('NOT_SUPPORTED', `job ${this.id} is in no batch: ${instead}`)
    return this.#part
  }
}
