/** What a script is played on: a store that outlives its openings, and all that it holds as the script saw it last. */
import type { Store } from 'holdfast'
import type { VirtualHost } from 'holdfast/testing'
import type { Dump } from '../model/dump.ts'
import type { Disk } from '../model/harness.ts'
import { overStore } from './over-store.ts'

/** Calls of a store take real time, in which none passes for the script. */
export class Ground {
  readonly #disk: Disk
  readonly #underWay = new Set<Promise<unknown>>()
  #seen: Dump = { records: new Map(), lanes: new Map() }

  constructor(disk: Disk) {
    this.#disk = disk
  }

  async open(host: VirtualHost): Promise<Store> {
    const store = await this.#disk.open(host)
    return overStore(store, {
      ready: () => this.#during(store.ready()),
      read: (ids) => this.#during(store.read(ids)),
      scan: (pages) => this.#during(store.scan(pages)),
      count: (spans) => this.#during(store.count(spans)),
      commit: (changes) => this.#during(store.commit(changes)),
      close: () => this.#during(store.close()),
    })
  }

  /** Lets everything run that needs no time to pass. */
  async settle(host: VirtualHost): Promise<void> {
    do await host.idle()
    while (await this.#quiet())
  }

  async look(): Promise<void> {
    this.#seen = await this.#disk.dump()
  }

  /** As of the last look. */
  dump(): Dump {
    return this.#seen
  }

  /** Waits for what is under way; false where nothing was. */
  async #quiet(): Promise<boolean> {
    const busy = this.#underWay.size > 0
    await Promise.allSettled(this.#underWay)
    return busy
  }

  #during<T>(call: Promise<T>): Promise<T> {
    this.#underWay.add(call)
    const over = (): void => void this.#underWay.delete(call)
    call.then(over, over)
    return call
  }
}
