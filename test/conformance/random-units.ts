/**
 * Random scripts for a store: units, several of them at once, looks and reopenings. What a script names is chosen
 * when it is played, by the state it has come to: a plan says "the seventh key that is there", so that most
 * removals find something and most additions are new. A script shrinks well, and plays the same way each time.
 */
import * as fc from 'fast-check'
import type { Change, Key, Move, Page, Place, Span } from '../../src/store.ts'
import type { NaiveState } from './naive-state.ts'

export const LANES = ['ready', 'due', 'Due', 'due/a', 'due-'] as const
const PATHS = ['', '1/', '2/', '2-/', 'A/', 'a/b/', '/']
const NAMES = ['job', 'Job', 'job-1', 'j!', '~', '0', '_x', 'z', 'ab', '{']
/** Every key that is ever added; moves make others of them. */
const KEYS = PATHS.flatMap((path) => NAMES.map((name) => path + name))
export const IDS = [...NAMES, 'due', 'ready', '__proto__']
const BOUNDS = ['!', '0', '1/', '2', '2-/Job', 'A', 'a/b', 'job', 'job-1', 'p', 'p9', 'z', '~']
const VALUES = ['', 'a', 'b', 'é\0', '{"long":"' + 'x'.repeat(300) + '"}']

/** A key that is there, the `nth` of its lane, or one that is not. */
interface KeyPlan {
  readonly lane: string
  readonly nth: number
  readonly there: boolean
}

/** A span and a size near the one it has: `min` so much below, `max` so much above, both moved by `off`. */
interface SizePlan {
  readonly span: Span
  readonly below: number
  readonly above: number
  readonly off: number
}

interface RecordPlan {
  readonly id: string
  readonly value: string
  /** Whether the plan is to say what is true. */
  readonly truth: boolean
}

interface MovePlan {
  readonly from: Span
  readonly limit: number
  readonly to: readonly Place[]
  /** Rooms so much above the size their span has. */
  readonly room: readonly (readonly [span: Span, above: number])[]
  readonly quiet: boolean
}

interface ChangePlan {
  readonly after: number | undefined
  readonly present: readonly KeyPlan[]
  readonly absent: readonly RecordPlan[]
  readonly equal: readonly RecordPlan[]
  readonly size: readonly SizePlan[]
  readonly take: MovePlan | readonly KeyPlan[]
  readonly add: readonly KeyPlan[]
  readonly append: readonly (readonly [lane: string, key: string])[]
  readonly set: readonly (readonly [id: string, value: string])[]
  readonly delete: readonly string[]
  readonly hint: readonly string[]
  /** A rule that the change breaks. */
  readonly breaks: ((change: Change) => Change) | undefined
}

export type UnitPlan = readonly ChangePlan[]

export type Step =
  | { readonly kind: 'units'; readonly units: readonly UnitPlan[] }
  | { readonly kind: 'look'; readonly pages: readonly Page[] }
  | { readonly kind: 'reopen' }

const lane = fc.constantFrom(...LANES)
/** None to `most`, mostly none: a change with every part would hardly ever apply. */
const few = <T>(item: fc.Arbitrary<T>, most: number, none = 3): fc.Arbitrary<readonly T[]> =>
  fc.oneof(
    { weight: none, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.array(item, { minLength: 1, maxLength: most }) },
  )
const rarely = <T>(item: fc.Arbitrary<T>, outOf: number): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: outOf - 1, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: item })

const span: fc.Arbitrary<Span> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ lane }) },
  {
    weight: 1,
    arbitrary: fc.record(
      { lane, from: fc.constantFrom(...BOUNDS), until: fc.constantFrom(...BOUNDS) },
      { requiredKeys: ['lane'] },
    ),
  },
)

const keyPlan = (thereOutOfTen: number): fc.Arbitrary<KeyPlan> =>
  fc.record({ lane, nth: fc.nat(1_000_000), there: fc.nat(9).map((n) => n < thereOutOfTen) })

const recordPlan: fc.Arbitrary<RecordPlan> = fc.record({
  id: fc.constantFrom(...IDS),
  value: fc.constantFrom(...VALUES),
  truth: fc.nat(9).map((n) => n < 8),
})

