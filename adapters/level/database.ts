/**
 * The subset of an abstract-level database the LevelDB store uses, and the few things it asks of one. Structural,
 * so that no type of abstract-level is needed to use the store. It knows neither lanes nor records.
 */

/** Any open or opening abstract-level database whose keys and values are utf8 strings, the default of `level`. */
export interface LevelDatabase {
  readonly status: string
  readonly supports: object
  open(options?: { passive?: boolean }): Promise<void>
  close(): Promise<void>
  getSync(key: string): string | undefined
  getMany(keys: string[]): Promise<(string | undefined)[]>
  batch(): LevelBatch
  keys(options: LevelRange): LevelIterator<string>
  iterator(options: LevelRange): LevelIterator<[key: string, value: string]>
  keyEncoding(): { readonly commonName: string }
  valueEncoding(): { readonly commonName: string }
}

export interface LevelBatch {
  put(key: string, value: string): unknown
  del(key: string): unknown
  write(options?: object): Promise<void>
}

export interface LevelRange {
  gte?: string
  lt?: string
  limit?: number
  reverse?: boolean
}

export interface LevelIterator<Entry> {
  nextv(size: number): Promise<Entry[]>
  close(): Promise<void>
}

/** Entries asked of an iterator at a time. */
const ENTRIES_PER_READ = 10_000
/** Bytes classic-level reads ahead before it answers short; its default of 16 KiB holds 250 of our keys. */
const READ_AHEAD_BYTES = 1024 * 1024

/** Options of classic-level that others ignore. */
const readAhead = { highWaterMarkBytes: READ_AHEAD_BYTES }

/**
 * Whether this is LevelDB by classic-level, the only one whose `sync` writes reach the disk. Seen by name, since
 * a program may hold two copies of the package; a renamed (minified) class is taken for another one, which errs
 * on the side of promising less.
 */
export function isClassicLevel(db: object): boolean {
  for (let type = Object.getPrototypeOf(db); type !== null; type = Object.getPrototypeOf(type)) {
    if (type.constructor?.name === 'ClassicLevel') return true
  }
  return false
}

/** Whether single entries can be read without waiting. */
export const readsAtOnce = ({ supports }: LevelDatabase): boolean => Reflect.get(supports, 'getSync') === true

/** Hands on all entries of a range in order, in pieces of any size. A short piece is not the end, an empty one is. */
async function drain<Entry>(iterator: LevelIterator<Entry>, take: (piece: Entry[]) => void): Promise<void> {
  try {
    for (;;) {
      const piece = await iterator.nextv(ENTRIES_PER_READ)
      if (piece.length === 0) return
      take(piece)
    }
  } finally {
    await iterator.close()
  }
}

export function eachEntry(
  db: LevelDatabase,
  range: LevelRange,
  take: (piece: [key: string, value: string][]) => void,
): Promise<void> {
  return drain(db.iterator({ ...readAhead, ...range }), take)
}

export function eachKey(
  db: LevelDatabase,
  range: LevelRange,
  take: (piece: string[]) => void,
): Promise<void> {
  return drain(db.keys({ ...readAhead, ...range }), take)
}
