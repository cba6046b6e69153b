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
  /** Groups that may be under way at once, where many calls wait; default 1. There is no order between them. */
  readonly abreast?: number
}

/**
 * Turns of the microtask queue before a group closes. One lets all calls of a tick join; the rest lets callers
 * whose last call was just answered, and who go through a few awaits before the next, not miss this group.
 */
const JOINING_TURNS = 8
/** Turns after which a group is under way, if it has nothing to wait for. */
const BEGINNING_TURNS = 12
/** Turns in which those whom a call was foretold to look at what it brings. */
const FORETOLD_TURNS = 16
/** Calls that wait with so many operations are a group that pays for its price: it waits for no others. */
const CROWD_OPERATIONS = 100

/**
 * Told of a call that comes while nothing else is under way, before it is served; whether it may bring about others, which then ride
 * in its group. It never throws.
 */
export type Foretell<Call> = (call: Call) => boolean

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
  readonly #foretell: Foretell<Call>
  #waiting: Waiting<Call, Answer>[] = []
  /** Operations of the calls that wait. */
  #operations = 0
  /** Those that serve groups, one after the other each. */
  #servers = 0
  readonly #serving = new Set<Promise<void>>()

  constructor(serve: ServeGroup<Call, Answer>, bounds: GroupBounds, foretell: Foretell<Call> = () => false) {
    this.#serve = serve
    this.#bounds = bounds
    this.#foretell = foretell
  }

  /** The answer of one call once its group is served. */
  ask(call: Call, size: CallSize): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ call, size, resolve, reject })
      this.#operations += size.operations
      if (this.#servers === 0 || this.#isWorthAnother) this.#begin()
    })
  }

  /** Groups that are under way, or about to be. */
  get underWay(): number {
    return this.#servers
  }

  /** Resolves once every call so far is answered. */
  async idle(): Promise<void> {
    await Promise.all(this.#serving)
  }

  get #isCrowded(): boolean {
    return this.#operations >= CROWD_OPERATIONS
  }

  get #isWorthAnother(): boolean {
    const { abreast = 1 } = this.#bounds
    return this.#servers < abreast && this.#isCrowded
  }

  #begin(): void {
    this.#servers++
    const serving = this.#serveAll().finally(() => this.#serving.delete(serving))
    this.#serving.add(serving)
  }

  /** Where many wait already, the next group is under way before the callers of the last one are told, who have much to do then. */
  async #serveAll(): Promise<void> {
    await turns(JOINING_TURNS)
    while (this.#waiting.length > 0) {
      await this.#company()
      // Another server may have taken all that waited meanwhile.
      if (this.#waiting.length === 0) break
      let tell: Tell = () => {}
      do {
        const serving = this.#serveOne(this.#takeGroup())
        await turns(BEGINNING_TURNS)
        tell()
        tell = await serving
      } while (this.#isCrowded)
      tell()
      // Few calls gather until all that is under way is answered.
      if (this.#servers > 1) break
      await turns(JOINING_TURNS)
    }
    this.#servers--
  }

  /** A call that is alone waits for those that it may bring about. */
  async #company(): Promise<void> {
    const [first, second] = this.#waiting
    if (second === undefined && this.#servers === 1 && this.#foretell(first!.call))
      await turns(FORETOLD_TURNS)
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
    const group = this.#waiting
    this.#waiting = group.splice(calls)
    for (const { size } of group) this.#operations -= size.operations
    return group
  }
}
