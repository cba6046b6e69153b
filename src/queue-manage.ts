/** Intervening in a queue: pausing it, and changing or removing its jobs one by one or all at once. It checks what users give and calls the ledger. */
import {
  type AuditAction,
  type AuditLine,
  type Force,
  type Intervention,
  cancelChecks,
  forceChecks,
  interventionChecks,
} from './core/audit.ts'
import { AUDIT_LINES, PAGE_KEYS } from './core/bounds.ts'
import { type Checks, boolean, checkOptions, duration, integer, refuseOption } from './core/check.ts'
import { type CheckedFilter, type FinishedFilter, filterChecks } from './core/finished-filter.ts'
import { reasonOf } from './core/reason.ts'
import { keyTextCheck } from './core/names.ts'
import { jobIdOf } from './core/keys.ts'
import { HoldfastError } from './error.ts'
import type { Omitted } from './job-map.ts'
import { type Note, leaveLine, readAudit } from './ledger/audit.ts'
import { type Cancelling, cancelJob } from './ledger/cancel.ts'
import { partsInHead, readConfig } from './ledger/claim.ts'
import { asHoldfastError } from './ledger/commit.ts'
import { readJob } from './ledger/inspect.ts'
import { removeId } from './ledger/deduplicate.ts'
import { recordOf } from './ledger/ledger.ts'
import { removeJob } from './ledger/locate.ts'
import { type CleanState, cleanQueue, drainQueue, promoteQueue, retryQueue } from './ledger/mass.ts'
import { obliterateQueue } from './ledger/obliterate.ts'
import { type Redriven, redriveLetters } from './ledger/redrive.ts'
import { changeConfig } from './ledger/settings.ts'
import { Retain } from './loops/retain.ts'
import { QueueGroups } from './queue-groups.ts'
import type { RetryJobsOptions } from './queue-options.ts'
import { nextUlid } from './ulids.ts'

/** What `clean` removes. */
const CLEAN_STATES: readonly CleanState[] = ['completed', 'failed', 'waiting', 'prioritized', 'delayed']

/** What `redrive` can be told. */
export interface RedriveOptions extends Intervention {
  /** Letters that are sent back at most; default: all. */
  count?: number
  /** Which letters, by the name of the job and by how it failed; default: all. */
  filter?: FinishedFilter
}

type CheckedRedrive = Omit<RedriveOptions, 'filter'> & { filter?: CheckedFilter }

const redriveChecks: Checks<CheckedRedrive> = {
  ...interventionChecks,
  count: integer(1, Number.MAX_SAFE_INTEGER),
  filter: (value, field) => checkOptions(value, filterChecks, field, `${field}.`),
}

/** @internal The part of a queue that intervenes. */
export abstract class QueueManage<
  First = any,
  Result = Omitted,
  Name extends string = string,
