/**
 * The subset of an abstract-level database the LevelDB store uses, and the few things it asks of one. Structural,
 * so that no type of abstract-level is needed to use the store. It knows neither lanes nor records.
 */

/** Any open or opening abstract-level database whose keys and values are utf8 strings, the default of `level`. */
export interface LevelDatabase {
  /** `open` once it is. */
  readonly status: string
  /** What it can do. */
  readonly supports: object
  /** Opens it, or with `passive` waits until it is open. */
  open(options?: { passive?: boolean }): Promise<void>
  /** Closes it. */
  close(): Promise<void>
  /** One value, without waiting; where `supports.getSync`. */
  getSync(key: string): string | undefined
  /** Values in the order asked. */
  getMany(keys: string[]): Promise<(string | undefined)[]>
  /** A batch to be filled. */
  batch(): LevelBatch
  /** The keys of a range. */
  keys(options: LevelRange): LevelIterator<string>
  /** The entries of a range. */
  iterator(options: LevelRange): LevelIterator<[key: string, value: string]>
  /** Must be utf8. */
  keyEncoding(): { readonly commonName: string }
  /** Must be utf8. */
  valueEncoding(): { readonly commonName: string }
}

/** Writes that are made together. */
export interface LevelBatch {
  /** Sets a value. */
  put(key: string, value: string): unknown
  /** Deletes a key that need not exist. */
  del(key: string): unknown
  /** Writes it; with `sync`, to the disk. */
  write(options?: object): Promise<void>
}

/** Part of a database. */
export interface LevelRange {
  /** The lowest key of it. */
  gte?: string
  /** The lowest key above it. */
  lt?: string
  /** At most so many entries. */
  limit?: number
  /** From the highest key down. */
  reverse?: boolean
}

/** Goes through a range. */
export interface LevelIterator<Entry> {
  /** Up to `size` entries; fewer say nothing, none is the end. */
  nextv(size: number): Promise<Entry[]>
  /** Frees it. */
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
