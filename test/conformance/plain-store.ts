/**
 * A store made of steps that can be replaced one by one: as it stands it keeps the contract, and a mutant is this
 * store with one step that does not. It is slow, and judges by code of its own, not by the reference evaluator.
 */
import { KEY_BYTES } from '../../src/core/bounds.ts'
import { appendedKey, nameOf, placedKey } from '../../src/core/evaluate.ts'
import { checkUnit } from '../../src/core/unit.ts'
import { HoldfastError } from '../../src/error.ts'
import { systemHost } from '../../src/host.ts'
import type {
  Change,
  Durability,
  Key,
  Move,
  Moved,
  Page,
  Place,
  Result,
  Span,
  Store,
} from '../../src/store.ts'
import { byteOrder, NaiveState, type Order } from './naive-state.ts'

/** What a plain store holds, from one opening to the next. */
export class PlainContent {
  state: NaiveState
  opened = 0

  constructor(order: Order) {
    this.state = new NaiveState(order)
  }
}

type Effect = 'out' | 'remove' | 'place' | 'add' | 'append' | 'set' | 'delete'

/** What a change does to a state, and what is known of it by then. */
interface Applying {
  readonly state: NaiveState
  /** The state before the call. */
  readonly before: NaiveState
  readonly change: Change
  readonly taken: readonly string[]
  /** Lanes whose lowest key was added or placed by this call. */
  readonly lowered: Set<string>
}

/** The steps of a plain store, each a decision of the contract. */
export interface Steps {
  /** Which of two keys comes first. */
  order: Order
  /** Refuses a call that breaks a rule. */
  check: (changes: readonly Change[]) => void
  /** The call as the store understands it. */
  hear: (changes: readonly Change[]) => readonly Change[]
  /** Whether `after` allows the change. */
  follows: (change: Change, results: readonly Result[], changes: readonly Change[]) => boolean
  /** Whether `expect` and `remove` hold. */
  holds: (state: NaiveState, change: Change, before: NaiveState) => boolean
  /** How many keys a move may take. */
  room: (state: NaiveState, move: Move, before: NaiveState) => number
  /** The keys that a move takes. */
  take: (state: NaiveState, from: Span, limit: number, before: NaiveState) => string[]
  /** The record that comes with a moved key. */
  record: (state: NaiveState, key: string, change: Change, before: NaiveState) => string | undefined
  /** In which order a change does what it does. */
  effects: readonly Effect[]
  place: (key: string, place: Place) => string
  /** The key of an append. */
  entry: (serial: number, key: string, lane: string, state: NaiveState) => string
  /** Adds a key that must be new. */
  insert: (applying: Applying, lane: string, key: string) => void
  /** What becomes of the state when a change is refused. */
  refused: (state: NaiveState, change: Change) => void
  /** Takes back a call that turned out to be refused. */
  undo: (state: NaiveState, before: NaiveState) => void
  /** What the caller is told. */
  answer: (results: readonly Result[], changes: readonly Change[]) => readonly Result[]
  /** The lanes whose watchers are woken. */
  wakes: (
    lowered: ReadonlySet<string>,
    hinted: readonly string[],
    changes: readonly Change[],
  ) => Iterable<string>
  /** What is left when a store is opened on a content that was there before. */
  reopen: (state: NaiveState) => void
  /** Any other part of the store, replaced when it is made. */
  alter: (store: PlainStore) => void
}

const every = <T>(items: readonly T[] | undefined, test: (item: T) => boolean): boolean =>
  (items ?? []).every(test)

export const soundSteps: Steps = {
  order: byteOrder,
  check: (changes) => void checkUnit(changes),
  hear: (changes) => changes,
  follows: ({ after }, results) => after === undefined || results[after] !== false,
  holds: (state, { expect, remove }) =>
    every(remove, ([lane, key]) => state.has(lane, key)) &&
    every(expect?.present, ([lane, key]) => state.has(lane, key)) &&
    every(expect?.absent, (id) => state.record(id) === undefined) &&
    every(expect?.equal, ([id, value]) => state.record(id) === value) &&
    every(expect?.size, ([span, min, max]) => state.size(span) >= min && state.size(span) <= max),
  room: (state, { from, room = [] }) =>
    Math.min(from.limit, ...room.map(([span, max]) => max - state.size(span))),
  take: (state, from, limit) => (limit > 0 ? state.head(from, limit) : []),
  record: (state, key) => state.record(nameOf(key)),
  effects: ['out', 'remove', 'place', 'add', 'append', 'set', 'delete'],
  place: placedKey,
  entry: appendedKey,
  insert({ state, lowered }, lane, key) {
    if (key.length > KEY_BYTES) throw new HoldfastError('UNIT_INVALID', `the key ${key} is too long`)
    if (state.has(lane, key)) throw new HoldfastError('UNIT_INVALID', `${lane} holds ${key} already`)
    state.insert(lane, key)
    if (state.keys(lane)[0] === key) lowered.add(lane)
  },
  refused: () => {},
  undo: (state, before) => state.take(before),
  answer: (results) => results,
  wakes: (lowered, hinted) => [...lowered, ...hinted],
  reopen: () => {},
  alter: () => {},
}

