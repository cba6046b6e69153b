/** One namespace on a server: its names, its id, which tells it from another that came after it, and its slots. */
import { HoldfastError } from '../../src/error.ts'
import { type Connection, Script } from './connection.ts'
import { storeReset } from './failure.ts'
import { Names } from './names.ts'
import { FORMAT, OPEN } from './open-script.ts'

const open = new Script(OPEN)

export class Namespace {
  readonly name: string
  readonly names: Names
  /** Known once it was opened. */
  id = ''
  readonly #connection: Connection

  constructor(name: string, connection: Connection) {
    this.name = name
    this.names = new Names(name)
    this.#connection = connection
  }

  /** Takes note of the namespace's id; gives it one where it is new. */
  async open(): Promise<void> {
    await this.#open([])
  }

  /** The name of a new slot, whose receipt is kept for so long after its last use. */
  async openSlot(receiptMs: number): Promise<string> {
    const slot = this.#draw()
    await this.#open([this.names.receipt(slot)], receiptMs)
    return slot
  }

  async #open(receipts: readonly string[], receiptMs = 1): Promise<void> {
    const keys = [this.names.meta, this.names.rehearsal, ...receipts]
    const reply = await this.#connection.run(open, keys, [this.id, this.#draw(), FORMAT, String(receiptMs)])
    if (typeof reply === 'string') throw storeReset(this.name)
    const [id, format] = reply as readonly [string, string]
    if (format !== FORMAT) {
      const message = `the namespace ${this.name} is of format ${format}, of a newer release; this one knows ${FORMAT}`
      throw new HoldfastError('STORE_TOO_NEW', message)
    }
    this.id = id
  }

  /** A name that nobody else draws. */
  #draw(): string {
    const { host } = this.#connection
    return Array.from({ length: 3 }, () => Math.floor(host.random() * 2 ** 40).toString(36)).join('')
  }
}
