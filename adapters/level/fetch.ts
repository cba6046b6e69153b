/**
 * Makes available what a group of calls may ask of the database, before it is judged: judging is synchronous. It
 * runs while nothing is judged or being written, so that the database is the truth. It decides nothing.
 */
import type { Change, Span } from '../../src/store.ts'
import { eachKey, type LevelDatabase } from './database.ts'
import type { Lane } from './lane.ts'
import { laneMetaKey, lanePrefix, spanRange } from './layout.ts'
import type { LevelState } from './state.ts'

export type Calls = readonly (readonly Change[])[]

/** The lowest keys of a span, and how many of them have to be known. */
interface Demand {
  readonly span: Span
  keys: number
}

/** Reads pages of lanes into the state until no question about a span is open. Nothing to do: nothing to wait for. */
export function fetchPages(db: LevelDatabase, state: LevelState, calls: Calls): Promise<void> | undefined {
  const unknown = demandsOf(calls).filter(({ span, keys }) => !state.lane(span.lane).knows(span, keys))
  if (unknown.length === 0) return undefined
  const waits: Promise<void>[] = []
  const heads = new Map<Lane, Demand[]>()
  for (const demand of unknown) {
    const lane = state.lane(demand.span.lane)
    const { from } = demand.span
    if (from !== undefined && from > lane.headEnd!) waits.push(fetchPage(db, lane, demand))
    else if (!heads.get(lane)?.push(demand)) heads.set(lane, [demand])
  }
  for (const [lane, demands] of heads) waits.push(growHead(db, lane, demands, state.residency.refillKeys))
  return allDone(waits)
}

/** Waits for all even when one fails: a late page must not reach a lane of which more has been judged by then. */
async function allDone(waits: readonly Promise<void>[]): Promise<void> {
  const done = await Promise.allSettled(waits)
  for (const one of done) if (one.status === 'rejected') throw one.reason
}

/**
 * Every page the group may ask for. Keys leave a lane while the group is judged, so a page is longer than asked by all
 * that may leave: then it is long enough whatever the earlier calls turn out to do.
 */
function demandsOf(calls: Calls): Demand[] {
  const demands = new Map<string, Demand>()
  const leaving = new Map<string, number>()
  const demand = (span: Span, keys: number): void => {
    const name = `${span.lane} ${span.from ?? ''} ${span.until ?? ''}`
    const known = demands.get(name)
    if (known === undefined) demands.set(name, { span, keys })
    else known.keys = Math.max(known.keys, keys)
  }
  const leave = (lane: string, keys: number): void => {
    leaving.set(lane, (leaving.get(lane) ?? 0) + keys)
  }
  for (const changes of calls) {
    for (const { expect, move, remove } of changes) {
      for (const [span, min, max] of expect?.size ?? []) {
        if (isPart(span)) demand(span, max === Infinity ? min : max + 1)
      }
      for (const [lane] of remove ?? []) leave(lane, 1)
      if (move === undefined) continue
      demand(move.from, move.from.limit)
      leave(move.from.lane, move.from.limit)
      for (const [span, max] of move.room ?? []) if (isPart(span)) demand(span, Math.max(0, max))
    }
  }
  for (const demand of demands.values()) demand.keys += leaving.get(demand.span.lane) ?? 0
  return [...demands.values()]
}

/** Sizes of whole lanes are known without looking. */
const isPart = ({ from, until }: Span): boolean => from !== undefined || until !== undefined

/** Reads on from the end of the head, never below it: what lies there is known, or the remains of what was erased. */
async function growHead(
  db: LevelDatabase,
  lane: Lane,
  demands: readonly Demand[],
  atLeast: number,
): Promise<void> {
  for (const { span, keys } of demands) {
    while (!lane.knowsHead(span, keys)) {
      const rest = { lane: lane.name, from: lane.headEnd! }
      const found = await readKeys(db, rest, Math.max(atLeast, keys + 1))
      lane.extendHead(found.keys, found.ended)
    }
  }
}

async function fetchPage(db: LevelDatabase, lane: Lane, { span, keys }: Demand): Promise<void> {
  const found = await readKeys(db, span, keys + 1)
  lane.addPage(span, found.keys, found.ended)
}

/** The lowest keys of a span, at most `limit`, and whether there are no more. */
export async function readKeys(
  db: LevelDatabase,
  span: Span,
  limit: number,
  reverse = false,
): Promise<{ keys: string[]; ended: boolean }> {
  const prefix = lanePrefix(span.lane).length
  const keys: string[] = []
  const range = { ...spanRange(span), reverse }
  await eachKey(db, Number.isFinite(limit) ? { ...range, limit } : range, (piece) => {
    for (const key of piece) keys.push(key.slice(prefix))
  })
  return { keys, ended: keys.length < limit }
}

/**
 * Stands in for `getSync` where a database has none (a browser's). What a group asks for and is not here is noted
 * as missing and answered with nothing; judged on that, the group has to be judged again once it is loaded.
 */
export class EntryCache {
  readonly #entries = new Map<string, string | undefined>()
  readonly #missing = new Set<string>()
  readonly #db: LevelDatabase

  constructor(db: LevelDatabase) {
    this.#db = db
  }

  readonly get = (key: string): string | undefined => {
    const value = this.#entries.get(key)
    if (value === undefined && !this.#entries.has(key)) this.#missing.add(key)
    return value
  }

  /** A lane is made of its meta at the first look, so metas must be here before any is taken. */
  async loadLanes(calls: Calls): Promise<void> {
    for (const { expect, move, remove, add, append } of calls.flat()) {
      for (const keys of [expect?.present, remove, add, append]) {
        for (const [lane] of keys ?? []) this.#missing.add(laneMetaKey(lane))
      }
      for (const [span] of [...(expect?.size ?? []), ...(move?.room ?? [])]) {
        this.#missing.add(laneMetaKey(span.lane))
      }
      for (const { lane } of move === undefined ? [] : [move.from, ...move.to]) {
        this.#missing.add(laneMetaKey(lane))
      }
    }
    await this.load()
  }

  get incomplete(): boolean {
    return this.#missing.size > 0
  }

  async load(): Promise<void> {
    const keys = [...this.#missing]
    const values = await this.#db.getMany(keys)
    keys.forEach((key, index) => this.#entries.set(key, values[index]))
    this.#missing.clear()
  }

  /** Entries are those of one moment: none outlives its group. */
  clear(): void {
    this.#entries.clear()
    this.#missing.clear()
  }
}
