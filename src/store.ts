/**
 * The storage contract: what a store must do so that Holdfast can run on it.
 *
 * A store holds two things. *Records*: id -> string, opaque to it. *Lanes*: named, byte-ordered sets of
 * keys; the text after the last `/` of a key is its *name*, and names a record. A store knows neither jobs nor
 * time; there is one way to write, `commit`. `holdfast/conformance` holds the cases that prove a store.
 *
 * Lane names, keys and record ids are printable ASCII without spaces (0x21 to 0x7e); values are well-formed
 * strings. A key does not end in `/`, a mark holds none. Bounds are the contract's, the same for every store
 * (`core/bounds.ts`), and hold for keys as they are placed or appended too. `core/unit.ts` checks all of it: a `commit`
 * that breaks a rule rejects with `UNIT_INVALID`, outcome `failed`, before any of it applies. `read`, `scan` and `count` are
 * only asked for what follows the rules.
 */
import type { Host } from './host.ts'

/** A key and the lane it is in. */
export type Key = readonly [lane: string, key: string]

/** Keys with `from <= key < until`, compared as bytes; a bound left out is open, both left out is the whole lane. */
export interface Span {
  /** The lane's name. */
  readonly lane: string
  /** The lowest key that is in it. */
  readonly from?: string
  /** The lowest key that is above it. */
  readonly until?: string
}

/** The first keys of a span. */
export interface Page extends Span {
  /** At most so many. */
  readonly limit: number
  /** From the highest key down; default: from the lowest up. */
  readonly descending?: boolean
}

/** What an acknowledged write survives: nothing, the end of the process, power loss, the loss of a machine. */
export type Durability = 'memory' | 'process' | 'disk' | 'replicated'

/** What records and lanes are kept in. Every rejection is a `HoldfastError` whose `outcome` says whether anything was applied. */
export interface Store {
  /**
   * Idempotent; awaited by every caller before its first other call. The plain members below are valid after it.
   * Rejects with `STORE_LOCKED`, `STORE_CORRUPT`, `DURABILITY_UNAVAILABLE`, ...
   */
  ready(): Promise<void>
  /** Records in the order asked; `undefined` where absent. An empty string is a value. Only what is durable is seen. */
  read(ids: readonly string[]): Promise<readonly (string | undefined)[]>
  /** One list of keys per page. Pages of one call need not be of one moment: only `expect` decides. */
  scan(pages: readonly Page[]): Promise<readonly (readonly string[])[]>
  /** Exact sizes. Whole lanes in O(1); parts of a lane may be walked, so never on a hot path. */
  count(spans: readonly Span[]): Promise<readonly number[]>
  /**
   * ONE unit: atomic, isolated, durable, applied at most once however often the transport sends it. Changes are
   * judged in order, each seeing what the earlier ones left. There is no order between calls not awaited.
   * Resolves with one result per change; rejects as `failed` (nothing was applied) or `unknown`.
   */
  commit(changes: readonly Change[]): Promise<readonly Result[]>
  /**
   * A hint that a look at one of the lanes may be worth it: its lowest key was just added or placed, or an applied
   * change named it in `hint`. Also called after any gap in which a hint may have been lost, and, beside that, by some
   * stores as soon as a commit made now is judged behind what is being added. Never called from within `watch`. The
   * returned function ends it.
   */
  watch(lanes: readonly string[], wake: () => void): () => void
  /** The store's clock, ms since the epoch, an integer, never backwards within one open; see `skewMs`. */
  now(): number
  /** By how many ms the clocks of two who use the store may differ; 0 where they are one. */
  readonly skewMs: number
  /** Clock, timers and randomness of everything that uses this store. */
  readonly host: Host
  /** What is really so, not what was asked for. */
  readonly durability: Durability
  /** Set where one process owns every lease; new at each open: leases of another epoch are dead. Letters and digits. */
  readonly epoch?: string
  /** Waits for the calls under way, then frees everything. Idempotent; later calls reject with `STORE_CLOSED`. */
  close(): Promise<void>
  /** As `close()`. */
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * One change is judged whole on the state before it: when `after`, every part of `expect`, `move` and `remove` hold, it
 * applies; else its result is `false` and it leaves no trace. It applies in this order: keys move out, are
 * removed, placed, added, appended; then records are set, then deleted. An empty change applies.
 */
export interface Change {
  /** Index of an earlier change of this call that must have applied. */
  readonly after?: number
  /** What must hold for the change to apply. */
  readonly expect?: {
    /** Keys that must be there. */
    readonly present?: readonly Key[]
    /** Records that must not exist. */
    readonly absent?: readonly string[]
    /** Records that must hold exactly this value. */
    readonly equal?: readonly (readonly [id: string, value: string])[]
    /** Spans that must hold `min` to `max` keys. `max` may be Infinity. */
    readonly size?: readonly (readonly [span: Span, min: number, max: number])[]
  }
  /** Moving nothing fails the change; never beside `remove`. */
  readonly move?: Move
  /** A missing key fails the change. No key twice. */
  readonly remove?: readonly Key[]
  /** Must be new once `remove` is done: the caller's duty. A unit that adds a key twice rejects with `UNIT_INVALID`. */
  readonly add?: readonly Key[]
  /** Stored as `<16 digits>/<key>`, numbered in commit order, one series per store; only applied appends are numbered. */
  readonly append?: readonly Key[]
  /** Records and their new values. */
  readonly set?: readonly (readonly [id: string, value: string])[]
  /** Records that need not exist. */
  readonly delete?: readonly string[]
  /** Lanes whose watchers are woken once the change applies. */
  readonly hint?: readonly string[]
}

/**
 * Takes up to `limit` keys from the head of a range; no two callers ever get the same one. A move short of its
 * limit has exhausted its range or its room.
 */
export interface Move {
  /** Where keys are taken, from the lowest up, at most `limit` of them. */
  readonly from: Span & { readonly limit: number }
  /** Empty: a bounded trim. */
  readonly to: readonly Place[]
  /**
   * Take no more than fits: the size of each span before the change plus every key taken stays at or below its max.
   * Each key taken counts once per span, wherever it is placed.
   */
  readonly room?: readonly (readonly [span: Span, max: number])[]
  /** Nobody asks what was taken: the result is `[]`, and no record is looked at. Default false. */
  readonly quiet?: boolean
}

/**
 * The new key is `prefix` + the old key without its first `drop` segments (those that end in `/`; the name is never
 * dropped), with `mark/` before the name.
 */
export interface Place {
  /** The lane it goes to. */
  readonly lane: string
  /** Leading segments that are left out; default 0. */
  readonly drop?: number
  /** Text that comes before what is left; default none. */
  readonly prefix?: string
  /** A segment that comes before the name; default none. */
  readonly mark?: string
}

/** A key that was moved, as it was, with the record its name names, as it was before this change's own `set` and `delete`. */
export interface Moved {
  /** The whole key, as it was where it was taken. */
  readonly key: string
  /** `undefined` where there is none of that name. */
  readonly record: string | undefined
}

/** `false`: refused, no trace. Else the moved keys in order; `[]` when the change applied without a move, or with a quiet one. */
export type Result = false | readonly Moved[]
