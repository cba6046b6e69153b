/** Conformance: a move takes keys from the head of a range, tells what it took, and takes each key once. */
import type { Moved, Result, Store } from '../../src/store.ts'
import { check, equal } from './assert.ts'
import { concern, fill, keysOf, lanesHold, put, risingKeys } from './stage.ts'

const none = (key: string): Moved => ({ key, record: undefined })

const keysMoved = (result: Result | undefined): string[] =>
  result === false || result === undefined ? [] : result.map(({ key }) => key)

async function takeFrom(store: Store, lane: string, limit: number): Promise<string[]> {
  const [result] = await store.commit([{ move: { from: { lane, limit }, to: [] } }])
  return keysMoved(result)
}

export const moveCases = concern('moves', {
  'A move takes the lowest keys of a lane, at most its limit': async ({ store }) => {
    await fill(store, 'l', ['c', 'a', 'B', 'd', '~'])
    const results = await store.commit([{ move: { from: { lane: 'l', limit: 3 }, to: [{ lane: 'm' }] } }])
    equal(results, [[none('B'), none('a'), none('c')]], 'the result')
    await lanesHold(store, { l: ['d', '~'], m: ['B', 'a', 'c'] }, 'the lanes')
  },

  'A move takes only from its span: from included, until not': async ({ store }) => {
    await fill(store, 'l', ['a', 'b', 'c', 'd', 'e'])
    const [first, second, third] = await store.commit([
      { move: { from: { lane: 'l', from: 'b', until: 'd', limit: 9 }, to: [] } },
      { move: { from: { lane: 'l', until: 'b', limit: 9 }, to: [] } },
      { move: { from: { lane: 'l', from: 'e', limit: 9 }, to: [] } },
    ])
    equal([first, second, third].map(keysMoved), [['b', 'c'], ['a'], ['e']], 'the keys taken')
    await lanesHold(store, { l: ['d'] }, 'the lane')
  },

  'A move that finds nothing fails its change': async ({ store }) => {
    await fill(store, 'l', ['a', 'b'])
    const results = await store.commit([
      { move: { from: { lane: 'absent', limit: 1 }, to: [{ lane: 'm' }] }, set: [['r', '1']] },
      { move: { from: { lane: 'l', from: 'c', limit: 1 }, to: [] }, set: [['r', '1']] },
      { move: { from: { lane: 'l', until: 'a', limit: 1 }, to: [] }, set: [['r', '1']] },
      { move: { from: { lane: 'l', from: 'b', until: 'a', limit: 1 }, to: [] }, set: [['r', '1']] },
    ])
    equal(results, [false, false, false, false], 'the results')
    equal(await store.read(['r']), [undefined], 'the record')
  },

  'A move short of its limit has exhausted its range': async ({ store }) => {
    await fill(store, 'l', [...risingKeys(1_100), 'z'])
    for (const limit of [400, 400, 400]) {
      const from = { lane: 'l', until: 'z', limit }
      const [result] = await store.commit([{ move: { from, to: [] } }])
      const [left] = await store.count([{ lane: 'l', until: 'z' }])
      check(
        keysMoved(result).length === limit || left === 0,
        `a move took ${keysMoved(result).length} keys of its limit ${limit} and left ${left} behind`,
      )
    }
    await lanesHold(store, { l: ['z'] }, 'the lane')
  },

  'A move to no place trims': async ({ store }) => {
    await fill(store, 'l', ['a', 'b', 'c'])
    equal(await takeFrom(store, 'l', 2), ['a', 'b'], 'the keys taken')
    await lanesHold(store, { l: ['c'] }, 'the lane')
    equal(await takeFrom(store, 'l', 2), ['c'], 'the rest')
    await lanesHold(store, { l: [] }, 'the lane at the end')
  },

  'A moved key comes with the record its name names': async ({ store }) => {
    await put(store, { job: 'a record', top: '', 'p/job': 'of another id' })
    await fill(store, 'l', ['p/job', 'p/q/missing', 'top'])
    const results = await store.commit([{ move: { from: { lane: 'l', limit: 9 }, to: [] } }])
    const expected = [
      { key: 'p/job', record: 'a record' },
      { key: 'p/q/missing', record: undefined },
      { key: 'top', record: '' },
    ]
    equal(results, [expected], 'the result')
  },

  'The record of a moved key is as it was before the own set and delete of its change': async ({ store }) => {
    await put(store, { a: 'old', b: 'old' })
    await fill(store, 'l', ['a', 'b', 'c'])
    const results = await store.commit([
      {
        move: { from: { lane: 'l', limit: 9 }, to: [] },
        set: [
          ['a', 'new'],
          ['c', 'new'],
        ],
        delete: ['b'],
      },
    ])
    const expected = [{ key: 'a', record: 'old' }, { key: 'b', record: 'old' }, none('c')]
    equal(results, [expected], 'the result')
    equal(await store.read(['a', 'b', 'c']), ['new', undefined, 'new'], 'the records')
  },

  'The record of a moved key shows the earlier changes of its call': async ({ store }) => {
    await put(store, { a: 'old', b: 'old' })
    await fill(store, 'l', ['a', 'b', 'c'])
    const results = await store.commit([
      {
        set: [
          ['a', 'new'],
          ['c', 'new'],
        ],
        delete: ['b'],
      },
      { move: { from: { lane: 'l', limit: 9 }, to: [] } },
    ])
    const expected = [{ key: 'a', record: 'new' }, none('b'), { key: 'c', record: 'new' }]
    equal(results, [[], expected], 'the results')
  },

  'A quiet move does all of it and tells nothing of what it took': async ({ store }) => {
    await put(store, { a: 'a record' })
    await fill(store, 'l', ['1/a', '2/b', '3/c'])
    const from = { lane: 'l', limit: 2 }
    const results = await store.commit([
      { move: { from, to: [{ lane: 'm', drop: 1 }], quiet: true }, delete: ['a'] },
      { after: 0, move: { from: { lane: 'm', limit: 1 }, to: [] } },
      { move: { from, to: [{ lane: 'm' }], room: [[{ lane: 'm' }, 1]], quiet: true }, set: [['r', '']] },
      { move: { from, to: [], quiet: false } },
      { move: { from, to: [], quiet: true } },
    ])
    equal(results, [[], [none('a')], false, [none('3/c')], false], 'the results')
    await lanesHold(store, { l: [], m: ['b'] }, 'the lanes')
    equal(await store.read(['a', 'r']), [undefined, undefined], 'the records')
  },

  'A move sees the keys that earlier changes added and removed, not those of its own change': async ({
    store,
  }) => {
    await fill(store, 'l', ['b', 'c', 'd'])
    const results = await store.commit([
      { add: [['l', 'a']], remove: [['l', 'c']] },
      { move: { from: { lane: 'l', limit: 2 }, to: [] }, add: [['l', 'A']] },
      { move: { from: { lane: 'l', limit: 9 }, to: [] } },
    ])
    equal(results.map(keysMoved), [[], ['a', 'b'], ['A', 'd']], 'the keys taken')
  },

  'Moves of one call follow each other: settle, promote and claim': async ({ store }) => {
    await fill(store, 'lease', ['w/one'])
    await fill(store, 'due', ['1/two', '2/three', '9/later'])
    await fill(store, 'ready', ['5/four'])
    const results = await store.commit([
      { remove: [['lease', 'w/one']] },
      { move: { from: { lane: 'due', until: '5', limit: 10 }, to: [{ lane: 'ready' }] } },
      { move: { from: { lane: 'ready', limit: 2 }, to: [{ lane: 'lease', drop: 1, prefix: 'w/' }] } },
    ])
    equal(results.map(keysMoved), [[], ['1/two', '2/three'], ['1/two', '2/three']], 'the keys taken')
    await lanesHold(store, { lease: ['w/three', 'w/two'], due: ['9/later'], ready: ['5/four'] }, 'the lanes')
  },

  'One call may move more than 16 KiB of keys': async ({ store }) => {
    const keys = risingKeys(400).map((key) => `${'path/'.repeat(20)}${key}`)
    await fill(store, 'l', keys)
    const to = [{ lane: 'm', drop: 10, prefix: `${'x'.repeat(60)}/` }]
    const [result] = await store.commit([{ move: { from: { lane: 'l', limit: 400 }, to } }])
    equal(keysMoved(result), keys, 'the keys taken')
    const placed = risingKeys(400).map((key) => `${'x'.repeat(60)}/${'path/'.repeat(10)}${key}`)
    await lanesHold(store, { l: [], m: placed }, 'the lanes')
  },

  'A moved key whose record is large comes with all of it': async ({ store }) => {
    const value = 'é'.repeat(100_000)
    await put(store, { big: value, small: 'x' })
    await fill(store, 'l', ['1/big', '2/small'])
    const results = await store.commit([{ move: { from: { lane: 'l', limit: 2 }, to: [{ lane: 'm' }] } }])
    equal(
      results,
      [
        [
          { key: '1/big', record: value },
          { key: '2/small', record: 'x' },
        ],
      ],
      'the result',
    )
  },

  'No two callers get the same key, however many ask at once': async ({ store }) => {
    const keys = risingKeys(210)
    await fill(store, 'l', keys)
    const calls = Array.from({ length: 40 }, () =>
      store.commit([{ move: { from: { lane: 'l', limit: 7 }, to: [{ lane: 'm', prefix: 'taken/' }] } }]),
    )
    const results = (await Promise.all(calls)).map(([result]) => result)
    const taken = results.flatMap(keysMoved)
    equal(taken.toSorted(), keys, 'the keys all callers got')
    equal(results.filter((result) => result === false).length, 10, 'the callers who got none')
    equal((await keysOf(store, 'm')).length, 210, 'the keys placed')
  },

  'A long drain by small moves takes every key once, in order': async ({ store }) => {
    const keys = risingKeys(600)
    await fill(store, 'l', keys)
    const taken: string[] = []
    for (let round = 0; round < 100; round++) {
      const got = await takeFrom(store, 'l', 9)
      if (got.length === 0) break
      taken.push(...got)
    }
    equal(taken, keys, 'the keys taken')
  },

  'A key added below the keys already taken is the next one': async ({ store }) => {
    await fill(store, 'l', risingKeys(50))
    equal((await takeFrom(store, 'l', 30)).at(-1), 'k0029', 'the last of the first 30')
    await fill(store, 'l', ['a', 'k0003'])
    equal(await takeFrom(store, 'l', 3), ['a', 'k0003', 'k0030'], 'the next three')
  },
})
