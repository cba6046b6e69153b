/** Slots that are to be filled: those that no job has, nor a claim under way. All is counted in jobs. */
import type { Room } from './slots.ts'

/** Slots from which on a worker has two cycles under way. */
export const SLOTS_FOR_TWO = 64

/** Slots that claims may fill. */
export const slotsOf = (plans: readonly { readonly limit: number }[]): number =>
  plans.reduce((sum, { limit }) => sum + limit, 0)

export class Vacancy {
  readonly #room: () => Room
  /** What claims under way may fill. */
  #reserved = 0

  constructor(room: () => Room) {
    this.#room = room
  }

  reserve(jobs: number): void {
    this.#reserved += jobs
  }

  release(jobs: number): void {
    this.#reserved -= jobs
  }

  /** Whether a claim is under way. */
  get isReserved(): boolean {
    return this.#reserved > 0
  }

  /** Whether no job runs, nor may come to. */
  get isWhole(): boolean {
    return this.#room().busy === 0 && !this.isReserved
  }

  get free(): number {
    const { all, busy } = this.#room()
    return all - busy - this.#reserved
  }

  get isHalf(): boolean {
    return this.free >= this.#room().all / 2
  }

  /** Jobs of one slot. */
  get grain(): number {
    return this.#room().grain
  }

  /** What one cycle may fill. */
  get share(): number {
    const { all, grain } = this.#room()
    return all < SLOTS_FOR_TWO ? all : Math.ceil(all / 2 / grain) * grain
  }

  /** Those of so many jobs that fill slots. */
  wholeOf(jobs: number): number {
    return Math.floor(jobs / this.grain) * this.grain
  }
}
