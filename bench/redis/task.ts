/** What a run is told to measure, and what it answers. */

export type SystemName = 'holdfast' | 'bullmq' | 'bee-queue'

export interface Task {
  readonly system: SystemName
  readonly url: string
  readonly work: Work
  readonly jobs: number
}

export type Work =
  | { readonly kind: 'add'; readonly callers: number }
  | { readonly kind: 'bulk'; readonly size: number }
  | { readonly kind: 'process'; readonly concurrency: number }
  | { readonly kind: 'crew'; readonly processes: number; readonly concurrency: number }
  /** One process of a crew. */
  | { readonly kind: 'member'; readonly concurrency: number }
  | { readonly kind: 'idle' }
  | { readonly kind: 'memory' }

export interface Measured {
  /** Jobs per second; of `idle` milliseconds, of `memory` bytes per waiting job. */
  readonly figure: number
  /** Microseconds a job: of the server in scripts, of the server's processor, and of this process's. */
  readonly script?: number
  readonly server?: number
  readonly client?: number
}
