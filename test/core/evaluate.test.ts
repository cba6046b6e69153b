/** The reference evaluator: what a unit does, by example, and that a refused unit leaves its state as it was. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { appendedKey, evaluate, nameOf, placedKey } from '../../src/core/evaluate.ts'
import { checkUnit } from '../../src/core/unit.ts'
import type { Change } from '../../src/store.ts'
import { byteOrder, NaiveState } from '../conformance/naive-state.ts'
import { scripts, unitOf } from '../conformance/random-units.ts'

/** A state with these records and lanes. */
function stateWith(
  lanes: Readonly<Record<string, readonly string[]>>,
  records: Readonly<Record<string, string>> = {},
) {
  const state = new NaiveState()
  for (const [lane, keys] of Object.entries(lanes)) for (const key of keys) state.insert(lane, key)
  for (const [id, value] of Object.entries(records)) state.put(id, value)
  return state
}

const byName = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]) => byteOrder(a, b)

const contentOf = (state: NaiveState) => ({
  serial: state.serial,
  records: [...state.records].toSorted(byName),
  lanes: [...state.lanes].filter(([, keys]) => keys.length > 0).toSorted(byName),
})

test('a quiet move looks at no record', () => {
  const state = stateWith({ l: ['1/a', '2/b'] }, { a: 'a record' })
  state.record = (id) => expect.unreachable(`the record ${id} was looked at`)
  const results = evaluate(state, [{ move: { from: { lane: 'l', limit: 9 }, to: [], quiet: true } }])
  expect(results).toEqual([[]])
})

describe('the text of keys', () => {
  test.each([
    ['a/b/c', 'c'],
    ['c', 'c'],
    ['/c', 'c'],
  ])('the name of %s is %s', (key, name) => expect(nameOf(key)).toBe(name))

  test('an appended key has 16 digits before it', () => {
    expect(appendedKey(7, 'a/b')).toBe('0000000000000007/a/b')
    expect(appendedKey(Number.MAX_SAFE_INTEGER, 'a')).toBe('9007199254740991/a')
  })

  test.each([
    ['1/2/n', {}, '1/2/n'],
    ['1/2/n', { drop: 1 }, '2/n'],
    ['1/2/n', { drop: 2 }, 'n'],
    ['1/2/n', { drop: 9 }, 'n'],
    ['n', { drop: 1 }, 'n'],
    ['//n', { drop: 1 }, '/n'],
    ['1/n', { prefix: 'p' }, 'p1/n'],
    ['1/n', { prefix: 'p/', drop: 1 }, 'p/n'],
    ['1/n', { mark: 'm' }, '1/m/n'],
    ['n', { mark: 'm' }, 'm/n'],
    ['1/2/n', { drop: 1, prefix: 'p/', mark: 'm' }, 'p/2/m/n'],
  ])('%s placed with %j is %s', (key, place, placed) => {
    expect(placedKey(key, { lane: 'l', ...place })).toBe(placed)
  })
})

test('one work cycle: settle, promote, claim', () => {
  const state = stateWith({ lease: ['w/a'], due: ['1/b', '9/c'], ready: ['5/d'] }, { a: 'A', b: 'B', d: 'D' })
  const unit: Change[] = [
    { expect: { equal: [['a', 'A']] }, remove: [['lease', 'w/a']], append: [['log', 'a']], delete: ['a'] },
    { after: 0, set: [['count', '1']] },
    { move: { from: { lane: 'due', until: '5', limit: 9 }, to: [{ lane: 'ready' }] } },
    {
      expect: { absent: ['paused'] },
      move: {
        from: { lane: 'ready', limit: 5 },
        to: [{ lane: 'lease', drop: 1, prefix: 'w/' }],
        room: [[{ lane: 'lease' }, 1]],
      },
    },
  ]
  expect(evaluate(state, unit)).toEqual([
    [],
    [],
    [{ key: '1/b', record: 'B' }],
    [{ key: '1/b', record: 'B' }],
  ])
  expect(contentOf(state)).toEqual({
    serial: 1,
    records: [
      ['b', 'B'],
      ['count', '1'],
      ['d', 'D'],
    ],
    lanes: [
      ['due', ['9/c']],
      ['lease', ['w/b']],
      ['log', ['0000000000000001/a']],
      ['ready', ['5/d']],
    ],
  })
})

test('a size is asked with a bound that tells it from max, and Infinity is not counted to', () => {
  const asked: number[] = []
  class Asked extends NaiveState {
    override size(...[span, bound]: [Parameters<NaiveState['size']>[0], number?]): number {
      asked.push(bound!)
      return super.size(span)
    }
  }
  evaluate(new Asked(), [
    { expect: { size: [[{ lane: 'l' }, 0, 7]] } },
    { expect: { size: [[{ lane: 'l' }, 0, Infinity]] } },
    { move: { from: { lane: 'l', limit: 1 }, to: [], room: [[{ lane: 'l' }, 5]] } },
  ])
  expect(asked).toEqual([8, 0, 5])
})

test('a unit that adds a key twice throws, and its state is as it was before', () => {
  const state = stateWith({ l: ['a', 'b', 'c'], m: ['b'] }, { r: '1', s: '1' })
  state.serial = 4
  const before = contentOf(state)
  const unit: Change[] = [
    {
      set: [
        ['r', '2'],
        ['t', '2'],
        ['r', '3'],
      ],
      delete: ['s'],
    },
    { remove: [['l', 'c']], add: [['l', 'd']], append: [['log', 'x']] },
    { move: { from: { lane: 'l', limit: 2 }, to: [{ lane: 'm' }] } },
  ]
  expect(() => evaluate(state, unit)).toThrow(
    expect.objectContaining({ code: 'UNIT_INVALID', outcome: 'failed' }),
  )
  expect(contentOf(state)).toEqual(before)
})

function isRefused(unit: readonly Change[]): boolean {
  try {
    checkUnit(unit)
    return false
  } catch {
    return true
  }
}

test('a unit that throws leaves no trace, whatever came before it', () => {
  let thrown = 0
  const property = fc.property(scripts(12), (steps) => {
    const state = new NaiveState()
    for (const step of steps) {
      if (step.kind !== 'units') continue
      for (const plan of step.units) {
        const unit = unitOf(plan, state)
        // What a store refuses before it evaluates is not promised to leave no trace.
        if (isRefused(unit)) continue
        const before = contentOf(state)
        try {
          evaluate(state, unit)
        } catch {
          thrown++
          expect(contentOf(state)).toEqual(before)
        }
      }
    }
  })
  fc.assert(property, { numRuns: 100 })
  expect(thrown).toBeGreaterThan(20)
})
