/** A job as users see it: the fields of `job-fields.ts`, and the methods that reach it by its id. */
import { DURATION_MOST, PRIORITY_MOST, TIME_MOST } from './core/bounds.ts'
import { type Force, type Intervention, cancelChecks, forceChecks, interventionChecks } from './core/audit.ts'
import { boolean, checkOptions, duration, integer } from './core/check.ts'
import { readReadyKey } from './core/ready-key.ts'
import type { JobState } from './core/lifecycle.ts'
import { reasonOf } from './core/reason.ts'
import { type PayloadText, decodePayload, encodeData, encodeResult } from './core/payload.ts'
import { HoldfastError } from './error.ts'
import { JobBatch } from './job-batch.ts'
import type { JobHold } from './job-source.ts'
import type { DataOf, NameOf, ProgressOf, ResultOf } from './job-map.ts'
import { clearLogLines, readLogLines, writeLogLine, writeProgress } from './ledger/annotate.ts'
import type { Note } from './ledger/audit.ts'
import { cancelJob } from './ledger/cancel.ts'
import { removeId } from './ledger/deduplicate.ts'
import { changeData, changeDueTime, changePriority } from './ledger/edit.ts'
import { removeJob, retryJob, stateOf } from './ledger/locate.ts'
import { encodeConforming } from './loops/conform.ts'
import { nextUlid } from './ulids.ts'

/** What BullMQ's users give as a token: the text `getNextJob` was given, or a handler's context. */
export type JobToken =
  | string
  | {
      /** The claim under which the job runs. */
      readonly token: string
    }

/** The job a name of a map stands for. */
export type JobOf<Map, Name extends NameOf<Map> = NameOf<Map>> = {
  [N in Name]: Job<DataOf<Map, N>, ResultOf<Map, N>, N, ProgressOf<Map, N>>
}[Name]

/** A job as it was when it was looked at, and the methods that reach it by its id. Queues and workers make them. */
export class Job<Data = any, Result = any, Name extends string = string, Progress = unknown> extends JobBatch<
  Data,
  Result,
  Name,
  Progress
