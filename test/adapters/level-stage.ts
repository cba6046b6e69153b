/** What the tests of the LevelDB store share: directories of their own, and databases that can be made to fail. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Level } from 'level'
import { afterAll, beforeAll } from 'vitest'
import type { LevelBatch, LevelDatabase } from '../../adapters/level.ts'
import type { Change, Store } from '../../src/store.ts'

/** A function that names a new path, gone after the tests of the file. */
export function paths(): () => string {
  let folder = ''
  let given = 0
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-level-'))
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))
  return () => join(folder, String(++given))
}

export const add = (id: string, lane = 'ready'): Change => ({
  expect: { absent: [id] },
  set: [[id, `value of ${id}`]],
  add: [[lane, `1/${id}`]],
})

export const move = (from: string, to: string, limit: number): Change => ({
  move: { from: { lane: from, limit }, to: [{ lane: to }] },
})

export const all = async (store: Store, lane = 'ready'): Promise<readonly string[]> =>
  (await store.scan([{ lane, limit: Infinity }]))[0]!

/** What a LevelDB database is made to do, and what was asked of it. */
export interface Faults {
  /** Called in place of writing a batch; `write` writes it. */
  write: (write: () => Promise<void>) => Promise<void>
  open: (open: () => Promise<void>) => Promise<void>
  batches: number
  iterators: number
  keysRead: number
}

/** A database of classic-level on which the faults are played, and those faults, none at first. */
export function faulty(path: string, supports: object = {}): { db: LevelDatabase; faults: Faults } {
  const level = new Level(path)
  const faults: Faults = {
    write: (write) => write(),
    open: (open) => open(),
    batches: 0,
    iterators: 0,
    keysRead: 0,
  }
  const replaced: Partial<Record<string | symbol, unknown>> = {
    supports: { ...level.supports, ...supports },
    open: (options: object) => faults.open(() => level.open(options)),
    batch: (): LevelBatch => {
      const batch = level.batch()
      return {
        put: (key, value) => batch.put(key, value),
        del: (key) => batch.del(key),
        write: (options) => {
          faults.batches++
          return faults.write(() => batch.write(options ?? {}))
        },
      }
    },
    keys: (range: object) => {
      const iterator = level.keys(range)
      faults.iterators++
      return {
        nextv: async (size: number) => {
          const keys = await iterator.nextv(size)
          faults.keysRead += keys.length
          return keys
        },
        close: () => iterator.close(),
      }
    },
  }
  const db = new Proxy(level, {
    get(target, name) {
      if (name in replaced) return replaced[name]
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  }) as LevelDatabase
  return { db, faults }
}
