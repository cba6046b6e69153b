/** The lines of commits that one kind of call has: as many as calls are under way at once. */
import type { Answer } from '../group-commit.ts'
import { CommitLine } from './commit-line.ts'
import type { Calls } from './program.ts'

export class CommitLines {
  readonly #of: ConstructorParameters<typeof CommitLine>
  readonly #free: CommitLine[] = []

  constructor(...of: ConstructorParameters<typeof CommitLine>) {
    this.#of = of
  }

  /** As `CommitLine.commit`, on the line that was free for the shortest time: where one is enough, others are never opened. */
  async commit(calls: Calls): Promise<readonly Answer[]> {
    const line = this.#free.pop() ?? new CommitLine(...this.#of)
    try {
      return await line.commit(calls)
    } finally {
      this.#free.push(line)
    }
  }
}
