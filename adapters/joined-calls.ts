/**
 * Calls that share a price (an fsync, a round trip): those that arrive while a group is under way ride in the next one. It
 * owns the order and the size of groups; it knows neither what a call says nor what a group does, and never splits a call.
 */

/** What a call counts for in a group. */
export interface CallSize {
  readonly operations: number
  readonly bytes: number
}

/** Serves a group and answers each of its calls, with an error where that call alone is rejected. A rejection rejects them all. */
export type ServeGroup<Call, Answer> = (calls: readonly Call[]) => Promise<readonly (Answer | Error)[]>

/** A call that would take a group above either bound waits for the next one; a group has at least one call. */
export interface GroupBounds {
  readonly operations: number
  readonly bytes: number
}

/**
 * Turns of the microtask queue before a group closes. One lets all calls of a tick join; the rest lets callers
 * whose last call was just answered, and who go through a few awaits before the next, not miss this group.
 */
const JOINING_TURNS = 8

interface Waiting<Call, Answer> {
  readonly call: Call
  readonly size: CallSize
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: unknown) => void
}

export class JoinedCalls<Call, Answer> {
  readonly #serve: ServeGroup<Call, Answer>
  readonly #bounds: GroupBounds
  #waiting: Waiting<Call, Answer>[] = []
  #serving: Promise<void> | undefined

  constructor(serve: ServeGroup<Call, Answer>, bounds: GroupBounds) {
    this.#serve = serve
    this.#bounds = bounds
  }

  /** The answer of one call once its group is served. */
  ask(call: Call, size: CallSize): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ call, size, resolve, reject })
      this.#serving ??= this.#serveAll()
    })
  }

  /** Resolves once every call so far is answered. */
  async idle(): Promise<void> {
    await this.#serving
  }

  async #serveAll(): Promise<void> {
    await this.#letJoin()
    while (this.#waiting.length > 0) {
      await this.#serveOne(this.#takeGroup())
      await this.#letJoin()
    }
    this.#serving = undefined
  }

  async #letJoin(): Promise<void> {
    for (let turn = 0; turn < JOINING_TURNS; turn++) await Promise.resolve()
  }

  async #serveOne(group: readonly Waiting<Call, Answer>[]): Promise<void> {
    try {
      const answers = await this.#serve(group.map(({ call }) => call))
      group.forEach(({ resolve, reject }, index) => {
        const answer = answers[index]!
        if (answer instanceof Error) reject(answer)
        else resolve(answer)
      })
    } catch (error) {
      for (const { reject } of group) reject(error)
    }
  }

  #takeGroup(): readonly Waiting<Call, Answer>[] {
    let operations = 0
    let bytes = 0
    let calls = 0
    for (const { size } of this.#waiting) {
      operations += size.operations
      bytes += size.bytes
      if (calls > 0 && (operations > this.#bounds.operations || bytes > this.#bounds.bytes)) break
      calls++
    }
    if (calls < this.#waiting.length) return this.#waiting.splice(0, calls)
    const group = this.#waiting
    this.#waiting = []
    return group
  }
}
