/**
 * Reading: what is asked in one tick, and while an earlier question is on its way, rides in one call of the look script. Long
 * pages and lists are asked in pieces, so that none keeps the server busy.
 */
import type { Host } from '../../src/host.ts'
import type { Page, Span } from '../../src/store.ts'
import { JoinedCalls } from '../joined-calls.ts'
import { type Connection, Script, Turns } from './connection.ts'
import { certain, redisError, storeReset } from './failure.ts'
import { LOOK } from './look-script.ts'
import { ending, LaneKeys, lowest } from './names.ts'
import type { Namespace } from './namespace.ts'

/** Records and keys that one question may ask for, and that one call of the script may. */
const MOST_AT_ONCE = 500
const MOST_IN_A_CALL = 2_000

/** What the server said of the time. */
export interface ServerTime {
  /** Of the server's wall clock, ms since the epoch. */
  readonly wall: number
  /** How far the namespace's clock is ahead of it, ms. */
  readonly shift: number
}

/** Appends the words of one question. */
type Question = (args: string[], lanes: LaneKeys) => void

const look = new Script(LOOK)

export class Looks {
  readonly #connection: Connection
  readonly #namespace: Namespace
  readonly #turns: Turns
  readonly #questions = new JoinedCalls<Question, unknown>((questions) => this.#ask(questions), {
    operations: MOST_IN_A_CALL,
    bytes: Infinity,
  })

  readonly host: Host

  constructor(connection: Connection, namespace: Namespace) {
    this.host = connection.host
    this.#connection = connection
    this.#namespace = namespace
    this.#turns = new Turns(connection.host)
  }

  async read(ids: readonly string[]): Promise<readonly (string | undefined)[]> {
    const parts: Promise<unknown>[] = []
    for (let start = 0; start < ids.length; start += MOST_AT_ONCE) {
      const part = ids.slice(start, start + MOST_AT_ONCE)
      parts.push(this.#put(part.length, (args) => void args.push('r', String(part.length), ...part)))
    }
    const values = (await Promise.all(parts)) as (string | null)[][]
    return values.flat().map((value) => value ?? undefined)
  }

  scan(pages: readonly Page[]): Promise<readonly (readonly string[])[]> {
    return Promise.all(pages.map((page) => this.#scanOne(page)))
  }

  count(spans: readonly Span[]): Promise<readonly number[]> {
    return Promise.all(spans.map((span) => this.#countOne(span)))
  }

  async time(): Promise<ServerTime> {
    const answer = (await this.#put(1, (args) => void args.push('t'))) as readonly unknown[]
    const [seconds = 0, micros = 0, shift = 0] = answer.map(Number)
    return { wall: seconds * 1000 + micros / 1000, shift }
  }

  /** Resolves once every question so far is answered. */
  idle(): Promise<void> {
    return this.#questions.idle()
  }

  async #scanOne({ lane, from, until, limit, descending = false }: Page): Promise<readonly string[]> {
    const found: string[] = []
    let [low, high] = [lowest(from), ending(until)]
    while (found.length < limit) {
      const piece = Math.min(limit - found.length, MOST_AT_ONCE)
      const keys = (await this.#put(piece, (args, lanes) => {
        const bounds = descending ? [high, low] : [low, high]
        args.push(descending ? 'K' : 'k', String(lanes.place(lane)), ...bounds, String(piece))
      })) as string[]
      found.push(...keys)
      if (keys.length < piece) break
      if (descending) high = ending(keys.at(-1))
      else low = `(${keys.at(-1)}`
    }
    return found
  }

  async #countOne({ lane, from, until }: Span): Promise<number> {
    const isWhole = from === undefined && until === undefined
    const size = await this.#put(1, (args, lanes) => {
      if (isWhole) args.push('c', String(lanes.place(lane)))
      else args.push('C', String(lanes.place(lane)), lowest(from), ending(until))
    })
    return Number(size)
  }

  #put(operations: number, question: Question): Promise<unknown> {
    return this.#questions.ask(question, { operations, bytes: 0 })
  }

  async #ask(questions: readonly Question[]): Promise<readonly unknown[]> {
    const { names, id, name } = this.#namespace
    const lanes = new LaneKeys(names, [names.meta, names.records])
    const args = [id]
    for (const question of questions) question(args, lanes)
    try {
      const reply = await this.#turns.take(() => this.#connection.run(look, lanes.keys, args))
      if (typeof reply === 'string') throw storeReset(name)
      return reply as readonly unknown[]
    } catch (error) {
      throw certain(redisError('Redis did not do as asked', error))
    }
  }
}
