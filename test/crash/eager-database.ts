/**
 * A LevelDB database that lies: it says that a batch is written, and writes it a moment later. Batches keep their order and
 * reads wait for them, so nothing is wrong with it but the moment of the answer; a witness that does not see it is blind.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { ClassicLevel } from 'classic-level'
import type { LevelBatch, LevelDatabase, LevelIterator, LevelRange } from '../../adapters/level.ts'

const LATE_MS = 100

export function eagerDatabase(path: string): LevelDatabase {
  const db: LevelDatabase = new ClassicLevel(path)
  let written: Promise<void> = Promise.resolve()
  return {
    get status() {
      return db.status
    },
    supports: {},
    open: (options) => db.open(options),
    close: () => written.then(() => db.close()),
    getSync: (key) => db.getSync(key),
    getMany: (keys) => written.then(() => db.getMany(keys)),
    batch() {
      const batch = db.batch()
      const eager: LevelBatch = {
        put: (key, value) => batch.put(key, value),
        del: (key) => batch.del(key),
        async write(options) {
          written = written.then(() => sleep(LATE_MS)).then(() => batch.write(options))
        },
      }
      return eager
    },
    keys: (range) =>
      lateIterator(
        () => written,
        () => db.keys(range),
      ),
    iterator: (range: LevelRange) =>
      lateIterator(
        () => written,
        () => db.iterator(range),
      ),
    keyEncoding: () => db.keyEncoding(),
    valueEncoding: () => db.valueEncoding(),
  }
}

/** Opened at its first use, once all is written. */
function lateIterator<Entry>(
  written: () => Promise<void>,
  open: () => LevelIterator<Entry>,
): LevelIterator<Entry> {
  let iterator: LevelIterator<Entry> | undefined
  return {
    async nextv(size) {
      await written()
      iterator ??= open()
      return iterator.nextv(size)
    },
    close: async () => iterator?.close(),
  }
}
