/** What the books hold of a job: where it is, what its head says, and the lease it is under or came from. */
import type { Head } from '../../src/core/head.ts'

/** One lease of a job. */
export interface Lease {
  readonly name: string
  readonly claim: string
  /** The incarnation that claimed it. */
  readonly by: string
  readonly fence: number
  /** Number of the job as it was granted. */
  readonly n: number
  /** How it ended. */
  end?: Departed | undefined
}

export type Departed = 'completed' | 'failed' | 'stalled' | 'cancelled' | 'given back' | 'removed' | 'gone'

export interface BookedJob {
  readonly name: string
  readonly queue: string
  /** Number of the job in the plan; another may become it. */
  n: number
  /** Told apart from an earlier job of the same id. */
  readonly born: number
  lane: string
  key: string
  head: Head
  /** On the timeline: when it came to its lane. */
  since: number
  lease: Lease | undefined
  /** Fence of its last lease. */
  fence: number
  /** The lease whose end brought it where it is. */
  cameFrom: Lease | undefined
}
