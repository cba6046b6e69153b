/**
 * One line of commits: a slot in the namespace, one call of the commit script at a time. Its receipt makes it safe to ask
 * again: the slot keeps serial and reply of the last call, answers the same serial with the same reply, and refuses older
 * ones. So a call is applied once at most, however often it is sent and however late it arrives.
 */
import { HoldfastError } from '../../src/error.ts'
import type { Host } from '../../src/host.ts'
import type { Answer } from '../group-commit.ts'
import { type Connection, PATIENCE_MS, type Script, Turns } from './connection.ts'
import { certain, storeReset, unsure } from './failure.ts'
import type { Namespace } from './namespace.ts'
import { type Calls, decodeReply, encodeCalls, type Program } from './program.ts'

/** How long a receipt is kept after its last use (ms): far longer than anybody asks again. */
const RECEIPT_MS = 3_600_000
/** A slot that was not used for so long (ms) is not relied upon: another is opened. */
const IDLE_SLOT_MS = RECEIPT_MS / 2
/** Pauses before a call whose answer was lost is asked again (ms): the first, doubled up to the longest. */
const FIRST_PAUSE_MS = 25
const LONGEST_PAUSE_MS = 1000

interface Slot {
  readonly name: string
  serial: number
  usedAt: number
}

export class CommitLine {
  readonly #connection: Connection
  readonly #namespace: Namespace
  readonly #script: Script
  readonly #host: Host
  readonly #turns: Turns
  /** Makes sure that what was just written is as durable as promised. */
  readonly #secure: (() => Promise<void>) | undefined
  /** Told of calls once they are on their way for the first time. */
  readonly #sent: (calls: Calls) => void
  #slot: Slot | undefined

  constructor(
    connection: Connection,
    namespace: Namespace,
    script: Script,
    secure: (() => Promise<void>) | undefined,
    sent: (calls: Calls) => void,
  ) {
    this.#connection = connection
    this.#namespace = namespace
    this.#script = script
    this.#host = connection.host
    this.#turns = new Turns(this.#host)
    this.#secure = secure
    this.#sent = sent
  }

  /** Judges and applies the calls; at most as many as one script call should carry. */
  async commit(calls: Calls): Promise<readonly Answer[]> {
    for (let tries = 0; ; tries++) {
      const slot = await this.#openSlot()
      const { names, id } = this.#namespace
      const { keys, args } = encodeCalls(names, slot.name, calls)
      const serial = String(++slot.serial).padStart(16, '0')
      const program = { keys, args: [id, serial, String(RECEIPT_MS), ...args] }
      const asked = this.#askUntilAnswered(program)
      this.#sent(calls)
      const { reply, isFirst } = await asked
      if (typeof reply !== 'string') {
        slot.usedAt = this.#host.monotonic()
        return decodeReply(reply as readonly unknown[], calls)
      }
      this.#slot = undefined
      const refused = this.#refusal(reply)
      // An earlier sending of the same call may have been applied before its receipt was lost.
      if (!isFirst) throw unsure(refused)
      // The receipt ran out before its time, as when the server's clock was set forward; nothing was applied.
      if (reply === 'RESET' || tries > 0) throw refused
    }
  }

  async #openSlot(): Promise<Slot> {
    const now = this.#host.monotonic()
    if (this.#slot !== undefined && now - this.#slot.usedAt < IDLE_SLOT_MS) return this.#slot
    try {
      const name = await this.#turns.take(() => this.#namespace.openSlot(RECEIPT_MS))
      return (this.#slot = { name: name as string, serial: 0, usedAt: now })
    } catch (error) {
      // Nobody uses a slot of which nobody knows.
      throw certain(error as HoldfastError)
    }
  }

  #refusal(word: string): HoldfastError {
    if (word === 'RESET') return storeReset(this.#namespace.name)
    return new HoldfastError(
      'STORE_UNAVAILABLE',
      `Redis has lost the receipt of this store's last call (${word})`,
    )
  }

  /** The reply, and whether it answers the first sending. Rejects as `failed` only where nothing can have been applied. */
  async #askUntilAnswered(program: Program): Promise<{ reply: unknown; isFirst: boolean }> {
    const end = this.#host.monotonic() + PATIENCE_MS
    const { losses } = this.#connection
    let isFirst = true
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
      try {
        const reply = await this.#ask(program, end - this.#host.monotonic())
        return { reply, isFirst: isFirst && this.#connection.losses === losses }
      } catch (error) {
        const failure = error as HoldfastError
        if (failure.outcome === 'failed' && isFirst) throw failure
        // What did not become durable in its time is not asked for again: the caller should know.
        if (failure.code === 'DURABILITY_UNAVAILABLE') throw failure
        if (this.#connection.hasEnded || this.#host.monotonic() + pause >= end) throw unsure(failure)
        isFirst = false
        await new Promise<void>((resolve) => this.#host.timer(pause, resolve))
      }
    }
  }

  #ask({ keys, args }: Program, patienceMs: number): Promise<unknown> {
    return this.#turns.take(async () => {
      const { losses } = this.#connection
      const reply = await this.#connection.run(this.#script, keys, args)
      if (this.#secure === undefined || typeof reply === 'string') return reply
      await this.#secure()
      if (this.#connection.losses === losses) return reply
      // Another connection was asked about what this one wrote: asked again, the script writes a little, and so does it count.
      throw new HoldfastError('STORE_UNAVAILABLE', 'the connection was lost', { outcome: 'unknown' })
    }, patienceMs)
  }
}