> {
  #progressWrite: { text: PayloadText; readonly done: Promise<void> } | undefined
  #logWrite: Promise<number> | undefined
  #lastProgressWrite: Promise<void> | undefined
  #unfinished: Promise<unknown> | undefined

  /**
   * Replaces the job's progress, any value of JSON. Resolves once it is stored; of calls made meanwhile only the last one's
   * value is written. In a handler it is refused once the lease is lost; a handler need not wait for it.
   *
   * @throws HoldfastError `LOCK_LOST`, `JOB_NOT_FOUND`, `PAYLOAD_NOT_JSON`, `PAYLOAD_TOO_LARGE`.
   */
  updateProgress(progress: Progress): Promise<void> {
    return this.#write(this.#replaceProgress(progress))
  }

  /** Adds a line to the job's log; resolves with the number of lines kept. A line above 4 KiB is cut. A handler need not wait for it. */
  log(line: string): Promise<number> {
    const { ledger, grant } = this.source
    const write = async (): Promise<number> =>
      writeLogLine(ledger, { name: this.record, grant }, String(line))
    // One after the other: they keep their order, and do not get into each other's way.
    const written = this.#logWrite === undefined ? write() : this.#logWrite.then(write, write)
    this.#logWrite = written
    return this.#write(written)
  }

  /** The log lines kept, oldest first; `start` and `end` are indexes, `end` inclusive, -1 the last. */
  async getLogs(start = 0, end = -1): Promise<{ logs: string[]; count: number }> {
    const lines = await readLogLines(this.source.ledger, this.record)
    return { logs: lines.slice(start, end < 0 ? lines.length + end + 1 : end + 1), count: lines.length }
  }

  /** Its state now; `unknown` when it no longer exists. */
  async getState(): Promise<JobState | 'unknown'> {
    return stateOf(this.source.ledger, this.record)
  }

  /** Whether it is `completed` now. */
  async isCompleted(): Promise<boolean> {
    return (await this.getState()) === 'completed'
  }

  /** Whether it is `failed` now. */
  async isFailed(): Promise<boolean> {
    return (await this.getState()) === 'failed'
  }

  /** Whether it is `delayed` now. */
  async isDelayed(): Promise<boolean> {
    return (await this.getState()) === 'delayed'
  }

  /** Whether it is `active` now. */
  async isActive(): Promise<boolean> {
    return (await this.getState()) === 'active'
  }

  /** Whether it is `waiting` now. */
  async isWaiting(): Promise<boolean> {
    return (await this.getState()) === 'waiting'
  }

  /** Removes the job and everything that is its own. @throws HoldfastError `JOB_NOT_FOUND`; `JOB_STATE` while it runs, unless `force`. */
  async remove(options: Force & Intervention = {}): Promise<void> {
    const { force = false, ...who } = checkOptions<Force & Intervention>(options, forceChecks, 'remove')
    const note: Note = { action: 'remove', id: this.id, ...who }
    if (!(await removeJob(this.source.ledger, this.record, force, note))) {
      throw new HoldfastError('JOB_NOT_FOUND', `there is no job ${this.id} in ${this.queueName}`)
    }
  }

  /** Takes its deduplication id away from the job, so that the next one is added; false where it has none (any more). */
  async removeDeduplicationKey(): Promise<boolean> {
    const id = this.deduplicationId
    return id !== undefined && (await removeId(this.source.ledger, id, this.record))
  }

  /**
   * Puts a finished job back in line, behind those that wait now, as a new generation; its stalls are forgotten, its
   * attempts only where `resetAttempts` is true.
   *
   * @throws HoldfastError `JOB_NOT_FOUND`; `JOB_STATE` for a job that is not finished.
   */
  async retry(options: { resetAttempts?: boolean } & Intervention = {}): Promise<void> {
    const { resetAttempts = false, ...who } = checkOptions<{ resetAttempts?: boolean } & Intervention>(
      options,
      { ...interventionChecks, resetAttempts: boolean },
      'retry',
    )
    const { ledger } = this.source
    const note: Note = { action: 'retry', id: this.id, ...who }
    const { head } = await retryJob(ledger, this.record, nextUlid(ledger.store), { resetAttempts, note })
    this.adopt({ head, result: '', history: this.history, lease: undefined, problem: undefined })
  }

  /**
   * Cancels the job, as `queue.cancel` does. Resolves with true where it is cancelled, or was before.
   *
   * @throws HoldfastError `OPTION_INVALID`.
   */
  async cancel(reason?: string, options: Force & Pick<Intervention, 'by'> = {}): Promise<boolean> {
    const why = reasonOf(reason)
    const { force = false, by } = checkOptions<Force & Pick<Intervention, 'by'>>(
      options,
      cancelChecks,
      'cancel',
    )
    const note: Note = { action: 'cancel', id: this.id, by, reason }
    const came = await cancelJob(this.source.ledger, this.record, why, { force, note })
    if (came.kind === 'ended')
      this.adopt({ head: came.departure.head, result: '', history: this.history, lease: undefined })
    return came.kind !== 'nothing'
  }

  /** Makes a delayed job due now. @throws HoldfastError `JOB_NOT_FOUND`; `JOB_STATE` for a job that is not delayed. */
  async promote(): Promise<void> {
    await this.changeDelay(0)
  }

  /** Makes a delayed job due `delay` ms from now. @throws HoldfastError `JOB_NOT_FOUND`; `JOB_STATE` for a job that is not delayed. */
  async changeDelay(delay: number): Promise<void> {
    duration()(delay, 'delay')
    const { ledger } = this.source
    const { head } = await changeDueTime(ledger, this.record, nextUlid(ledger.store), delay)
    this.show({ opts: { delay: head.opts.delay } })
  }

  /**
   * Changes the priority of a job that waits or is delayed, and whether it is last in, first out there; what is not given stays.
   *
   * @throws HoldfastError `OPTION_INVALID`, `JOB_NOT_FOUND`; `JOB_STATE` for a job that runs or is finished.
   */
  async changePriority(options: { priority?: number; lifo?: boolean }): Promise<void> {
    const wanted = checkOptions<{ priority?: number; lifo?: boolean }>(
      options,
      { priority: integer(0, PRIORITY_MOST), lifo: boolean },
      'changePriority',
    )
    const { head } = await changePriority(this.source.ledger, this.record, wanted)
    const { priority, lifo } = readReadyKey(head.key)
    this.show({ opts: { priority, lifo } })
  }

  /**
   * Replaces the job's data, whatever its state. In a handler it is refused once the lease is lost.
   *
   * @throws HoldfastError `PAYLOAD_NOT_JSON`, `PAYLOAD_TOO_LARGE`, `SCHEMA_MISMATCH`, `JOB_NOT_FOUND`, `LOCK_LOST`.
   */
  updateData(data: Data): Promise<void> {
    return this.#write(this.#replaceData(data))
  }

  async #replaceData(data: Data): Promise<void> {
    const { ledger, grant, schemasOf } = this.source
    const schemas = schemasOf?.(this.name)
    const text =
      schemas === undefined ? encodeData(data) : await encodeConforming(schemas.data, data, this.name)
    await changeData(ledger, { name: this.record, grant }, text)
    this.show({ data: { value: decodePayload(text) as Data } })
  }

  /**
   * Ends the lease of a job that `getNextJob` gave: it is completed with this result. `token`: what `getNextJob` was given, or nothing.
   *
   * @throws HoldfastError `LOCK_LOST`, `PAYLOAD_NOT_JSON`, `PAYLOAD_TOO_LARGE`, `SCHEMA_MISMATCH`; `NOT_SUPPORTED` in a handler,
   * which gives its result instead.
   */
  async moveToCompleted(returnvalue: Result, token?: JobToken, fetchNext = false): Promise<void> {
    const hold = this.#hold(token, fetchNext)
    const result = encodeResult(await hold.conform(returnvalue))
    const { head } = await hold.end({ kind: 'completed', result })
    this.adopt({ head, result, history: this.history })
  }

  /**
   * Ends the lease of a job that `getNextJob` gave: the attempt failed, and the job's options say whether there is another one.
   *
   * @throws HoldfastError `LOCK_LOST`; `NOT_SUPPORTED` in a handler, which throws instead.
   */
  async moveToFailed(error: unknown, token?: JobToken, fetchNext = false): Promise<void> {
    const { head } = await this.#hold(token, fetchNext).fail(error, this as unknown as Job)
    this.adopt({ head, result: '', history: this.history })
  }

  /**
   * Ends the lease of a job that `getNextJob` gave: it comes back at `timestamp` (ms since the epoch), no attempt burnt.
   *
   * @throws HoldfastError `LOCK_LOST`; `NOT_SUPPORTED` in a handler, which throws a `SnoozeError` instead.
   */
  async moveToDelayed(timestamp: number, token?: JobToken): Promise<void> {
    const hold = this.#hold(token, false)
    const at = integer(0, TIME_MOST, 'milliseconds')(timestamp, 'timestamp')
    const { head } = await hold.end({ kind: 'snoozed', ms: Math.max(1, at - hold.now()) })
    this.adopt({ head, result: '', history: this.history })
  }

  /** Makes the lease of a job that `getNextJob` gave last until `duration` ms from now. @throws HoldfastError `LOCK_LOST`. */
  async extendLock(token: JobToken | undefined, duration: number): Promise<void> {
    integer(1, DURATION_MOST, 'milliseconds')(duration, 'duration')
    await this.#hold(token, false).extend(duration)
  }

  #hold(token: JobToken | undefined, fetchNext: boolean): JobHold {
    const { hold, grant } = this.source
    if (hold === undefined) {
      throw new HoldfastError(
        'NOT_SUPPORTED',
        grant === undefined
          ? `job ${this.id} is not in these hands: take it with worker.getNextJob()`
          : `job ${this.id} is run by a handler: return its result, throw an error, or throw new SnoozeError(ms)`,
      )
    }
    if (fetchNext) throw new HoldfastError('NOT_SUPPORTED', 'write: await worker.getNextJob() after it')
    const shown = typeof token === 'object' ? token.token : token
    if (shown !== undefined && !hold.tokens.includes(shown))
      throw new HoldfastError('LOCK_LOST', `job ${this.id} is on a lease with another token`)
    return hold
  }

  /** Removes the job's log lines but the newest `keep`. @throws HoldfastError `JOB_NOT_FOUND`. */
  clearLogs(keep = 0): Promise<void> {
    const clear = async (): Promise<void> => {
      integer(0, Number.MAX_SAFE_INTEGER)(keep, 'keep')
      await clearLogLines(this.source.ledger, this.record, keep)
    }
    return this.#write(clear())
  }

  /** @internal Resolves once all that is being written has been, or has failed; `undefined` where nothing is. */
  get unfinished(): Promise<unknown> | undefined {
    return this.#unfinished
  }

  /** A write that nobody need wait for: its job ends after it, and should it fail that is no reason to end the process. */
  #write<Written>(write: Promise<Written>): Promise<Written> {
    const done = write.then(
      () => undefined,
      () => undefined,
    )
    const all: Promise<unknown> =
      this.#unfinished === undefined ? done : Promise.all([this.#unfinished, done])
    this.#unfinished = all
    void all.then(() => {
      if (this.#unfinished === all) this.#unfinished = undefined
    })
    return write
  }

  async #replaceProgress(progress: Progress): Promise<void> {
    const text = encodeResult(progress, 'progress')
    if (this.#progressWrite !== undefined) this.#progressWrite.text = text
    else this.#progressWrite = { text, done: this.#writeProgress() }
    await this.#progressWrite.done
    this.show({ progress: { value: progress } })
    this.source.onProgress?.(this as unknown as Job, progress)
  }

  /** One write at a time; the value is taken when the write begins. */
  async #writeProgress(): Promise<void> {
    const { ledger, grant } = this.source
    const before = this.#lastProgressWrite
    const write = (async () => {
      await before?.catch(() => undefined)
      const { text } = this.#progressWrite!
      this.#progressWrite = undefined
      await writeProgress(ledger, { name: this.record, grant }, text)
    })()
    this.#lastProgressWrite = write
    return write
  }
}
