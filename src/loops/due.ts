/**
 * Watching a lane whose keys begin with a time (`due`, `suspect`, `lapse`, `arrive`, `turn`): says when the first of them has come. It reads the
 * lane's head when a hint says that it changed, and sleeps until then.
 */
import { timeOf } from '../core/keys.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { Alarm } from './alarm.ts'
import { Patrol } from './patrol.ts'

export interface DueReport {
  readonly due: () => void
  /** It has no key any more. */
  readonly emptied?: () => void
  /** Nothing is due any more: somebody else was faster. Without it that is found out by trying. */
  readonly over?: () => void
  readonly error: (error: unknown) => void
}

export class DueLane {
  /** Whether a key's time has come, as far as is known. */
  isDue = false
  /** Whether the lane has no key at all, as far as is known. */
  isEmpty = false
  readonly #ledger: Ledger
  readonly #lane: string
  readonly #report: DueReport
  readonly #patrol: Patrol
  readonly #alarm: Alarm
  readonly #isOrder: boolean

  constructor(ledger: Ledger, lane: 'due' | 'suspect' | 'lapse' | 'arrive' | 'turn', report: DueReport) {
    this.#ledger = ledger
    this.#lane = ledger.lanes[lane]
    this.#isOrder = lane === 'turn'
    this.#report = report
    this.#patrol = new Patrol(ledger.store, () => this.#look(), report.error)
    this.#alarm = new Alarm(ledger.store, () => this.#come())
  }

  start(): void {
    this.#patrol.start([this.#lane])
    this.#patrol.look()
  }

  stop(): void {
    void this.#patrol.stop()
    this.#alarm.clear()
  }

  /** What was due has been taken, or at least tried to be: finds out when the next one is. */
  served(): void {
    this.isDue = false
    this.look()
  }

  /** What in `turn` is a hint of order harms nobody when it comes early by somebody's clock. */
  get #skewMs(): number {
    return this.#isOrder ? 0 : this.#ledger.store.skewMs
  }

  /** Reads the lane's head. */
  look(): void {
    this.#patrol.look()
  }

  async #look(): Promise<void> {
    const { store } = this.#ledger
    const [[first] = []] = await store.scan([{ lane: this.#lane, limit: 1 }])
    if (!this.#patrol.isOpen) return
    const emptied = first === undefined && !this.isEmpty
    this.isEmpty = first === undefined
    if (emptied) this.#report.emptied?.()
    const isDue = first !== undefined && timeOf(first) <= store.now() - this.#skewMs
    if (isDue) this.#come()
    else this.#pass()
    if (first !== undefined && !isDue) this.#alarm.set(timeOf(first) + this.#skewMs)
  }

  #pass(): void {
    const { over } = this.#report
    if (over === undefined || !this.isDue) return
    this.isDue = false
    over()
  }

  #come(): void {
    if (!this.#patrol.isOpen) return
    this.isDue = true
    this.#report.due()
  }
}
