/** What rules have to know of the world that they judge. */
import type { BookedJob } from './booked.ts'
import type { Entry } from './entries.ts'
import type { Options } from './options.ts'

export interface Surroundings {
  readonly options: Options
  /** The one clock of the store, ms since the epoch. */
  readonly now: () => number
  readonly epoch: () => string | undefined
  /** Whether nothing that goes wrong is under way any more, and nothing did for a while. */
  readonly isCalm: () => boolean
  /** Whether an incarnation is up, and has been so throughout a lease. */
  readonly isWell: (by: string) => boolean
  readonly isUp: (by: string) => boolean
  /** Whether jobs are on lease under a claim. */
  readonly holdsLeases: (claim: string) => boolean
  readonly isPaused: (queue: string) => boolean
  readonly jobs: () => ReadonlyMap<string, BookedJob>
  /** Keys in a lane of finished jobs. */
  readonly sizeOf: (lane: string) => number
  /** Whether retention goes by bytes for some. */
  readonly prunesByBytes: boolean
  /** Whether jobs of a number are cancelled when the next is made. */
  readonly mayGiveWay: (n: number) => boolean
  readonly entryOf: (claim: string) => Entry | undefined
  readonly count: (what: string) => void
}
