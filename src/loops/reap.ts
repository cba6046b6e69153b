/**
 * Ending the leases of holders that are gone. It sleeps until the earliest claim expires; while nobody holds a lease it does
 * nothing at all. Renewals of this process come first: their timer is due before this one, and where the clock jumped (a
 * laptop woke up) it waits for them.
 */
import { type Reaper, type Stalled, nextExpiry, reapExpired, recoverEpoch } from '../ledger/lease.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { Alarm } from './alarm.ts'

/** Part of the lease length by which reapers are spread, so that not all of them look at the same moment. */
const SPREAD = 0.05

export class Reap {
  readonly #ledger: Ledger
  readonly #reaper: Reaper
  readonly #report: { stalled: (stalled: readonly Stalled[]) => void; error: (error: unknown) => void }
  readonly #alarm: Alarm
  #unwatch: (() => void) | undefined
  #stopped = true
  #reaping: Promise<void> | undefined
  /** What an earlier opening left behind is ended; a store that fails meanwhile does not make us forget it. */
  #recovered = false

  constructor(
    ledger: Ledger,
    reaper: Reaper,
    report: { stalled: (stalled: readonly Stalled[]) => void; error: (error: unknown) => void },
  ) {
    this.#ledger = ledger
    this.#reaper = reaper
    this.#report = report
    this.#alarm = new Alarm(ledger.store, (jumped) => {
      // One after the other; a claim made while a look is under way may not be seen by it.
      if (jumped || this.#reaping !== undefined) this.#alarm.set(ledger.store.now() + reaper.verdictMs)
      else this.#reaping = this.#reap().finally(() => (this.#reaping = undefined))
    })
  }

  /** Ends what an earlier opening of the store left behind, then watches. */
  start(): void {
    this.#stopped = false
    this.#listen()
    this.#reaping = this.#reap().finally(() => (this.#reaping = undefined))
  }

  /** Resolves once a verdict under way has been carried out. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#stopListening()
    this.#alarm.clear()
    await this.#reaping
  }

  /** The first claim of a lane gives a hint; how long its lease is does not matter, as nobody waits longer than one of ours. */
  #listen(): void {
    const { store, lanes } = this.#ledger
    this.#unwatch ??= store.watch([lanes.claims], () => {
      if (this.#stopped) return
      if (this.#alarm.isSet) this.#stopListening()
      else this.#alarm.set(store.now() + this.#reaper.verdictMs)
    })
  }

  /** What comes while the alarm is set is not worth a message of the server: where each job is a claim, there is one for each job. */
  #stopListening(): void {
    this.#unwatch?.()
    this.#unwatch = undefined
  }

  async #reap(): Promise<void> {
    const stalled: Stalled[] = []
    const end = this.#recovered ? reapExpired : recoverEpoch
    try {
      // What has ended is told, whatever becomes of the rest: nobody ends it again.
      await end(this.#ledger, this.#reaper, stalled).finally(() => this.#report.stalled(stalled))
      this.#recovered = true
      await this.#sleep()
    } catch (error) {
      this.#failed(error)
    }
  }

  async #sleep(): Promise<void> {
    const { store } = this.#ledger
    // Before the look: a claim that comes after it is heard of.
    if (!this.#stopped) this.#listen()
    const next = await nextExpiry(this.#ledger)
    if (next === undefined || this.#stopped) return
    const spread = store.host.random() * SPREAD * this.#reaper.verdictMs
    this.#alarm.set(Math.max(next, store.now()) + store.skewMs + 2 + Math.ceil(spread))
  }

  #failed(error: unknown): void {
    if (this.#stopped) return
    this.#report.error(error)
    this.#alarm.set(this.#ledger.store.now() + this.#reaper.verdictMs)
  }
}
