/**
 * `holdfast/level`: the store on LevelDB, for one process and its disk. This file owns what a program says to it: the
 * options. The life of a store stands in `level/store.ts`, how it judges and writes in `level/engine.ts`, where things
 * lie in `level/layout.ts`.
 *
 * @module holdfast/level
 */
import { HoldfastError } from '../src/error.ts'
import type { Host } from '../src/host.ts'
import type { Store } from '../src/store.ts'
import type { LevelDatabase } from './level/database.ts'
import { LevelStore } from './level/store.ts'

export type { LevelBatch, LevelDatabase, LevelIterator, LevelRange } from './level/database.ts'

/** What a LevelDB store is made with. */
export interface LevelStoreOptions {
  /**
   * What an acknowledged call survives. `disk`: power loss (every write is synced); the default with classic-level.
   * `process`: a crash of the process only; all there is, and the default, on any other abstract-level database.
   */
  durability?: 'disk' | 'process'
  /** Clock, timers and randomness; default: the system's. */
  host?: Host
  /**
   * Open even when data that was written is found missing, which is otherwise refused with `STORE_CORRUPT`: warns, counts
   * what is left anew, and goes on. Default: `false`.
   */
  acceptLoss?: boolean
}

/**
 * A store in a LevelDB database: a directory, opened at first use by `classic-level` and closed by `close()`, or an
 * abstract-level database (`level`, `memory-level`, ...) of which the store is the only user, and which `close()` leaves open.
 * After a failed write the store closes and reopens either, to know what was written.
 *
 * Throws `OPTION_INVALID`. `ready()` and first uses reject with `STORE_LOCKED`, `STORE_CORRUPT`, `STORE_TOO_NEW`,
 * `STORE_FULL`, `STORE_FAILED`, or `DURABILITY_UNAVAILABLE` when `disk` is asked of a database without fsync.
 */
export function levelStore(database: string | LevelDatabase, options: LevelStoreOptions = {}): Store {
  assertDatabase(database)
  assertOptions(options)
  return new LevelStore(database, options)
}

function assertDatabase(database: unknown): void {
  if (typeof database === 'string') {
    if (database !== '' && !database.includes('\0')) return
    throw invalid(`the path ${JSON.stringify(database)} is empty or has a NUL character`)
  }
  if (!isDatabase(database)) throw invalid('the database is neither a path nor an abstract-level database')
  // A store reopens its database after a failed write; a sublevel cannot reopen the one it lies in.
  if ('parent' in database && database.parent !== null) {
    throw invalid('the database is a sublevel: a store needs a database of its own')
  }
  for (const encoding of [database.keyEncoding(), database.valueEncoding()]) {
    if (encoding.commonName !== 'utf8') throw invalid('the database has other encodings than utf8')
  }
}

function isDatabase(value: unknown): value is LevelDatabase {
  if (typeof value !== 'object' || value === null || !('supports' in value)) return false
  return DATABASE_METHODS.every((name) => typeof Reflect.get(value, name) === 'function')
}

const DATABASE_METHODS = [
  'open',
  'close',
  'getMany',
  'batch',
  'keys',
  'iterator',
  'keyEncoding',
  'valueEncoding',
]

function assertOptions(options: LevelStoreOptions): void {
  if (typeof options !== 'object' || options === null) throw invalid('the options are no object')
  const { durability, host, acceptLoss, ...unknown } = options
  const [name] = Object.keys(unknown)
  if (name !== undefined) {
    throw invalid(`there is no option ${JSON.stringify(name)}; there are durability, host, acceptLoss`)
  }
  if (durability !== undefined && durability !== 'disk' && durability !== 'process') {
    throw invalid(`durability is 'disk' or 'process', not ${JSON.stringify(durability)}`)
  }
  if (host !== undefined && (typeof host !== 'object' || host === null || typeof host.wall !== 'function')) {
    throw invalid('host is no Host')
  }
  if (acceptLoss !== undefined && typeof acceptLoss !== 'boolean') {
    throw invalid('acceptLoss is neither true nor false')
  }
}

const invalid = (why: string): HoldfastError => new HoldfastError('OPTION_INVALID', `levelStore: ${why}`)