> extends QueueGroups<First, Result, Name> {
  readonly #retain = new Retain(this.ledger, (error) => this.events.emit('error', asHoldfastError(error)))

  /** Ends this queue object; the store stays open. Later calls reject with `QUEUE_CLOSED`. */
  override async close(): Promise<void> {
    await super.close()
    await this.#retain.stop()
  }

  /** Once this resolves no job of the queue is claimed by any worker; those that run go on. */
  async pause(options: Intervention = {}): Promise<void> {
    const who = checkOptions<Intervention>(options, interventionChecks, 'pause')
    await this.open()
    const note: Note = { action: 'pause', ...who }
    if (await changeConfig(this.ledger, (config) => ({ ...config, paused: true }), note))
      this.events.emit('paused')
  }

  /** Ends the pause. */
  async resume(options: Intervention = {}): Promise<void> {
    const who = checkOptions<Intervention>(options, interventionChecks, 'resume')
    await this.open()
    const note: Note = { action: 'resume', ...who }
    if (
      await changeConfig(this.ledger, (config) => ({ ...config, paused: false, obliterating: false }), note)
    )
      this.events.emit('resumed')
  }

  /** Whether the queue is paused, by whatever object or process. */
  async isPaused(): Promise<boolean> {
    await this.open()
    return (await readConfig(this.ledger)).config.paused ?? false
  }

  /** Removes a job and everything that is its own: 1, or 0 where there is none. @throws HoldfastError `JOB_STATE` while it runs, unless `force`. */
  async remove(id: string, options: Force & Intervention = {}): Promise<number> {
    const { force = false, ...who } = checkOptions<Force & Intervention>(options, forceChecks, 'remove')
    await this.open()
    const note: Note = { action: 'remove', id: String(id), ...who }
    const removed = await removeJob(this.ledger, recordOf(this.ledger, String(id)), force, note)
    if (removed) this.events.emit('removed', String(id))
    return removed ? 1 : 0
  }

  /** Takes a deduplication id away from the job that has it, which stays: 1, or 0 where none has it. */
  async removeDeduplicationKey(id: string): Promise<number> {
    keyTextCheck(id, 'the deduplication id')
    await this.open()
    return (await removeId(this.ledger, id)) ? 1 : 0
  }

  /**
   * Cancels a job: it fails for good with `failedCode` CANCELLED and the reason, is not tried again and goes to no dead letters.
   * One that waits or is delayed ends at once. One that runs ends with its lease: its signal aborts (`CANCELLED`), and whatever its
   * handler then gives or throws, and even if its process dies, it has failed; `cancelled` and `failed` are emitted by its worker.
   *
   * `force` does not wait for the handler: the lease is taken from it and the job ends now. The handler may still be running, its
   * result is discarded, and what limits how many run at once no longer counts it.
   *
   * Resolves with true where the job is cancelled, or was before; false where there is none, or it had finished.
   *
   * @throws HoldfastError `OPTION_INVALID`.
   */
  async cancel(
    id: string,
    reason?: string,
    options: Force & Pick<Intervention, 'by'> = {},
  ): Promise<boolean> {
    const why = reasonOf(reason)
    const { force = false, by } = checkOptions<Force & Pick<Intervention, 'by'>>(
      options,
      cancelChecks,
      'cancel',
    )
    await this.open()
    const name = recordOf(this.ledger, String(id))
    const note: Note = { action: 'cancel', id: String(id), by, reason }
    const came = await cancelJob(this.ledger, name, why, { force, note })
    if (came.kind === 'ended') await this.#announceEnd(name, came)
    return came.kind !== 'nothing'
  }

  async #announceEnd(name: string, { raw, departure, from }: Cancelling & { kind: 'ended' }): Promise<void> {
    const { head } = departure
    this.#retain.note(departure)
    const gone = { id: jobIdOf(name), raw, head, ...partsInHead({ head }), result: '', history: [] }
    // Told with what is known, where it cannot be read: the job is cancelled all the same.
    const read = departure.lane === 'gone' ? undefined : readJob(this.ledger, name).catch(() => undefined)
    const job = this.job((await read) ?? gone)
    const reason = head.failedReason ?? ''
    this.events.emit('cancelled', job.id, reason)
    this.events.emit('failed', job, new HoldfastError('CANCELLED', reason), from)
  }

  /** Removes every job that waits; with `delayed` those that are delayed too. Jobs that run, and finished ones, stay. */
  async drain(delayed = false, options: Intervention = {}): Promise<void> {
    boolean(delayed, 'delayed')
    const who = checkOptions<Intervention>(options, interventionChecks, 'drain')
    await this.open()
    await this.#left('drain', await drainQueue(this.ledger, delayed), who)
  }

  /**
   * Removes jobs of one state that finished (or, those that wait or are delayed, were added) at least `grace` ms ago: at most
   * `limit`, of finished ones the oldest, of others the first in line; 0 is all. Resolves with their ids. In bounded steps: what
   * is interrupted can be called again.
   *
   * @throws HoldfastError `OPTION_INVALID`.
   */
  async clean(
    grace: number,
    limit = 0,
    state: CleanState = 'completed',
    options: Intervention = {},
  ): Promise<string[]> {
    duration()(grace, 'grace')
    integer(0, Number.MAX_SAFE_INTEGER)(limit, 'limit')
    if (!CLEAN_STATES.includes(state)) refuseOption('state', state, `one of ${CLEAN_STATES.join(', ')}`)
    const who = checkOptions<Intervention>(options, interventionChecks, 'clean')
    await this.open()
    const cleaned: string[] = []
    for await (const ids of cleanQueue(this.ledger, grace, limit === 0 ? Infinity : limit, state)) {
      for (const id of ids) cleaned.push(id)
    }
    await this.#left('clean', cleaned.length, who)
    if (cleaned.length > 0) this.events.emit('cleaned', cleaned, state)
    return cleaned
  }

  /**
   * Removes the queue with everything in it: jobs of every state and its settings. No job is claimed from the moment it
   * begins; jobs added meanwhile may go too. Interrupted, it leaves the queue paused: call it again to end it, or `resume()`.
   *
   * @throws HoldfastError `JOB_STATE` while jobs run, unless `force`: then their leases end, and their handlers are told to stop.
   */
  async obliterate(options: Force & Intervention = {}): Promise<void> {
    const { force = false, ...who } = checkOptions<Force & Intervention>(options, forceChecks, 'obliterate')
    await this.open()
    await obliterateQueue(this.ledger, force, { action: 'obliterate', ...who })
  }

  /**
   * Puts finished jobs back in line, behind those that wait now: those of `state` (default `failed`) of which all that is given
   * holds. Resolves with how many. In bounded steps: what is interrupted can be called again.
   *
   * @throws HoldfastError `OPTION_INVALID`.
   */
  async retryJobs(options: RetryJobsOptions = {}): Promise<number> {
    const checked = checkOptions<CheckedRetryJobs>(options, retryJobsChecks, 'retryJobs')
    const {
      state = 'failed',
      resetAttempts = false,
      timestamp,
      count = PAGE_KEYS,
      by,
      reason,
      ...filter
    } = checked
    if (timestamp !== undefined && filter.to !== undefined)
      refuseOption('timestamp', timestamp, 'left out where to is given')
    if (filter.code !== undefined && state === 'completed')
      refuseOption('code', filter.code, "left out where state is 'completed'")
    await this.open()
    const retried = await retryQueue(this.ledger, {
      state,
      filter: { ...filter, to: filter.to ?? timestamp },
      resetAttempts,
      step: Math.min(count, PAGE_KEYS),
      ulid: () => nextUlid(this.ledger.store),
    })
    return this.#left('retryJobs', retried, { by, reason })
  }

  /**
   * Sends dead letters back to the queues they came from, each under the id it had there, with no attempts made and as a new
   * generation: those that wait in this queue, or failed in it too, the first in line first. `count`: at most so many (default: all).
   * `filter`: those of a name, that failed `from` and `to` (ms since the epoch or a Date), that failed for a `failedCode`. One whose id
   * lives there again is skipped and stays. In bounded steps: what is interrupted can be called again, and each comes back once.
   *
   * @throws HoldfastError `OPTION_INVALID`.
   */
  async redrive(options: RedriveOptions = {}): Promise<Redriven> {
    const {
      count = Infinity,
      filter = {},
      ...who
    } = checkOptions<CheckedRedrive>(options, redriveChecks, 'redrive')
    await this.open()
    const came = await redriveLetters(this.ledger, count, filter)
    await this.#left('redrive', came.redriven, who)
    return came
  }

  /** Makes every delayed job due now. Resolves with how many. */
  async promoteJobs(options: Intervention = {}): Promise<number> {
    const who = checkOptions<Intervention>(options, interventionChecks, 'promoteJobs')
    await this.open()
    const count = await promoteQueue(this.ledger, () => nextUlid(this.ledger.store))
    return this.#left('promoteJobs', count, who)
  }

  /**
   * Who intervened in the queue, the newest first: `{ at, action, id?, count?, by?, reason? }`, a line for each job that was removed,
   * retried or cancelled by hand, each pause and its end, and each mass change of at least one job. The newest 1,000 are kept;
   * `limit` (default 100) is how many are given.
   *
   * @throws HoldfastError `OPTION_INVALID`.
   */
  async audit(options: { limit?: number } = {}): Promise<AuditLine[]> {
    const { limit = 100 } = checkOptions<{ limit?: number }>(
      options,
      { limit: integer(1, AUDIT_LINES) },
      'audit',
    )
    await this.open()
    return readAudit(this.ledger, limit)
  }

  /**
   * A mass change was made in many steps: its line says how many jobs it was. What was done is done: a line that cannot be left is
   * told of on `error`, and does not make the change look undone.
   */
  async #left(action: AuditAction, count: number, who: Intervention): Promise<number> {
    if (count === 0) return 0
    await leaveLine(this.ledger, { action, count, ...who }).catch((error: unknown) =>
      this.events.emit('error', asHoldfastError(error)),
    )
    return count
  }
}

const finishedState = (value: unknown, field: string): 'failed' | 'completed' =>
  value === 'failed' || value === 'completed' ? value : refuseOption(field, value, "'failed' or 'completed'")

type CheckedRetryJobs = Omit<RetryJobsOptions, keyof CheckedFilter> & CheckedFilter

const retryJobsChecks: Checks<CheckedRetryJobs> = {
  ...interventionChecks,
  state: finishedState,
  ...filterChecks,
  resetAttempts: boolean,
  timestamp: integer(0, Number.MAX_SAFE_INTEGER, 'milliseconds'),
  count: integer(1, Number.MAX_SAFE_INTEGER, 'jobs'),
}
