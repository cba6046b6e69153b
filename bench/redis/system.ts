/** What a queue on Redis must do to be measured here: the same few things, whoever does them. */

/** One process's use of one queue, `emails`, with connections of its own. Jobs carry the data of `subject.ts`, and are kept. */
export interface Session {
  /** Resolves once the job is stored. */
  add(): Promise<unknown>
  /** Resolves once all of them are stored, by one call. */
  addBulk(jobs: number): Promise<unknown>
  /** Starts a worker. `started` is called as a handler begins, `completed` once its end is stored. */
  work(concurrency: number, heard: Heard): void
  close(): Promise<void>
}

export interface Heard {
  readonly started?: () => void
  readonly completed?: () => void
}

/** Opens a session, connected. */
export type System = (url: string) => Promise<Session>
