/** Conformance: a call is one unit; its changes are judged in order, each whole on the state before it. */
import { equal } from './assert.ts'
import { concern, fill, lanesHold, put } from './stage.ts'

export const unitCases = concern('units', {
  'A call resolves with one result per change, in order': async ({ store }) => {
    await fill(store, 'l', ['a', 'b'])
    const results = await store.commit([
      { set: [['r', '1']] },
      { remove: [['l', 'missing']] },
      { move: { from: { lane: 'l', limit: 1 }, to: [] } },
      { expect: { absent: ['r'] } },
      { expect: { equal: [['r', '2']] } },
      { remove: [['l', 'b']] },
    ])
    equal(results, [[], false, [{ key: 'a', record: undefined }], false, false, []], 'the results')
  },

  'A call of no changes resolves with no results': async ({ store }) => {
    equal(await store.commit([]), [], 'the results')
  },

  'An empty change applies': async ({ store }) => {
    const results = await store.commit([{}, { after: 0 }, { expect: {} }, { add: [], set: [], hint: [] }])
    equal(results, [[], [], [], []], 'the results')
  },

  'A change sees what the earlier changes of its call left': async ({ store }) => {
    await fill(store, 'l', ['a'])
    const results = await store.commit([
      { set: [['r', '1']], add: [['l', 'b']] },
      { expect: { equal: [['r', '1']], present: [['l', 'b']] }, remove: [['l', 'a']], delete: ['r'] },
      { expect: { absent: ['r'], size: [[{ lane: 'l' }, 1, 1]] }, remove: [['l', 'b']], add: [['l', 'a']] },
      { expect: { present: [['l', 'b']] } },
      { move: { from: { lane: 'l', limit: 5 }, to: [{ lane: 'm' }] } },
      {
        expect: {
          size: [
            [{ lane: 'l' }, 0, 0],
            [{ lane: 'm' }, 1, 1],
          ],
        },
      },
    ])
    equal(results, [[], [], [], false, [{ key: 'a', record: undefined }], []], 'the results')
    await lanesHold(store, { l: [], m: ['a'] }, 'the lanes')
  },

  'A refused change leaves no trace in any of its parts': async ({ store }) => {
    await fill(store, 'l', ['a', 'b'])
    await put(store, { r: 'old', s: 'kept' })
    const parts = {
      add: [['l', 'new']],
      append: [['log', 'entry']],
      set: [
        ['r', 'new'],
        ['t', 'new'],
      ],
      delete: ['s'],
    } as const
    const move = { from: { lane: 'l', limit: 5 }, to: [{ lane: 'm' }] }
    const results = await store.commit([
      { ...parts, expect: { absent: ['r'] }, remove: [['l', 'a']] },
      {
        ...parts,
        remove: [
          ['l', 'a'],
          ['l', 'missing'],
        ],
      },
      { ...parts, expect: { equal: [['r', 'other']] }, move },
      { ...parts, after: 0, move },
      { ...parts, move: { ...move, from: { lane: 'absent', limit: 5 } } },
    ])
    equal(results, [false, false, false, false, false], 'the results')
    await lanesHold(store, { l: ['a', 'b'], m: [], log: [] }, 'the lanes')
    equal(await store.read(['r', 's', 't']), ['old', 'kept', undefined], 'the records')
  },

  'A refused change does not stop the changes behind it': async ({ store }) => {
    const results = await store.commit([
      { set: [['a', '1']] },
      { remove: [['l', 'missing']], set: [['b', '1']] },
      { set: [['c', '1']] },
    ])
    equal(results, [[], false, []], 'the results')
    equal(await store.read(['a', 'b', 'c']), ['1', undefined, '1'], 'the records')
  },

  'A change after an applied one applies, after a refused one it does not': async ({ store }) => {
    const results = await store.commit([
      { set: [['a', '1']] },
      { expect: { absent: ['a'] } },
      { after: 0, set: [['b', '1']] },
      { after: 1, set: [['c', '1']] },
    ])
    equal(results, [[], false, [], false], 'the results')
    equal(await store.read(['b', 'c']), ['1', undefined], 'the records')
  },

  'A refusal is inherited along a chain of after': async ({ store }) => {
    const results = await store.commit([
      { remove: [['l', 'missing']] },
      { after: 0, set: [['a', '1']] },
      { after: 1, set: [['b', '1']] },
      { set: [['c', '1']] },
      { after: 2, set: [['d', '1']] },
      { after: 3, set: [['e', '1']] },
    ])
    equal(results, [false, false, false, [], false, []], 'the results')
    equal(
      await store.read(['a', 'b', 'c', 'd', 'e']),
      [undefined, undefined, '1', undefined, '1'],
      'the records',
    )
  },

  'A change after an applied one is still judged by its own expectations': async ({ store }) => {
    const results = await store.commit([
      {},
      { after: 0, expect: { equal: [['a', '1']] }, set: [['b', '1']] },
      { after: 0, remove: [['l', 'missing']], set: [['c', '1']] },
      { after: 0, move: { from: { lane: 'l', limit: 1 }, to: [] }, set: [['d', '1']] },
    ])
    equal(results, [[], false, false, false], 'the results')
    equal(await store.read(['b', 'c', 'd']), [undefined, undefined, undefined], 'the records')
  },

  'A change whose move took keys counts as applied for after': async ({ store }) => {
    await fill(store, 'l', ['a'])
    const move = { from: { lane: 'l', limit: 1 }, to: [] }
    const results = await store.commit([
      { move },
      { after: 0, set: [['won', '1']] },
      { move },
      { after: 2, set: [['lost', '1']] },
    ])
    equal(results, [[{ key: 'a', record: undefined }], [], false, false], 'the results')
    equal(await store.read(['won', 'lost']), ['1', undefined], 'the records')
  },

  'A change is judged on the state before it, not by what it does itself': async ({ store }) => {
    await fill(store, 'l', ['a'])
    const results = await store.commit([
      { expect: { absent: ['r'] }, set: [['r', '1']] },
      { expect: { equal: [['r', '1']] }, set: [['r', '2']] },
      { expect: { size: [[{ lane: 'l' }, 1, 1]] }, add: [['l', 'b']] },
      { expect: { present: [['l', 'c']] }, add: [['l', 'c']] },
      { remove: [['l', 'd']], add: [['l', 'd']] },
      { expect: { present: [['l', 'b']], size: [[{ lane: 'l' }, 2, 2]] }, remove: [['l', 'b']] },
      { expect: { equal: [['r', '2']] }, delete: ['r'] },
    ])
    equal(results, [[], [], [], false, false, [], []], 'the results')
    await lanesHold(store, { l: ['a'] }, 'the lane')
    equal(await store.read(['r']), [undefined], 'the record')
  },

  'A missing key in remove fails the change, and none of its keys is removed': async ({ store }) => {
    await fill(store, 'l', ['a', 'b'])
    const results = await store.commit([
      {
        remove: [
          ['l', 'a'],
          ['l', 'missing'],
        ],
      },
      { remove: [['m', 'a']] },
      { remove: [['l', 'b']] },
      { remove: [['l', 'b']] },
    ])
    equal(results, [false, false, [], false], 'the results')
    await lanesHold(store, { l: ['a'] }, 'the lane')
  },

  'Keys are removed before keys are added: a change may add what it removes': async ({ store }) => {
    await fill(store, 'l', ['a', 'b'])
    equal(
      await store.commit([
        {
          remove: [['l', 'a']],
          add: [
            ['l', 'a'],
            ['l', 'c'],
          ],
        },
      ]),
      [[]],
      'the result',
    )
    await lanesHold(store, { l: ['a', 'b', 'c'] }, 'the lane')
  },

  'Keys move out before keys are added: a change may add what it takes': async ({ store }) => {
    await fill(store, 'l', ['a', 'b'])
    const results = await store.commit([
      { move: { from: { lane: 'l', limit: 1 }, to: [{ lane: 'm' }] }, add: [['l', 'a']] },
    ])
    equal(results, [[{ key: 'a', record: undefined }]], 'the result')
    await lanesHold(store, { l: ['a', 'b'], m: ['a'] }, 'the lanes')
  },

  'A key may leave a lane and come back within one call': async ({ store }) => {
    await fill(store, 'l', ['a'])
    const results = await store.commit([
      { remove: [['l', 'a']] },
      { add: [['l', 'a']] },
      { move: { from: { lane: 'l', limit: 1 }, to: [{ lane: 'm' }] } },
      { add: [['l', 'a']] },
      { remove: [['m', 'a']] },
    ])
    equal(results, [[], [], [{ key: 'a', record: undefined }], [], []], 'the results')
    await lanesHold(store, { l: ['a'], m: [] }, 'the lanes')
  },
})