const sizePlan: fc.Arbitrary<SizePlan> = fc.record({
  span,
  below: fc.nat(2),
  above: fc.oneof({ weight: 3, arbitrary: fc.nat(2) }, { weight: 1, arbitrary: fc.constant(Infinity) }),
  off: fc.oneof(
    { weight: 5, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.integer({ min: -3, max: 3 }) },
  ),
})

const place: fc.Arbitrary<Place> = fc.record(
  {
    lane,
    drop: fc.nat(3),
    prefix: fc.oneof(
      fc.nat(40).map((n) => `p${n}/`),
      fc.nat(9).map((n) => `p${n}`),
    ),
    mark: fc.constantFrom('m', '~', 'due'),
  },
  { requiredKeys: ['lane'] },
)

const smallLimits = fc.oneof(
  { weight: 12, arbitrary: fc.integer({ min: 1, max: 6 }) },
  { weight: 2, arbitrary: fc.integer({ min: 7, max: 60 }) },
  { weight: 1, arbitrary: fc.integer({ min: 100, max: 400 }) },
)

/** Limits for lanes of thousands of keys: a script should get through a good part of one. */
export const largeLimits = fc.integer({ min: 50, max: 400 })

const movePlan = (limit: fc.Arbitrary<number>): fc.Arbitrary<MovePlan> =>
  fc.record({
    from: span,
    limit,
    to: fc.oneof(
      { weight: 1, arbitrary: fc.constant([]) },
      { weight: 6, arbitrary: fc.array(place, { minLength: 1, maxLength: 1 }) },
      { weight: 2, arbitrary: fc.array(place, { minLength: 2, maxLength: 3 }) },
    ),
    room: few(
      fc.tuple(span, fc.oneof(fc.integer({ min: -2, max: 5 }), fc.constant(4), fc.constant(Infinity))),
      2,
      1,
    ),
    quiet: fc.nat(5).map((n) => n === 0),
  })

/** Each turns a change into one that the contract refuses. */
const breaches = fc.constantFrom<(change: Change) => Change>(
  (change) => ({ ...change, add: [...(change.add ?? []), ['ready', 'é']] }),
  (change) => ({ ...change, add: [...(change.add ?? []), ['ready', 'path/']] }),
  (change) => ({ ...change, set: [...(change.set ?? []), ['job', '\ud800']] }),
  (change) => ({ ...change, after: 99 }),
  (change) => ({ ...change, hint: ['two words'] }),
  (change) => ({
    ...change,
    move: undefined,
    remove: [
      ['ready', 'job'],
      ['ready', 'job'],
    ],
  }),
  (change) => ({ ...change, remove: [['ready', 'job']], move: { from: { lane: 'due', limit: 1 }, to: [] } }),
  (change) => ({ ...change, move: { from: { lane: 'due', limit: 801 }, to: [] }, remove: [] }),
)

const changePlan = (limit: fc.Arbitrary<number>): fc.Arbitrary<ChangePlan> =>
  fc.record({
    after: rarely(fc.nat(20), 4),
    present: few(keyPlan(9), 2, 5),
    absent: few(recordPlan, 2, 5),
    equal: few(recordPlan, 2, 5),
    size: few(sizePlan, 2, 5),
    take: fc.oneof<fc.Arbitrary<MovePlan | readonly KeyPlan[]>[]>(movePlan(limit), few(keyPlan(9), 3, 2)),
    // One that is there: a key that the change itself takes away.
    add: few(keyPlan(1), 6, 1),
    append: few(fc.tuple(lane, fc.constantFrom('event', 'e/job', '~')), 2, 5),
    set: few(fc.tuple(fc.constantFrom(...IDS), fc.constantFrom(...VALUES)), 3, 1),
    delete: few(fc.constantFrom(...IDS), 2, 5),
    hint: few(lane, 2, 9),
    breaks: rarely(breaches, 60),
  })

const unitsAtOnce = (
  unit: fc.Arbitrary<UnitPlan>,
  minLength: number,
  maxLength: number,
): fc.Arbitrary<Step> => fc.array(unit, { minLength, maxLength }).map((units) => ({ kind: 'units', units }))

