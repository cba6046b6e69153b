/**
 * What the limits of a queue mean to one worker: how much it may claim, and when it is worth another try. It sleeps until then;
 * room that somebody else frees is told by a hint.
 */
import type { GroupLimits } from '../core/group.ts'
import { type Limits, NO_LIMITS, type RateLimit, isLimited, limitsOf, windowsOf } from '../core/limits.ts'
import type { SeenConfig } from '../ledger/claim.ts'
import { lookAtLimits } from '../ledger/rates.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { knowWindows } from '../ledger/settings.ts'
import { Alarm } from './alarm.ts'

export class Limiter {
  readonly #ledger: Ledger
  /** The worker's own. */
  readonly #own: RateLimit | undefined
  readonly #group: GroupLimits
  readonly #alarm: Alarm
  #limits: Limits = NO_LIMITS
  #heldUntil = 0
  #withholds = false
  /** The last look found nothing to wait for but the time when the windows are empty. */
  #empties = false
  #forgets = false

  /** `opened`: a claim may get something now. */
  constructor(
    ledger: Ledger,
    { limiter, group }: { readonly limiter: RateLimit | undefined; readonly group: GroupLimits },
    opened: () => void,
  ) {
    this.#ledger = ledger
    this.#own = limiter
    this.#group = group
    this.#alarm = new Alarm(ledger.store, () => {
      this.#forgets = this.#empties
      // It may have been set for a window that opens before the wait is over.
      this.#waitOut()
      opened()
    })
  }

  get limits(): Limits {
    return this.#limits
  }

  get isLimited(): boolean {
    return isLimited(this.#limits)
  }

  /** Nothing is to be claimed yet, as somebody was told to wait. */
  get isHeld(): boolean {
    const { store } = this.#ledger
    return store.now() - store.skewMs < this.#heldUntil
  }

  /** Takes note of a queue's settings; false where they had to be changed first, so that they are to be read again. */
  async adopt({ config }: SeenConfig): Promise<boolean> {
    this.#limits = limitsOf(config, this.#own)
    this.#heldUntil = config.heldUntil ?? 0
    this.#waitOut()
    const changed = [
      await knowWindows(this.#ledger, config, this.#limits.windows),
      await knowWindows(this.#ledger, config, windowsOf([this.#group.limit]), true),
    ]
    return !changed.includes(true)
  }

  /** Jobs wait that the limits of the queue do not let start, as far as is known. */
  get withholds(): boolean {
    return this.isLimited && this.#withholds
  }

  /** A claim got less than it asked for: sees to it that there is another when there may be more. */
  async look(): Promise<void> {
    const { waiting, opensAt, emptyAt } = await lookAtLimits(this.#ledger, this.#limits)
    this.#empties = opensAt === undefined && emptyAt !== undefined
    const next = opensAt ?? emptyAt
    if (next !== undefined) this.#alarm.set(next)
    this.#withholds = waiting
  }

  /** Whether a claim is to forget starts, whether or not there are jobs; said once. */
  takeForgetting(): boolean {
    const forgets = this.#forgets
    this.#forgets = false
    return forgets
  }

  stop(): void {
    this.#alarm.clear()
  }

  #waitOut(): void {
    if (this.isHeld) this.#alarm.set(this.#heldUntil + this.#ledger.store.skewMs)
  }
}
