/** The size of a unit in the measures of the contract. That a bad unit is refused is the conformance cases' to say. */
import { expect, test } from 'vitest'
import { UNIT_BYTES, UNIT_OPERATIONS, VALUE_BYTES } from '../../src/core/bounds.ts'
import { checkUnit } from '../../src/core/unit.ts'
import type { Change } from '../../src/store.ts'

/**
 * Fails unless the unit has exactly so many operations and at least so many bytes; they may be counted too high while they are
 * far from the bound, by what UTF-8 can make of a character and not more.
 */
function expectSize(changes: readonly Change[], operations: number, bytes: number): void {
  const size = checkUnit(changes)
  expect(size.operations).toBe(operations)
  expect(size.bytes).toBeGreaterThanOrEqual(bytes)
  expect(size.bytes).toBeLessThanOrEqual(bytes * 3)
}

const refused = expect.objectContaining({ code: 'UNIT_INVALID', outcome: 'failed' })

test('a call of nothing has no size', () => {
  expect(checkUnit([])).toEqual({ operations: 0, bytes: 0 })
  expect(checkUnit([{}, { after: 0 }])).toEqual({ operations: 0, bytes: 0 })
})

test.each<[string, Change, number, number]>([
  [
    'keys removed',
    {
      remove: [
        ['ll', 'abc'],
        ['l', 'a'],
      ],
    },
    2,
    7,
  ],
  ['keys added', { add: [['ll', 'abc']] }, 1, 5],
  ['keys appended, as they were given', { append: [['ll', 'abc']] }, 1, 5],
  ['records set, their values in UTF-8', { set: [['id', 'é😀']] }, 1, 8],
  ['records deleted', { delete: ['id', 'r'] }, 2, 3],
  ['hints', { hint: ['lane'] }, 0, 4],
  ['present', { expect: { present: [['ll', 'abc']] } }, 0, 5],
  ['absent', { expect: { absent: ['id'] } }, 0, 2],
  ['equal', { expect: { equal: [['id', 'é']] } }, 0, 4],
  ['sizes with their bounds', { expect: { size: [[{ lane: 'l', from: 'ab', until: 'abc' }, 0, 1]] } }, 0, 6],
])('%s', (_, change, operations, bytes) => {
  expectSize([change], operations, bytes)
})

test('a move counts its limit once and once more per place, and all of its text', () => {
  const from = { lane: 'l', from: 'a', until: 'b', limit: 10 }
  expectSize([{ move: { from, to: [] } }], 10, 3)
  const to = [{ lane: 'm' }, { lane: 'n', drop: 1, prefix: 'pp/', mark: 'mm' }]
  const room = [[{ lane: 'rr', from: 'f' }, 5]] as const
  expectSize([{ move: { from, to, room } }], 30, 3 + 1 + 6 + 3)
})

test('the changes of a call are added up', () => {
  const change: Change = { set: [['id', 'value']] }
  expectSize([change, change, change], 3, 21)
})

test('a call at its bounds passes, one above is refused', () => {
  const ids = Array.from({ length: UNIT_OPERATIONS + 1 }, (_, index) => `r${index}`)
  expect(checkUnit([{ delete: ids.slice(1) }]).operations).toBe(UNIT_OPERATIONS)
  expect(() => checkUnit([{ delete: ids }])).toThrow(refused)
  const halves: Change[] = ['r', 's'].map((id) => ({ set: [[id, 'x'.repeat(VALUE_BYTES - 1)]] }))
  expect(checkUnit(halves).bytes).toBe(UNIT_BYTES)
  expect(() => checkUnit([...halves, { hint: ['l'] }])).toThrow(refused)
})

test('values near the bound are counted by their bytes, not by their characters', () => {
  const call: Change[] = [
    { set: [['r', 'é'.repeat(VALUE_BYTES / 2)]] },
    { expect: { equal: [['s', 'x'.repeat(UNIT_BYTES - VALUE_BYTES - 2)]] } },
  ]
  expect(checkUnit(call).bytes).toBe(UNIT_BYTES)
  expect(() => checkUnit([...call, { hint: ['l'] }])).toThrow(refused)
})

test('what is no text at all is refused, not passed on', () => {
  for (const wrong of [undefined, null, 7, {}, ['a']] as unknown as string[]) {
    expect(() => checkUnit([{ delete: [wrong] }])).toThrow(refused)
    expect(() => checkUnit([{ set: [['r', wrong]] }])).toThrow(refused)
  }
})
