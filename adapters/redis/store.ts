/**
 * The life of a Redis store: opening at first use, what it is made of, closing. Its calls go to the lines of commits, two of
 * which only grow, and to the looks; options arrive here checked.
 */
import { HoldfastError } from '../../src/error.ts'
import { type Host, systemHost } from '../../src/host.ts'
import type { Change, Durability, Page, Result, Span, Store } from '../../src/store.ts'
import { risingClock } from '../clock.ts'
import { GroupCommit } from '../group-commit.ts'
import { onlyGrows } from '../growth.ts'
import type { GroupBounds } from '../joined-calls.ts'
import type { RedisStoreOptions } from '../redis.ts'
import type { RedisClient } from './client.ts'
import { CommitLines } from './commit-lines.ts'
import { GROWING_COMMIT, SETTLING_COMMIT } from './commit-script.ts'
import { Connection, Script, Turns } from './connection.ts'
import { probeDurability } from './durability.ts'
import { certain, redisError } from './failure.ts'
import { Looks } from './looks.ts'
import { Namespace } from './namespace.ts'
import type { Calls } from './program.ts'
import { SHIFT } from './open-script.ts'
import { ServerClock } from './server-clock.ts'
import { Wakes } from './wakes.ts'

/**
 * What one call of the commit script carries. Larger ones gain little, and keep the server from others for longer: this much
 * takes it a millisecond or two, and no list in it comes near the 8,000 values Lua can unpack. With two under way neither side
 * waits for the other.
 */
const GROUP: GroupBounds = { operations: 300, bytes: 512 * 1024, abreast: 2 }

const growing = new Script(GROWING_COMMIT)
const settling = new Script(SETTLING_COMMIT)
const shift = new Script(SHIFT)

/** Open, a store has both: lines for calls that only grow, refused at full memory, and lines for all others. */
interface Lines {
  readonly growing: CommitLines
  readonly settling: CommitLines
}

export class RedisStore implements Store {
  readonly host: Host
  readonly now: () => number
  readonly epoch = undefined
  readonly #connection: Connection
  readonly #namespace: Namespace
  readonly #looks: Looks
  readonly #wakes: Wakes
  readonly #turns: Turns
  readonly #clock: ServerClock | undefined
  readonly #asked: Durability | undefined
  readonly #growing = new GroupCommit(async (calls) => (await this.#open()).growing.commit(calls), GROUP)
  readonly #settling = new GroupCommit(async (calls) => (await this.#open()).settling.commit(calls), GROUP)
  #durability: Durability = 'memory'
  #warned = false
  #lines: Lines | undefined
  #opening: Promise<Lines> | undefined
  #closing: Promise<void> | undefined

  constructor(client: RedisClient, { namespace = 'holdfast', durability, host }: RedisStoreOptions) {
    this.host = host ?? systemHost
    this.#asked = durability
    this.#connection = new Connection(client, this.host)
    this.#namespace = new Namespace(namespace, this.#connection)
    this.#turns = new Turns(this.host)
    this.#looks = new Looks(this.#connection, this.#namespace)
    this.#wakes = new Wakes(client, this.#namespace.names, this.#looks, () => this.#clock?.refresh())
    // Whoever gives a host of their own decides what time it is.
    if (this.host === systemHost) {
      this.#clock = new ServerClock(this.host, {
        time: () => this.#looks.time(),
        shift: (from, to) => this.#shiftClock(from, to),
      })
    }
    this.now = this.#clock?.now ?? risingClock(this.host)
  }

  get durability(): Durability {
    return this.#durability
  }

  get skewMs(): number {
    return this.#clock?.skewMs ?? 0
  }

  async ready(): Promise<void> {
    this.#assertUsable()
    await this.#open()
  }

  async read(ids: readonly string[]): Promise<readonly (string | undefined)[]> {
    await this.#openToLook()
    return this.#looks.read(ids)
  }

  async scan(pages: readonly Page[]): Promise<readonly (readonly string[])[]> {
    await this.#openToLook()
    return this.#looks.scan(pages)
  }

  async count(spans: readonly Span[]): Promise<readonly number[]> {
    await this.#openToLook()
    return this.#looks.count(spans)
  }

  commit(changes: readonly Change[]): Promise<readonly Result[]> {
    if (this.#closing !== undefined) return Promise.reject(storeClosed())
    // Those that only grow are refused at full memory, and never take others along.
    return (onlyGrows(changes) ? this.#growing : this.#settling).commit(changes)
  }

  watch(lanes: readonly string[], wake: () => void): () => void {
    return this.#wakes.watch(lanes, wake)
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close())
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #openToLook(): Promise<void> {
    this.#assertUsable()
    if (this.#lines === undefined) await this.#open()
  }

  async #open(): Promise<Lines> {
    return (
      this.#lines ?? (await (this.#opening ??= this.#openInTime().finally(() => (this.#opening = undefined))))
    )
  }

  /** A call that waited for this was not sent, so whatever comes of it, it has failed. */
  async #openInTime(): Promise<Lines> {
    try {
      return (await this.#turns.take(() => this.#openLines())) as Lines
    } catch (error) {
      throw certain(redisError('Redis could not be opened', error))
    }
  }

  async #openLines(): Promise<Lines> {
    const connection = this.#connection
    const { durability, warning, secure } = await probeDurability(connection, this.#asked)
    await this.#namespace.open()
    await this.#clock?.start()
    this.#durability = durability
    if (warning !== undefined && !this.#warned) this.host.warn(warning)
    this.#warned = true
    this.#lines = {
      growing: new CommitLines(connection, this.#namespace, growing, secure, (calls) =>
        this.#foretell(calls),
      ),
      settling: new CommitLines(connection, this.#namespace, settling, secure, () => {}),
    }
    return this.#lines
  }

  /**
   * What is added while nothing else is to be done wakes watchers of this process at once: a look of theirs is sent behind it,
   * so it sees what was added, and saves the way of the message. Where much is under way, or the answer is lost, that comes all
   * the same.
   */
  #foretell([call, another]: Calls): void {
    if (call === undefined || another !== undefined) return
    if (this.#growing.underWay > 1 || this.#settling.underWay > 0) return
    this.#wakes.foretell(call.flatMap(({ add = [] }) => add.map(([lane]) => lane)))
  }

  #shiftClock(from: number, to: number): Promise<unknown> {
    const { names, id } = this.#namespace
    return this.#connection.run(shift, [names.meta], [id, String(from), String(to)])
  }

  async #close(): Promise<void> {
    await Promise.all([this.#growing.idle(), this.#settling.idle(), this.#looks.idle()])
    this.#wakes.close()
  }

  #assertUsable(): void {
    if (this.#closing !== undefined) throw storeClosed()
  }
}

const storeClosed = (): HoldfastError => new HoldfastError('STORE_CLOSED', 'the Redis store is closed')
