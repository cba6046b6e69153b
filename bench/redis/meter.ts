/** What a piece of work costs: the time it takes, and the processors of the server and of this process. */
import { Redis } from 'ioredis'

export interface Cost {
  readonly seconds: number
  /** Microseconds the server spent in scripts, and on its processor altogether. */
  readonly script: number
  readonly server: number
  /** Microseconds of this process's processor. */
  readonly client: number
}

export class Meter implements Disposable {
  readonly #control: Redis
  #began = 0
  #server = 0
  #client = 0

  constructor(url: string) {
    this.#control = new Redis(url)
  }

  async begin(): Promise<void> {
    await this.#control.config('RESETSTAT')
    this.#server = await this.#serverTime()
    const { user, system } = process.cpuUsage()
    this.#client = user + system
    this.#began = performance.now()
  }

  async end(): Promise<Cost> {
    const seconds = (performance.now() - this.#began) / 1000
    const { user, system } = process.cpuUsage()
    const server = (await this.#serverTime()) - this.#server
    const stats = await this.#control.info('commandstats')
    // Redis counts what a script calls a second time, each command by its own name.
    const script = sum([...stats.matchAll(/cmdstat_(?:eval|evalsha|fcall):.*?usec=(\d+)/g)])
    return { seconds, script, server, client: user + system - this.#client }
  }

  /** Bytes of the server's memory that data takes. */
  async memory(): Promise<number> {
    return Number(/used_memory_dataset:(\d+)/.exec(await this.#control.info('memory'))![1])
  }

  [Symbol.dispose](): void {
    this.#control.disconnect()
  }

  async #serverTime(): Promise<number> {
    const info = await this.#control.info('cpu')
    return sum([...info.matchAll(/^used_cpu_(?:user|sys):([\d.]+)/gm)]) * 1e6
  }
}

const sum = (matches: readonly RegExpMatchArray[]): number =>
  matches.reduce((total, [, value]) => total + Number(value), 0)
