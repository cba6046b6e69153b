/** The queue's settings as a worker knows them, and who is to hear of room in a queue that may be limited. */
import { type SeenConfig, readConfig } from '../ledger/claim.ts'
import { commitBlock } from '../ledger/commit.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Limiter } from './limiter.ts'

export class Settings {
  readonly #ledger: Ledger
  readonly #limiter: Limiter
  #seen: SeenConfig | undefined
  /** How often it was said that they changed. */
  #changes = 0
  /** Ends of leases were sent as by one who knew of no limit. */
  #settledSilently = false

  constructor(ledger: Ledger, limiter: Limiter) {
    this.#ledger = ledger
    this.#limiter = limiter
  }

  /** As last read; `undefined` when they may have changed. */
  get seen(): SeenConfig | undefined {
    return this.#seen
  }

  forget(): void {
    this.#seen = undefined
  }

  /** Somebody said so. */
  changed(): void {
    this.#changes++
    this.#seen = undefined
  }

  /**
   * Who is to hear of the end of a lease: in a queue with limits those that wait for room. A worker that has not seen the settings,
   * or claims no more, does not know, so it tells.
   */
  toldOfRoom(claiming: boolean): readonly string[] | undefined {
    if (!claiming || this.#seen === undefined || this.#limiter.isLimited) return [this.#ledger.lanes.ready]
    this.#settledSilently = true
    return undefined
  }

  /** Settings that changed while they were being read have given their hint already, so they are not believed: false. */
  async read(): Promise<boolean> {
    const changes = this.#changes
    const seen = await readConfig(this.#ledger)
    if (!(await this.#limiter.adopt(seen)) || changes !== this.#changes) return false
    this.#seen = seen
    if (!this.#settledSilently || !this.#limiter.isLimited) return true
    // There was no limit, as far as was known: what ended meanwhile may be waited for.
    await commitBlock(this.#ledger.store, [{ hint: [this.#ledger.lanes.ready] }])
    this.#settledSilently = false
    return true
  }
}
