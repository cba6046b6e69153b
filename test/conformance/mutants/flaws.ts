/** Ways to break a plain store in one place, for the mutants to say in one line what is wrong with them. */
import { checkUnit } from '../../../src/core/unit.ts'
import type { Change, Page, Result, Span } from '../../../src/store.ts'
import type { NaiveState } from '../naive-state.ts'
import { type PlainStore, soundSteps, type Steps } from '../plain-store.ts'

/** A store with one flaw; made anew for each store where the flaw remembers something. */
export type Mutant = Partial<Steps> | (() => Partial<Steps>)

/** The mutants that a case has to catch, by the name of the case and then by the flaw. */
export type Mutants = Readonly<Record<string, Readonly<Record<string, Mutant>>>>

type Expect = NonNullable<Change['expect']>

/** The same object without these members. */
export const without = <T extends object, M extends keyof T>(
  object: T,
  ...members: readonly M[]
): Omit<T, M> =>
  Object.fromEntries(
    Object.entries(object).filter(([name]) => !members.some((member) => member === name)),
  ) as Omit<T, M>

/** Changes without these parts. */
export const lacking =
  (...parts: readonly (keyof Change)[]) =>
  (change: Change): Change =>
    without(change, ...parts)

/** Understands each change as another one. */
export const hearing = (alter: (change: Change) => Change): Partial<Steps> => ({
  hear: (changes) => changes.map(alter),
})

export const expecting = (alter: (expect: Expect) => Expect): Partial<Steps> =>
  hearing((change) => (change.expect === undefined ? change : { ...change, expect: alter(change.expect) }))

/** Understands the span of each size as another one. */
export const sizing = (alter: (span: Span) => Span): Partial<Steps> =>
  expecting((expect) => ({
    ...expect,
    size: expect.size?.map(([span, min, max]) => [alter(span), min, max]),
  }))

/** Understands the span of each room as another one. */
export const rooming = (alter: (span: Span) => Span): Partial<Steps> =>
  hearing(({ move, ...change }) => {
    if (move === undefined) return change
    return { ...change, move: { ...move, room: move.room?.map(([span, max]) => [alter(span), max]) } }
  })

/** Judges `expect` and `remove` with one more condition. */
export const demanding = (also: (state: NaiveState, change: Change) => boolean): Partial<Steps> => ({
  holds: (state, change, before) => soundSteps.holds(state, change, before) && also(state, change),
})

/** Checks less than the call: what it makes of each change. */
export const checking = (view: (change: Change) => Change): Partial<Steps> => ({
  check: (changes) => void checkUnit(changes.map(view)),
})

/** Checks the call as if its texts were others. */
export const checkingText = (view: (text: string) => string): Partial<Steps> =>
  checking((change) => mapTexts(change, view) as Change)

function mapTexts(value: unknown, map: (text: string) => string): unknown {
  if (typeof value === 'string') return map(value)
  if (Array.isArray(value)) return value.map((item) => mapTexts(item, map))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, mapTexts(member, map)]))
}

/** Replaces a part of the store when it is made. */
export const altering = (alter: (store: PlainStore) => void): Partial<Steps> => ({ alter })

export const reading = (
  alter: (value: string | undefined, id: string) => string | undefined,
): Partial<Steps> =>
  altering((store) => {
    const read = store.read.bind(store)
    store.read = async (ids) => (await read(ids)).map((value, index) => alter(value, ids[index]!))
  })

export const scanning = (alter: (page: Page) => Page): Partial<Steps> =>
  altering((store) => {
    const scan = store.scan.bind(store)
    store.scan = (pages) => scan(pages.map(alter))
  })

export const counting = (alter: (span: Span) => Span): Partial<Steps> =>
  altering((store) => {
    const count = store.count.bind(store)
    store.count = (spans) => count(spans.map(alter))
  })

/** Wraps the way in which a store applies a call. */
export const committing = (
  commit: (
    store: PlainStore,
    changes: readonly Change[],
    apply: (changes: readonly Change[]) => readonly Result[],
  ) => Promise<readonly Result[]>,
): Partial<Steps> =>
  altering((store) => {
    const apply = store.apply.bind(store)
    store.commit = async (changes) => {
      store.assertOpen()
      return commit(store, changes, apply)
    }
  })

/** The other way round where `from` is not below `until`. */
export const turned = <T extends Span>(span: T): T =>
  span.from !== undefined && span.until !== undefined && span.from > span.until
    ? { ...span, from: span.until, until: span.from }
    : span

export const whole = <T extends Span>(span: T): Omit<T, 'from' | 'until'> => without(span, 'from', 'until')

/** With the key that equals `until`: no text lies between a key and the same key with the lowest character behind it. */
export const inclusive = <T extends Span>(span: T): T =>
  span.until === undefined ? span : { ...span, until: `${span.until}!` }

/** Judges and applies calls on the state as it was when they were made, a moment later. */
export const actsOnACopyFromBefore = committing(async ({ content }, changes, apply) => {
  const copy = content.state.copy()
  await Promise.resolve()
  content.state.take(copy)
  return apply(changes)
})
