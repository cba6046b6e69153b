/**
 * Removing finished jobs beyond what is kept: about every thousand of them, every tenth of the age they may have, and when the
 * worker starts or has nothing else to do. No timer: an idle worker does nothing.
 */
import { type Kept, keptOf } from '../core/kept.ts'
import type { Departure } from '../core/lifecycle.ts'
import { asHoldfastError } from '../ledger/commit.ts'
import { type FinishedLane, lastRule, pruneStep } from '../ledger/retain.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { pruneTallied } from '../ledger/retain-bytes.ts'

/** Jobs beyond what is kept that may gather before they are removed: as many as are kept, within these bounds. */
const SLACK_LEAST = 10
const SLACK_MOST = 1000
/** Between two removals by age, as a part of it, while jobs finish: how much longer than asked a job may be kept. */
const AGE_SLACK = 0.1
/** Milliseconds after which pruning that failed is tried again. */
const RETRY_MS = 1000

/** Where bytes are bounded: as their sizes are not known here, fewer of them. */
const SLACK_BYTES = 100

/** How jobs are removed under a rule. */
const stepOf = ({ maxBytes }: Kept): typeof pruneStep => (maxBytes === undefined ? pruneStep : pruneTallied)

interface Noted {
  /** Since it was last pruned. */
  finished: number
  /** The rule of the job that finished last; not known before one did. */
  kept: Kept | undefined
  /** On the host's monotonic clock. */
  prunedAt: number
}

export class Retain {
  readonly #ledger: Ledger
  readonly #error: (error: unknown) => void
  readonly #noted: Readonly<Record<FinishedLane, Noted>> = {
    done: { finished: 0, kept: undefined, prunedAt: -Infinity },
    dead: { finished: 0, kept: undefined, prunedAt: -Infinity },
  }
  #pruning: Promise<void> | undefined
  /** Asked for while it was under way: there may be a new rule. */
  #again = false
  #cancelRetry: (() => void) | undefined
  #stopped = false

  constructor(ledger: Ledger, error: (error: unknown) => void) {
    this.#ledger = ledger
    this.#error = error
  }

  /** What a worker that ended left, and what got too old meanwhile, can go now. */
  begin(): void {
    for (const noted of Object.values(this.#noted)) noted.finished++
    this.#start()
  }

  /** A lease ended. Where its job finished and is kept, the rule it brings holds for its lane from now on. */
  note({ head, lane }: Departure): void {
    if (lane !== 'done' && lane !== 'dead') return
    const kept = keptOf(head.opts, lane === 'done' ? 'completed' : 'failed')
    const noted = this.#noted[lane]
    noted.kept = kept
    noted.finished++
    const most = kept.maxBytes === undefined ? SLACK_MOST : SLACK_BYTES
    const slack = Math.min(Math.max(SLACK_LEAST, kept.count), most)
    if (noted.finished > slack || this.#isLate(noted, kept.ageMs)) this.#start()
  }

  /** Nothing else to do: what has gathered can go now. */
  idle(): void {
    if (this.#noted.done.finished > 0 || this.#noted.dead.finished > 0) this.#start()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#cancelRetry?.()
    await this.#pruning
  }

  #start(): void {
    this.#again = true
    if (this.#stopped || this.#pruning !== undefined || this.#cancelRetry !== undefined) return
    this.#again = false
    this.#pruning = this.#prune().finally(() => {
      this.#pruning = undefined
      if (this.#again) this.#start()
    })
  }

  async #prune(): Promise<void> {
    try {
      for (const lane of ['done', 'dead'] as const) {
        const noted = this.#noted[lane]
        const { finished } = noted
        if (finished === 0) continue
        const kept = noted.kept ?? (await lastRule(this.#ledger, lane))
        for (let more = kept !== undefined; more && !this.#stopped; )
          more = await stepOf(kept!)(this.#ledger, lane, kept!)
        noted.finished -= finished
        noted.prunedAt = this.#ledger.store.host.monotonic()
      }
    } catch (error) {
      if (this.#stopped) return
      this.#error(error)
      if (asHoldfastError(error).code !== 'STORE_CLOSED') this.#retry()
    }
  }

  #isLate({ prunedAt }: Noted, ageMs: number): boolean {
    return ageMs < Infinity && this.#ledger.store.host.monotonic() - prunedAt >= ageMs * AGE_SLACK
  }

  /** Nothing else may finish that would have it tried again. */
  #retry(): void {
    this.#cancelRetry = this.#ledger.store.host.timer(RETRY_MS, () => {
      this.#cancelRetry = undefined
      this.#start()
    })
  }
}
