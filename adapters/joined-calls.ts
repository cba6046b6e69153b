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
/** Turns after which a group is under way, if it has nothing to wait for. */
const BEGINNING_TURNS = 12
/** Calls that wait with so many operations are a group that pays for its price: it waits for no others. */
const CROWD_OPERATIONS = 100

/** Tells the callers of a group what became of their calls. */
type Tell = () => void

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await Promise.resolve()
}

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

  /** Where many wait already, the next group is under way before the callers of the last one are told, who have much to do then. */
  async #serveAll(): Promise<void> {
    let tell: Tell = () => {}
    for (;;) {
      if (!this.#isCrowded()) {
        tell()
        tell = () => {}
        await turns(JOINING_TURNS)
        if (this.#waiting.length === 0) break
      }
      const serving = this.#serveOne(this.#takeGroup())
      await turns(BEGINNING_TURNS)
      tell()
      tell = await serving
    }
    this.#serving = undefined
  }

  async #serveOne(group: readonly Waiting<Call, Answer>[]): Promise<Tell> {
    try {
      const answers = await this.#serve(group.map(({ call }) => call))
      return () => {
        group.forEach(({ resolve, reject }, index) => {
          const answer = answers[index]!
          if (answer instanceof Error) reject(answer)
          else resolve(answer)
        })
      }
    } catch (error) {
      return () => {
        for (const { reject } of group) reject(error)
      }
    }
  }

  #isCrowded(): boolean {
    let operations = 0
    for (const { size } of this.#waiting) {
      operations += size.operations
      if (operations >= CROWD_OPERATIONS) return true
    }
    return false
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
