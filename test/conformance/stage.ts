/**
 * What a conformance case is and what it plays on: stores of its own, opened empty and closed when it ends. It
 * knows the contract, no store, and no test runner.
 */
import type { Change, Store } from '../../src/store.ts'
import { equal, rejects } from './assert.ts'

/**
 * Opens a store. A name opened for the first time is empty; opened again after `close()` it holds what it held;
 * two names share nothing.
 */
export type Open = (name: string) => Promise<Store>

/** One promise of the storage contract. `run` rejects where the store does not keep it. */
export interface Case {
  /** What is shown of it, as the name of a test. */
  readonly name: string
  /** Rejects where the store is none. */
  readonly run: (open: Open) => Promise<void>
}

/** The stores of one case. */
export interface Stage {
  readonly store: Store
  /** Closes the store and opens it again. */
  readonly reopen: () => Promise<Store>
  /** A second store, of another name. */
  readonly another: () => Promise<Store>
}

/** The cases of one concern; `name` keeps their stores apart from those of the others. */
export function concern(
  name: string,
  plays: Readonly<Record<string, (stage: Stage) => Promise<void>>>,
): readonly Case[] {
  return Object.entries(plays).map(([sentence, play], index) => ({
    name: sentence,
    run: (open) => perform(`${name}-${index + 1}`, open, play),
  }))
}

async function perform(name: string, open: Open, play: (stage: Stage) => Promise<void>): Promise<void> {
  const opened: Store[] = []
  const openReady = async (suffix: string): Promise<Store> => {
    const store = await open(`${name}${suffix}`)
    opened.push(store)
    await store.ready()
    return store
  }
  let store = await openReady('')
  try {
    await play({
      store,
      reopen: async () => {
        await store.close()
        return (store = await openReady(''))
      },
      another: () => openReady('-other'),
    })
  } finally {
    for (const each of opened) await each.close()
  }
}

/** Keys or records written by one call of the functions below: well under the bounds of a unit. */
const WRITTEN_AT_ONCE = 200

/** Adds keys to a lane, in as many calls as it takes. */
export async function fill(store: Store, lane: string, keys: readonly string[]): Promise<void> {
  for (let start = 0; start < keys.length; start += WRITTEN_AT_ONCE) {
    const part = keys.slice(start, start + WRITTEN_AT_ONCE)
    await store.commit([{ add: part.map((key) => [lane, key] as const) }])
  }
}

/** Sets records, in one call. */
export async function put(store: Store, records: Readonly<Record<string, string>>): Promise<void> {
  await store.commit([{ set: Object.entries(records) }])
}

/** Every key of a lane, in order. */
export async function keysOf(store: Store, lane: string): Promise<readonly string[]> {
  const [keys] = await store.scan([{ lane, limit: 100_000 }])
  return keys!
}

/** Keys that rise with their number: `k0000`, `k0001`, ... */
export const risingKeys = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `k${String(index).padStart(4, '0')}`)

/** Fails unless the lanes hold exactly these keys, by their content, and by their counts. */
export async function lanesHold(
  store: Store,
  expected: Readonly<Record<string, readonly string[]>>,
  what: string,
): Promise<void> {
  const lanes = Object.keys(expected)
  const pages = await store.scan(lanes.map((lane) => ({ lane, limit: 100_000 })))
  equal(Object.fromEntries(lanes.map((lane, index) => [lane, pages[index]])), expected, what)
  const counts = await store.count(lanes.map((lane) => ({ lane })))
  const sizes = Object.values(expected).map((keys) => keys.length)
  equal(counts, sizes, `${what}: the counts of ${lanes.join(', ')}`)
}

/**
 * Fails unless a call with these changes rejects with `UNIT_INVALID` and leaves no trace: not of the changes
 * before them, which would apply, nor in the numbers of appended keys.
 */
export async function refusedWithoutTrace(
  store: Store,
  changes: readonly Change[],
  what: string,
): Promise<void> {
  const watched = { lane: 'trace', log: 'trace-log', id: 'trace-record' }
  const look = async (): Promise<unknown> => [
    await store.scan([watched.lane, watched.log].map((lane) => ({ lane, limit: 1_000 }))),
    await store.count([{ lane: watched.lane }, { lane: watched.log }]),
    await store.read([watched.id]),
  ]
  const append = async (): Promise<number> => {
    await store.commit([{ append: [[watched.log, 'entry']] }])
    const [last] = await store.scan([{ lane: watched.log, limit: 1, descending: true }])
    return Number.parseInt(last![0]!, 10)
  }
  const first = await append()
  const before = await look()
  const applicable: Change = {
    add: [[watched.lane, 'trace-key']],
    append: [[watched.log, 'lost']],
    set: [[watched.id, 'lost']],
  }
  await rejects(store.commit([applicable, ...changes.map(shiftAfter)]), 'UNIT_INVALID', what)
  equal(await look(), before, `${what}: a trace of the refused call`)
  equal(await append(), first + 1, `${what}: the number of the next append`)
}

/** The changes come second in the refused call, so what they refer to has moved by one. */
const shiftAfter = (change: Change): Change =>
  change.after === undefined ? change : { ...change, after: change.after + 1 }
