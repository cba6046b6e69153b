/**
 * Saying that a worker is there, for those who ask why a job does not run. Where one process owns the store that is said once;
 * elsewhere it is said again now and then, so that a worker that died is missed. No job depends on it, so a store that
 * fails here is not complained about: it is tried again.
 */
import { WORKER_MS } from '../core/bounds.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { type Introduction, introduce, renewPresence, takeLeave } from '../ledger/workers.ts'
import { Alarm } from './alarm.ts'

export class PresenceLoop {
  readonly #ledger: Ledger
  readonly #worker: Introduction
  readonly #alarm: Alarm
  #key: string | undefined
  #startedAt = 0
  #saying: Promise<void> | undefined
  #stopped = false

  constructor(ledger: Ledger, worker: Introduction) {
    this.#ledger = ledger
    this.#worker = worker
    this.#alarm = new Alarm(ledger.store, () => this.#start())
  }

  start(): void {
    this.#startedAt = this.#ledger.store.now()
    this.#start()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#alarm.clear()
    await this.#saying
    if (this.#key !== undefined) await takeLeave(this.#ledger, this.#key).catch(() => undefined)
    this.#key = undefined
  }

  #start(): void {
    if (this.#stopped) return
    this.#saying ??= this.#say().finally(() => (this.#saying = undefined))
  }

  async #say(): Promise<void> {
    const { store } = this.#ledger
    let failed = false
    try {
      this.#key =
        this.#key === undefined
          ? await introduce(this.#ledger, this.#worker, this.#startedAt)
          : await renewPresence(this.#ledger, this.#key)
    } catch {
      failed = true
    }
    if (!this.#stopped && (failed || store.epoch === undefined)) this.#alarm.set(store.now() + WORKER_MS / 3)
  }
}
