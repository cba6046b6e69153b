/**
 * From a grant to a handler that runs: what is read before it, jobs that are not run after all, and whether each job has a handler's
 * call of its own or shares one.
 */
import type { BatchOptions } from '../core/batch-options.ts'
import { expiry, hasExpired } from '../core/lifecycle.ts'
import type { Job } from '../job.ts'
import {
  type Grant,
  type GrantedParts,
  endOfUnreadable,
  hasParts,
  partsInHead,
  readParts,
} from '../ledger/claim.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { endOfCrowded } from '../ledger/set-aside.ts'
import { type AnyHandler, Attempt, type AttemptOptions } from './attempt.ts'
import { Batch } from './batch.ts'
import type { Names } from './names.ts'
import type { Outcomes } from './outcomes.ts'
import type { Renewal } from './renew.ts'
import type { Ended } from './settling.ts'
import type { Slots } from './slots.ts'

export interface StartsOptions {
  readonly ledger: Ledger
  readonly batch: BatchOptions | undefined
  readonly attemptOptions: AttemptOptions
  readonly handlerOf: (name: string) => AnyHandler | undefined
  /** There is a handler for each name. */
  readonly hasNames: boolean
  readonly slots: Slots
  readonly names: Names
  readonly renewal: Renewal
  readonly outcomes: Outcomes
  readonly started: (attempt: Attempt) => void
  /** A lease ends whose job never ran. */
  readonly ended: (ended: Ended) => void
  readonly error: (error: unknown) => void
}

/** Milliseconds before jobs whose data could not be read are claimed again. */
const READ_RETRY_MS = 1000

export class Starts {
  /** No handler is started any more. */
  isOver = false
  readonly #options: StartsOptions

  constructor(options: StartsOptions) {
    this.#options = options
  }

  start(grants: readonly Grant[]): void {
    this.#options.slots.take(grants)
    if (!grants.some(hasParts)) return this.#begin(grants)
    readParts(this.#options.ledger, grants).then(
      (parts) => this.#begin(grants, parts),
      (error: unknown) => {
        this.#options.error(error)
        // Not at once: a store that still takes claims while it cannot read would be asked without end.
        for (const grant of grants) this.#give(grant, { kind: 'snoozed', ms: READ_RETRY_MS })
      },
    )
  }

  /** Jobs of a claim that is answered too late: the worker pauses or closes by now. */
  giveBack(grants: readonly Grant[]): void {
    this.#options.slots.take(grants)
    for (const grant of grants) this.#give(grant, { kind: 'released' })
  }

  #begin(grants: readonly Grant[], parts?: readonly GrantedParts[]): void {
    const { batch, slots, attemptOptions, started } = this.#options
    if (batch !== undefined) return this.#beginBatches(grants, batch, parts)
    for (let at = 0; at < grants.length; at++) {
      const grant = grants[at]!
      const job = this.#admit(grant, parts?.[at] ?? partsInHead(grant))
      if (job === undefined) continue
      const attempt = new Attempt(grant, job, this.#options.handlerOf(job.name), attemptOptions)
      started(attempt)
      slots.run(() => attempt.run())
    }
  }

  /** A batch for each slot; where there are handlers by name, one for each of them, which take turns. */
  #beginBatches(grants: readonly Grant[], { size }: BatchOptions, parts?: readonly GrantedParts[]): void {
    const { slots, attemptOptions, handlerOf, hasNames, started } = this.#options
    for (let from = 0; from < grants.length; from += size) {
      const batches = new Map<string, Batch>()
      for (let at = from; at < Math.min(from + size, grants.length); at++) {
        const grant = grants[at]!
        const job = this.#admit(grant, parts?.[at] ?? partsInHead(grant))
        if (job === undefined) continue
        const name = hasNames ? job.name : ''
        const batch = batches.get(name) ?? new Batch(handlerOf(job.name), attemptOptions)
        batches.set(name, batch)
        started(batch.add(grant, job))
      }
      for (const batch of batches.values()) slots.run(() => batch.run())
    }
  }

  /** The job, where it is to be run; its lease ends here where it is not. */
  #admit(grant: Grant, parts: GrantedParts): Job | undefined {
    const { ledger, renewal, outcomes, names } = this.#options
    if (grant.head === undefined) return this.#give(grant, 'set aside')
    if (hasExpired(grant.head, ledger.store.now()))
      return this.#give(grant, { kind: 'expired', failure: expiry(grant.head) })
    if (this.isOver || renewal.isOver(grant)) return this.#give(grant, { kind: 'released' })
    const job = outcomes.jobOf(grant, parts)
    if (parts.problem !== undefined) return this.#give(grant, endOfUnreadable(parts.problem), job)
    if (!names.take(grant.head.name)) return this.#give(grant, endOfCrowded(grant))
    return job
  }

  #give(grant: Grant, ending: Ended['ending'], job?: Job): undefined {
    this.#options.ended({ grant, attempt: undefined, ending, job })
  }
}
