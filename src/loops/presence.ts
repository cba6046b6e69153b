/**
 * Saying that a worker is there, for those who ask why a job does not run. Where one process owns the store that is said once;
 * elsewhere it is said again now and then, so that a worker that died is missed. No job depends on it, so a store that
 * fails here is not complained about: it is tried again.
 */
import { WORKER_MS } from '../core/bounds.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { type Introduction, introduce, renewPresence, takeLeave } from '../ledger/workers.ts'
import { Patrol } from './patrol.ts'

export class PresenceLoop {
  readonly #ledger: Ledger
  readonly #worker: Introduction
  readonly #patrol: Patrol
  #key: string | undefined
  #startedAt = 0

  constructor(ledger: Ledger, worker: Introduction) {
    this.#ledger = ledger
    this.#worker = worker
    this.#patrol = new Patrol(
      ledger.store,
      () => this.#say(),
      () => undefined,
    )
  }

  start(): void {
    this.#startedAt = this.#ledger.store.now()
    this.#patrol.start()
    this.#patrol.look()
  }

  async stop(): Promise<void> {
    await this.#patrol.stop()
    if (this.#key !== undefined) await takeLeave(this.#ledger, this.#key).catch(() => undefined)
    this.#key = undefined
  }

  async #say(): Promise<void> {
    const { store } = this.#ledger
    this.#key =
      this.#key === undefined
        ? await introduce(this.#ledger, this.#worker, this.#startedAt)
        : await renewPresence(this.#ledger, this.#key)
    if (store.epoch === undefined) this.#patrol.lookAt(store.now() + WORKER_MS / 3)
  }
}
