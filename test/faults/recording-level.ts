/** A LevelDB database that writes down every batch, from which any moment of its past can be made again. */
import { ClassicLevel } from 'classic-level'
import type { LevelBatch, LevelDatabase, LevelIterator } from '../../adapters/level.ts'

/** A value left out deletes the key. */
export type Batch = readonly (readonly [key: string, value?: string])[]

export class RecordingLevel {
  readonly db: LevelDatabase
  readonly #level: ClassicLevel
  readonly #written: (batch: Batch) => void
  readonly #underWay = new Set<Promise<unknown>>()

  /** `written` is told of each batch when it is given to LevelDB. */
  constructor(path: string, written: (batch: Batch) => void) {
    this.#level = new ClassicLevel(path)
    this.#written = written
    const replaced: Partial<LevelDatabase> = {
      batch: () => this.#batch(),
      getMany: (keys) => this.#during(this.#level.getMany(keys)),
      keys: (range) => this.#iterator(this.#level.keys(range)),
      iterator: (range) => this.#iterator(this.#level.iterator(range)),
    }
    this.db = new Proxy(this.#level, {
      get(level, name) {
        const value: unknown = Reflect.get(Object.hasOwn(replaced, name) ? replaced : level, name)
        return typeof value === 'function' ? value.bind(level) : value
      },
    })
  }

  /** Writes these batches, one after the other, each as it was. */
  async replay(batches: readonly Batch[]): Promise<void> {
    await this.#level.open()
    for (const batch of batches) {
      await this.#level.batch(
        batch.map(([key, value]) =>
          value === undefined ? { type: 'del', key } : { type: 'put', key, value },
        ),
      )
    }
  }

  /** Everything under a prefix of one letter and a space, without it. */
  async entries(letter: string): Promise<[key: string, value: string][]> {
    const found = await this.#level.iterator({ gte: `${letter} `, lt: `${letter}!` }).all()
    return found.map(([key, value]) => [key.slice(2), value])
  }

  /** Waits for what is under way; false where nothing was. */
  async quiet(): Promise<boolean> {
    const busy = this.#underWay.size > 0
    await Promise.allSettled(this.#underWay)
    return busy
  }

  async close(): Promise<void> {
    await this.quiet()
    await this.#level.close()
  }

  #batch(): LevelBatch {
    const batch = this.#level.batch()
    const changes: [string, string?][] = []
    return {
      put: (key, value) => {
        changes.push([key, value])
        batch.put(key, value)
      },
      del: (key) => {
        changes.push([key])
        batch.del(key)
      },
      write: (options) => {
        this.#written(changes)
        return this.#during(batch.write(options ?? {}))
      },
    }
  }

  #iterator<Entry>(iterator: LevelIterator<Entry>): LevelIterator<Entry> {
    return {
      nextv: (size) => this.#during(iterator.nextv(size)),
      close: () => this.#during(iterator.close()),
    }
  }

  #during<T>(work: Promise<T>): Promise<T> {
    this.#underWay.add(work)
    const over = (): void => void this.#underWay.delete(work)
    work.then(over, over)
    return work
  }
}
