/** What is known of a run outside of its store: what was asked, what was answered, and what handlers saw. */
import { HoldfastError } from 'holdfast'
import type { FaultStore } from './fault-store.ts'

/** A handler that was started. */
export interface Start {
  readonly id: string
  readonly fence: number
  readonly process: FaultStore
  readonly signal: AbortSignal
  ended: boolean
}

export const count = (counts: Map<string, number>, id: string): void =>
  void counts.set(id, (counts.get(id) ?? 0) + 1)

export class Witness {
  /** Jobs that a call tried to add. */
  readonly asked = new Set<string>()
  /** Jobs whose adding was acknowledged. */
  readonly acknowledged = new Set<string>()
  /** Jobs that a call tried to remove. */
  readonly removed = new Set<string>()
  /** Jobs of which a handler came to its end. */
  readonly finished = new Set<string>()
  readonly starts: Start[] = []
  /** How often workers said so of each job. */
  readonly completed = new Map<string, number>()
  readonly stalled = new Map<string, number>()
  readonly lockLost = new Map<string, number>()
  readonly rejections: HoldfastError[] = []
  readonly violations: string[] = []

  must(holds: boolean, sentence: string): void {
    if (!holds) this.violations.push(sentence)
  }

  /** A handler begins: it was asked for, no other lease of the job lives, and its fence is the largest so far. */
  began(start: Omit<Start, 'ended'>): Start {
    const { id, fence } = start
    this.must(this.asked.has(id), `${id} runs, and nobody added it`)
    for (const other of this.starts.filter((one) => one.id === id)) {
      this.must(other.fence < fence, `${id} runs under fence ${fence} after ${other.fence}`)
      const lives = !other.ended && !other.process.dead && !other.signal.aborted
      this.must(!lives, `${id} runs twice at once`)
    }
    const begun = { ...start, ended: false }
    this.starts.push(begun)
    return begun
  }

  /** Every rejection says what it is and what became of the call. */
  rejected(what: string, error: unknown): HoldfastError | undefined {
    if (!(error instanceof HoldfastError)) {
      this.must(false, `${what} rejected with no error of ours: ${String(error)}`)
      return undefined
    }
    this.rejections.push(error)
    this.must(/^[A-Z_]+$/.test(error.code), `${what} rejected with the code ${error.code}`)
    this.must(error.outcome === 'failed' || error.outcome === 'unknown', `${what} rejected without outcome`)
    return error
  }
}
