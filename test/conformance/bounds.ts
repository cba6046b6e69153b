/** Conformance: the bounds of a unit are the contract's: what is just within them works, what is just above is refused. */
import type { Change, Store } from '../../src/store.ts'
import { KEY_BYTES, UNIT_BYTES, UNIT_OPERATIONS, VALUE_BYTES } from '../../src/core/bounds.ts'
import { equal, rejects } from './assert.ts'
import { concern, fill, keysOf, refusedWithoutTrace, risingKeys } from './stage.ts'

const full = UNIT_OPERATIONS

/** Fails unless the store refuses these changes as they stand, and also beside a change that would apply. */
async function refused(store: Store, changes: readonly Change[], what: string): Promise<void> {
  await rejects(store.commit(changes), 'UNIT_INVALID', what)
  await refusedWithoutTrace(store, changes, what)
}

/** A move within the lane `l` to so many places. */
const move = (limit: number, places: number): Change => ({
  move: {
    from: { lane: 'l', limit },
    to: Array.from({ length: places }, (_, place) => ({ lane: 'l', prefix: `${place}/` })),
  },
})

export const boundCases = concern('bounds', {
  'Lanes, keys and ids may be 1,024 bytes long': async ({ store, reopen }) => {
    const lane = '~'.repeat(KEY_BYTES)
    const keys = ['!'.repeat(KEY_BYTES), `${'a/'.repeat(511)}ab`, '~'.repeat(KEY_BYTES)]
    const id = 'Z'.repeat(KEY_BYTES)
    const results = await store.commit([
      { add: keys.map((key) => [lane, key] as const), set: [[id, 'value']] },
      { expect: { present: [[lane, keys[0]!]], equal: [[id, 'value']] } },
    ])
    equal(results, [[], []], 'the results')
    const reopened = await reopen()
    equal(await keysOf(reopened, lane), keys, 'the lane')
    equal(await reopened.count([{ lane, from: keys[1]!, until: keys[2]! }]), [1], 'a part of it')
    equal(await reopened.read([id]), ['value'], 'the record')
  },

  'A value may have 262,144 bytes in UTF-8, and not one more': async ({ store, reopen }) => {
    const values = ['x'.repeat(VALUE_BYTES), 'é'.repeat(VALUE_BYTES / 2), '😀'.repeat(VALUE_BYTES / 4)]
    for (const value of values) {
      equal(await store.commit([{ set: [['r', value]] }]), [[]], 'the largest value')
      equal(await store.read(['r']), [value], 'the largest value read back')
      const larger = value.slice(value.startsWith('x') ? 0 : 2) + (value.startsWith('x') ? 'x' : 'xxxxx')
      const change: Change = { set: [['r', larger]] }
      await refused(store, [change], 'a value one byte too large, or few')
      await refused(store, [{ expect: { equal: [['r', larger]] } }], 'the same as an expectation')
    }
    equal(await (await reopen()).read(['r']), [values[2]], 'the value after reopening')
  },

  'A call may have 800 operations, and not one more': async ({ store }) => {
    const keys = risingKeys(full + 1)
    const add = (count: number) => keys.slice(0, count).map((key) => ['l', key] as const)
    await refused(store, [{ add: add(full + 1) }], '801 keys added')
    equal(await store.commit([{ add: add(full) }]), [[]], '800 keys added')
    const set = keys.map((key) => [key, '1'] as const)
    await refused(store, [{ set }], '801 records set')
    equal(await store.commit([{ set: set.slice(0, full) }]), [[]], '800 records set')
    await refused(store, [{ delete: keys }], '801 records deleted')
    equal(await store.commit([{ delete: keys.slice(0, full) }]), [[]], '800 records deleted')
    await refused(store, [{ remove: keys.map((key) => ['l', key] as const) }], '801 keys removed')
    equal(await store.commit([{ remove: add(full) }]), [[]], '800 keys removed')
    await refused(store, [{ append: keys.map((key) => ['log', key] as const) }], '801 keys appended')
    equal(await store.commit([{ append: add(full) }]), [[]], '800 keys appended')
  },

  'The operations of all changes and parts are counted together': async ({ store }) => {
    const keys = risingKeys(200)
    const changes: Change[] = [
      { add: keys.map((key) => ['l', key] as const), set: keys.map((key) => [key, '1'] as const) },
      { append: keys.map((key) => ['log', key] as const) },
      { after: 1, remove: keys.map((key) => ['l', key] as const) },
    ]
    await refused(store, [...changes, { delete: ['r'] }], '801 operations in four changes')
    equal(await store.commit(changes), [[], [], []], '800 operations in three changes')
  },

  'A move counts its limit once, and once more per place': async ({ store }) => {
    await fill(store, 'l', ['a', 'b'])
    await refused(store, [move(801, 0)], 'a trim of 801')
    await refused(store, [move(401, 1)], 'a move of 401 to one place')
    await refused(store, [move(267, 2)], 'a move of 267 to two places')
    await refused(store, [move(400, 1), { set: [['r', '1']] }], 'a move of 400 and a record')
    const allowed = await store.commit([move(400, 1)])
    equal(
      allowed.map((result) => result !== false && result.length),
      [2],
      'a move of 400 to one place',
    )
    const tripled = await store.commit([
      move(266, 2),
      {
        set: [
          ['r', '1'],
          ['s', '1'],
        ],
      },
    ])
    equal(
      tripled.map((result) => result !== false && result.length),
      [2, 0],
      'a move of 266 to two places',
    )
    const trimmed = await store.commit([move(800, 0)])
    equal(
      trimmed.map((result) => result !== false && result.length),
      [4],
      'a trim of 800',
    )
  },

  'Expectations, rooms and hints are no operations': async ({ store }) => {
    const keys = risingKeys(850)
    const set = keys.slice(0, full).map((key) => [key, '1'] as const)
    const results = await store.commit([
      {
        expect: {
          absent: keys,
          size: keys.map((_, index) => [{ lane: `l${index}` }, 0, 0] as const),
        },
        set,
        hint: keys,
      },
      { expect: { present: keys.map((key) => ['l', key] as const), equal: set } },
    ])
    equal(results, [[], false], 'the results')
  },

  'A call may have 524,288 bytes of text, and not one more': async ({ store }) => {
    const value = 'é'.repeat(VALUE_BYTES / 2)
    const rest = UNIT_BYTES - VALUE_BYTES - 2
    const call = (bytes: number): Change[] => [{ set: [['r', value]] }, { set: [['s', 'x'.repeat(bytes)]] }]
    equal(await store.commit(call(rest)), [[], []], '524,288 bytes')
    equal(await store.read(['r', 's']), [value, 'x'.repeat(rest)], 'the values')
    await refused(store, call(rest + 1), '524,289 bytes')
    const expecting: Change = { expect: { equal: [['s', 'x'.repeat(rest)]] } }
    equal(await store.commit([{ set: [['r', value]] }, expecting]), [[], []], 'values expected count as well')
    await refused(store, [{ set: [['r', value]] }, expecting, { hint: ['x'] }], 'and lanes hinted')
  },

  'Many calls at the bounds may be made at once': async ({ store }) => {
    const keys = risingKeys(full)
    const value = 'x'.repeat(VALUE_BYTES)
    const results = await Promise.all([
      ...[0, 1, 2].map((n) => store.commit([{ add: keys.map((key) => [`l${n}`, key] as const) }])),
      ...[0, 1, 2].map((n) => store.commit([{ set: [[`r${n}`, value]] }])),
    ])
    equal(
      results,
      Array.from({ length: 6 }, () => [[]]),
      'the results',
    )
    equal(await store.count(['l0', 'l1', 'l2'].map((lane) => ({ lane }))), [full, full, full], 'the counts')
    equal(await store.read(['r0', 'r1', 'r2']), [value, value, value], 'the records')
  },
})