const page: fc.Arbitrary<Page> = fc
  .tuple(span, fc.integer({ min: 1, max: 40 }), fc.boolean())
  .map(([part, limit, descending]) => ({ ...part, limit, descending }))

const pages: fc.Arbitrary<readonly Page[]> = fc.array(page, { minLength: 1, maxLength: 4 })

/** A script of so many steps, whose moves have such limits. */
export function scripts(steps: number, limit = smallLimits): fc.Arbitrary<readonly Step[]> {
  const unit = fc.array(changePlan(limit), { minLength: 1, maxLength: 5 })
  const step = fc.oneof(
    { weight: 17, arbitrary: unitsAtOnce(unit, 1, 1) },
    { weight: 9, arbitrary: unitsAtOnce(unit, 2, 6) },
    { weight: 3, arbitrary: pages.map((pages): Step => ({ kind: 'look', pages })) },
    { weight: 1, arbitrary: fc.constant<Step>({ kind: 'reopen' }) },
  )
  return fc.array(step, { minLength: steps, maxLength: steps, size: 'max' })
}

/** The unit that a plan stands for in this state. */
export function unitOf(plan: UnitPlan, state: NaiveState): Change[] {
  const chosen = new Set<string>()
  const choose = (keys: readonly KeyPlan[]): Key[] => keys.map((key) => chooseKey(key, state, chosen))
  return plan.map((change, index) => {
    const taking =
      'from' in change.take ? { move: moveOf(change.take, state) } : { remove: choose(change.take) }
    const gone = goneBy(taking, state)
    const made: Change = {
      ...taking,
      ...(change.after !== undefined && index > 0 && { after: change.after % index }),
      expect: {
        present: change.present.map((key) => chooseKey(key, state, new Set())),
        absent: change.absent.map(
          ({ id, truth }) => (truth ? IDS.find((other) => state.record(other) === undefined) : id) ?? id,
        ),
        equal: change.equal.map(({ id, truth, value }) => [id, (truth ? state.record(id) : value) ?? value]),
        size: change.size.map((size) => sizeOf(size, state)),
      },
      add: change.add.map((key) =>
        key.there && gone.length > 0
          ? gone[key.nth % gone.length]!
          : chooseKey({ ...key, there: false }, state, chosen),
      ),
      append: change.append,
      set: change.set,
      delete: change.delete,
      hint: change.hint,
    }
    return change.breaks === undefined ? made : change.breaks(made)
  })
}

/** A key of the plan's lane; a key not there is one of a small set, the next that no other plan of the unit chose. */
function chooseKey({ lane, nth, there }: KeyPlan, state: NaiveState, chosen: Set<string>): Key {
  const keys = there ? state.keys(lane) : KEYS
  const fits = (key: string): boolean => !chosen.has(`${lane} ${key}`) && (there || !state.has(lane, key))
  // One choice in twenty is blind, so that keys named twice and keys added twice do occur.
  const blind = nth % 20 === 0
  for (let at = 0; at < Math.min(keys.length, 100); at++) {
    const key = keys[(nth + at) % keys.length]!
    if (!blind && !fits(key)) continue
    chosen.add(`${lane} ${key}`)
    return [lane, key]
  }
  return [lane, KEYS[nth % KEYS.length]!]
}

function sizeOf({ span, below, above, off }: SizePlan, state: NaiveState): readonly [Span, number, number] {
  const size = state.size(span) + off
  const min = Math.max(0, size - below)
  return [span, min, Math.max(min, size + above)]
}

/** The keys that such a change takes away, if it applies as the first one. */
function goneBy({ move, remove = [] }: Change, state: NaiveState): readonly Key[] {
  if (move === undefined) return remove
  return state.head(move.from, move.from.limit).map((key) => [move.from.lane, key])
}

function moveOf({ from, limit, to, room, quiet }: MovePlan, state: NaiveState): Move {
  const affordable = Math.floor(600 / (1 + to.length))
  return {
    from: { ...from, limit: Math.min(limit, affordable) },
    to,
    room: room.map(([span, above]) => [span, state.size(span) + above]),
    quiet,
  }
}
