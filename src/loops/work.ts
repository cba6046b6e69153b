/**
 * The work cycle of a worker: settle what ended, promote what is due, claim for the free slots, all in one call and so one
 * fsync or round trip; then start what was granted. What ends while a cycle is under way rides in the next. A worker with many
 * slots has two cycles under way, each with half of them, so that one half is run while the other half is written.
 */
import { HoldfastError } from '../error.ts'
import type { Grant } from '../ledger/claim.ts'
import { asHoldfastError, commitCycle } from '../ledger/commit.ts'
import { Claims } from './claims.ts'
import { Rest } from './rest.ts'
import type { ClaimOptions } from './round.ts'
import type { Settling } from './settling.ts'
import { SLOTS_FOR_TWO } from './vacancy.ts'

export interface WorkOptions extends Omit<ClaimOptions, 'wake' | 'unsettled'> {
  readonly settling: Settling
  /** The store was closed: there is nothing more to do. */
  readonly storeClosed: () => void
}

export class Work {
  readonly #options: WorkOptions
  readonly #claims: Claims
  readonly #cycles = new Set<Promise<void>>()
  /** Woken since the last look for something to do. */
  #woken = false
  #stopped = false
  readonly #rest = new Rest()

  constructor(options: WorkOptions) {
    this.#options = options
    this.#claims = new Claims({
      ...options,
      wake: () => this.wake(),
      unsettled: () => options.settling.open,
    })
  }

  startClaiming(): void {
    this.#claims.start()
  }

  /** No claims from now on; settles go on. */
  stopClaiming(): void {
    this.#claims.stop()
  }

  /** There may be something to settle, to promote or to claim. */
  wake(): void {
    this.#woken = true
    if (this.#rest.isUnderWay) return
    if (this.#cycles.size > 0 && !(this.#cycles.size === 1 && this.#isWorthAnother())) return
    const cycle: Promise<void> = this.#run().finally(() => {
      this.#cycles.delete(cycle)
      // Who called between its last look and now was told that a cycle is under way.
      if (this.#woken) this.wake()
    })
    this.#cycles.add(cycle)
  }

  /** Resolves when no cycle is under way. */
  async quiet(): Promise<void> {
    while (this.#cycles.size > 0) await Promise.all(this.#cycles)
  }

  /** Whether there may be jobs on lease that nobody knows of. */
  get isUnsure(): boolean {
    return this.#claims.isUnsure
  }

  /** Who is to hear of the end of a lease. */
  get toldOfRoom(): readonly string[] | undefined {
    return this.#claims.toldOfRoom
  }

  /** The worker closes: what is left is stored now, and soon again should the store fail. */
  hurry(): void {
    this.#rest.hurried = true
    this.#rest.end()
    this.wake()
  }

  stop(): void {
    this.#stopped = true
    this.stopClaiming()
    this.#rest.end()
  }

  /** A job's slot is free again. */
  freed(grant: Grant): void {
    this.#claims.freed(grant)
    this.wake()
  }

  async #run(): Promise<void> {
    // Whatever else ends in this turn rides along.
    await Promise.resolve()
    await Promise.resolve()
    try {
      while (this.#woken) {
        this.#woken = false
        while (await this.#once());
      }
      const { room, settling } = this.#options
      this.#claims.perhapsDrained(room().busy === 0 && settling.open === 0)
    } catch (error) {
      this.#failed(asHoldfastError(error))
    }
  }

  /** Half of the slots is a batch that pays for a write of its own. */
  #isWorthAnother(): boolean {
    const { room, settling } = this.#options
    const { all } = room()
    if (all < SLOTS_FOR_TWO) return false
    return settling.gathered >= all / 4 || this.#claims.isWorthCycle
  }

  /** One cycle; false when there was nothing to do. */
  async #once(): Promise<boolean> {
    const { ledger, settling, renewal } = this.#options
    await this.#claims.prepare()
    if (settling.mustPrepare) await settling.prepare()
    const groups = settling.take()
    const retirements = renewal.takeRetirements()
    const round = this.#claims.plan(groups.length)
    const blocks = [...groups.map(({ block }) => block), ...retirements, ...round.blocks]
    if (blocks.length === 0) return false

    const answers = await commitCycle(ledger.store, blocks)
    const claimed = answers.splice(answers.length - round.blocks.length)
    const claiming = this.#claims.answered(round, claimed)
    // Looked at below: both are to take note of their answers, whatever becomes of the other.
    claiming.catch(() => undefined)
    await settling.answered(groups, answers.slice(0, groups.length))
    for (const answer of answers) if (answer instanceof HoldfastError) throw answer
    await claiming
    this.#rest.succeeded()
    return true
  }

  #failed(error: HoldfastError): void {
    const { ledger, storeClosed } = this.#options
    if (this.#stopped) return
    this.#options.error(error)
    if (error.code === 'STORE_CLOSED') return storeClosed()
    this.#rest.begin(ledger.store.host, () => this.wake())
  }
}