export class PlainStore implements Store {
  readonly host = { ...systemHost }
  durability: Durability = 'memory'
  skewMs = 0
  epoch: string
  closed = false
  content: PlainContent
  readonly steps: Steps
  readonly watchers: { readonly lanes: readonly string[]; readonly wake: () => void }[] = []

  constructor(content: PlainContent, steps: Steps) {
    this.content = content
    this.steps = steps
    if (content.opened > 0) steps.reopen(content.state)
    this.epoch = String(++content.opened)
    steps.alter(this)
  }

  now(): number {
    return Math.floor(1_000 + performance.now())
  }

  async ready(): Promise<void> {
    this.assertOpen()
  }

  async read(ids: readonly string[]): Promise<readonly (string | undefined)[]> {
    this.assertOpen()
    return ids.map((id) => this.content.state.record(id))
  }

  async scan(pages: readonly Page[]): Promise<readonly (readonly string[])[]> {
    this.assertOpen()
    return pages.map((page) => this.content.state.page(page))
  }

  async count(spans: readonly Span[]): Promise<readonly number[]> {
    this.assertOpen()
    return spans.map((span) => this.content.state.size(span))
  }

  async commit(changes: readonly Change[]): Promise<readonly Result[]> {
    this.assertOpen()
    return this.apply(changes)
  }

  watch(lanes: readonly string[], wake: () => void): () => void {
    const watcher = { lanes, wake }
    this.watchers.push(watcher)
    return () => {
      const at = this.watchers.indexOf(watcher)
      if (at !== -1) this.watchers.splice(at, 1)
    }
  }

  async close(): Promise<void> {
    this.closed = true
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  assertOpen(): void {
    if (this.closed) throw new HoldfastError('STORE_CLOSED', 'the store is closed')
  }

  /** One call, at once. */
  apply(asked: readonly Change[]): readonly Result[] {
    const { steps } = this
    const { state } = this.content
    steps.check(asked)
    const changes = steps.hear(asked)
    const before = state.copy()
    const lowered = new Set<string>()
    const results: Result[] = []
    try {
      for (const change of changes) {
        const allowed = steps.follows(change, results, changes)
        const result = allowed && judge(steps, { state, before, change, lowered })
        if (result === false) steps.refused(state, change)
        results.push(result)
      }
    } catch (error) {
      steps.undo(state, before)
      throw error
    }
    const hinted = changes.flatMap(({ hint }, index) => (results[index] === false ? [] : (hint ?? [])))
    this.wake(steps.wakes(lowered, hinted, changes))
    return steps.answer(results, changes)
  }

  wake(lanes: Iterable<string>): void {
    const woken = new Set(lanes)
    for (const { lanes, wake } of this.watchers)
      if (lanes.some((lane) => woken.has(lane))) queueMicrotask(wake)
  }
}

function judge(steps: Steps, call: Omit<Applying, 'taken'>): Result {
  const { state, before, change } = call
  const { move } = change
  if (!steps.holds(state, change, before)) return false
  const taken =
    move === undefined ? [] : steps.take(state, move.from, steps.room(state, move, before), before)
  if (move !== undefined && taken.length === 0) return false
  const told = move?.quiet === true ? [] : taken
  const moved = told.map((key): Moved => ({ key, record: steps.record(state, key, change, before) }))
  for (const effect of steps.effects) EFFECTS[effect](steps, { ...call, taken })
  return moved
}

const erase = (state: NaiveState, keys: readonly Key[]): void => {
  for (const [lane, key] of keys) state.erase(lane, key)
}

const EFFECTS: Readonly<Record<Effect, (steps: Steps, applying: Applying) => void>> = {
  out: (_, { state, change, taken }) =>
    erase(
      state,
      taken.map((key) => [change.move!.from.lane, key]),
    ),
  remove: (_, { state, change }) => erase(state, change.remove ?? []),
  place(steps, applying) {
    for (const place of applying.change.move?.to ?? []) {
      for (const key of applying.taken) steps.insert(applying, place.lane, steps.place(key, place))
    }
  },
  add(steps, applying) {
    for (const [lane, key] of applying.change.add ?? []) steps.insert(applying, lane, key)
  },
  append(steps, applying) {
    for (const [lane, key] of applying.change.append ?? []) {
      steps.insert(applying, lane, steps.entry(++applying.state.serial, key, lane, applying.state))
    }
  },
  set(_, { state, change }) {
    for (const [id, value] of change.set ?? []) state.put(id, value)
  },
  delete(_, { state, change }) {
    for (const id of change.delete ?? []) state.put(id, undefined)
  },
}

/** Opens plain stores with these steps, which keep their content from one opening to the next. */
export function plainStores(steps: Partial<Steps> = {}): (name: string) => Promise<PlainStore> {
  const contents = new Map<string, PlainContent>()
  const all = { ...soundSteps, ...steps }
  return async (name) => {
    const content = contents.get(name) ?? new PlainContent(all.order)
    contents.set(name, content)
    return new PlainStore(content, all)
  }
}
