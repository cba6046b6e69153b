/** Conformance: every part of `expect` decides whether a change applies. */
import type { Change, Span } from '../../src/store.ts'
import { equal } from './assert.ts'
import { concern, fill, put } from './stage.ts'

type Expect = NonNullable<Change['expect']>

const changesExpecting = (...all: readonly Expect[]): Change[] => all.map((expect) => ({ expect }))

const size = (span: Span, min: number, max: number): Expect => ({ size: [[span, min, max]] })

export const expectationCases = concern('expectations', {
  'present holds while every key named is in its lane': async ({ store }) => {
    await fill(store, 'l', ['a', 'b'])
    await put(store, { c: 'a record is no key' })
    const results = await store.commit(
      changesExpecting(
        { present: [['l', 'a']] },
        {
          present: [
            ['l', 'a'],
            ['l', 'b'],
          ],
        },
        {
          present: [
            ['l', 'a'],
            ['l', 'c'],
          ],
        },
        { present: [['l', 'A']] },
        { present: [['m', 'a']] },
        { present: [] },
      ),
    )
    equal(results, [[], [], false, false, false, []], 'the results')
  },

  'present leaves its key where it is': async ({ store }) => {
    await fill(store, 'l', ['a'])
    await store.commit(changesExpecting({ present: [['l', 'a']] }))
    const results = await store.commit(changesExpecting({ present: [['l', 'a']] }, size({ lane: 'l' }, 1, 1)))
    equal(results, [[], []], 'the results')
  },

  'absent holds while none of the records named exists': async ({ store }) => {
    await put(store, { a: '1' })
    await fill(store, 'l', ['b'])
    const results = await store.commit(
      changesExpecting({ absent: ['a'] }, { absent: ['b', 'c'] }, { absent: ['b', 'a'] }, { absent: [] }),
    )
    equal(results, [false, [], false, []], 'the results')
  },

  'equal holds while every record named has exactly this value': async ({ store }) => {
    await put(store, { a: 'one', b: 'two', number: '1' })
    const results = await store.commit(
      changesExpecting(
        { equal: [['a', 'one']] },
        {
          equal: [
            ['a', 'one'],
            ['b', 'two'],
          ],
        },
        {
          equal: [
            ['a', 'one'],
            ['b', 'three'],
          ],
        },
        {
          equal: [
            ['b', 'three'],
            ['a', 'one'],
          ],
        },
        { equal: [['a', 'One']] },
        { equal: [['a', 'one ']] },
        { equal: [['missing', 'one']] },
        { equal: [['number', '1.0']] },
        {
          equal: [
            ['a', 'one'],
            ['a', 'two'],
          ],
        },
      ),
    )
    equal(results, [[], [], false, false, false, false, false, false, false], 'the results')
  },

  'size holds while a lane has min to max keys': async ({ store }) => {
    await fill(store, 'l', ['a', 'b', 'c'])
    const lane = { lane: 'l' }
    const results = await store.commit(
      changesExpecting(
        size(lane, 3, 3),
        size(lane, 0, 3),
        size(lane, 0, 2),
        size(lane, 4, 9),
        size(lane, 2, 4),
        size(lane, 0, 0),
      ),
    )
    equal(results, [[], [], false, false, [], false], 'the results')
  },

  'A size whose max is Infinity asks only for min': async ({ store }) => {
    await fill(store, 'l', ['a', 'b', 'c'])
    const results = await store.commit(
      changesExpecting(
        size({ lane: 'l' }, 0, Infinity),
        size({ lane: 'l' }, 3, Infinity),
        size({ lane: 'l' }, 4, Infinity),
        size({ lane: 'absent' }, 0, Infinity),
        size({ lane: 'absent' }, 1, Infinity),
      ),
    )
    equal(results, [[], [], false, [], false], 'the results')
  },

  'The size of an absent lane is 0': async ({ store }) => {
    const results = await store.commit(
      changesExpecting(
        size({ lane: 'l' }, 0, 0),
        size({ lane: 'l' }, 1, 1),
        size({ lane: 'l', from: 'a' }, 0, 0),
      ),
    )
    equal(results, [[], false, []], 'the results')
  },

  'A size counts only the keys of its span: from included, until not': async ({ store }) => {
    await fill(store, 'l', ['a/1', 'b/1', 'b/2', 'b/3', 'c/1'])
    const results = await store.commit(
      changesExpecting(
        size({ lane: 'l', from: 'b/', until: 'b0' }, 3, 3),
        size({ lane: 'l', from: 'b/1', until: 'b/3' }, 2, 2),
        size({ lane: 'l', from: 'b/2' }, 3, 3),
        size({ lane: 'l', until: 'b/2' }, 2, 2),
        size({ lane: 'l', from: 'b/1', until: 'b/3' }, 3, Infinity),
        size({ lane: 'l', from: 'd' }, 1, Infinity),
        size({ lane: 'l', from: 'b/', until: 'b0' }, 0, 2),
      ),
    )
    equal(results, [[], [], [], [], false, false, false], 'the results')
  },

  'The size of a span whose from is not below its until is 0': async ({ store }) => {
    await fill(store, 'l', ['a', 'b', 'c'])
    const results = await store.commit(
      changesExpecting(
        size({ lane: 'l', from: 'b', until: 'b' }, 0, 0),
        size({ lane: 'l', from: 'c', until: 'a' }, 0, 0),
        size({ lane: 'l', from: 'c', until: 'a' }, 1, Infinity),
      ),
    )
    equal(results, [[], [], false], 'the results')
  },

  'Several sizes must all hold': async ({ store }) => {
    await fill(store, 'l', ['a', 'b'])
    await fill(store, 'm', ['a'])
    const results = await store.commit([
      {
        expect: {
          size: [
            [{ lane: 'l' }, 2, 2],
            [{ lane: 'm' }, 1, 1],
          ],
        },
      },
      {
        expect: {
          size: [
            [{ lane: 'l' }, 2, 2],
            [{ lane: 'm' }, 0, 0],
          ],
        },
      },
      {
        expect: {
          size: [
            [{ lane: 'l' }, 0, 1],
            [{ lane: 'm' }, 1, 1],
          ],
        },
      },
      {
        expect: {
          size: [
            [{ lane: 'l', from: 'b' }, 1, 1],
            [{ lane: 'l', until: 'b' }, 1, 1],
          ],
        },
      },
    ])
    equal(results, [[], false, false, []], 'the results')
  },

  'A size follows the changes before it': async ({ store }) => {
    await fill(store, 'l', ['a', 'b'])
    const part = { lane: 'l', from: 'b' }
    const results = await store.commit([
      { add: [['l', 'c']] },
      {
        expect: {
          size: [
            [{ lane: 'l' }, 3, 3],
            [part, 2, 2],
          ],
        },
        remove: [['l', 'b']],
      },
      {
        expect: {
          size: [
            [{ lane: 'l' }, 2, 2],
            [part, 1, 1],
          ],
        },
      },
      { move: { from: { lane: 'l', limit: 9 }, to: [] } },
      {
        expect: {
          size: [
            [{ lane: 'l' }, 0, 0],
            [part, 0, 0],
          ],
        },
      },
    ])
    equal(
      results.map((result) => result !== false),
      [true, true, true, true, true],
      'which applied',
    )
  },

  'One part of expect that fails is enough': async ({ store }) => {
    await fill(store, 'l', ['a'])
    await put(store, { r: '1' })
    const holds = {
      present: [['l', 'a']],
      absent: ['s'],
      equal: [['r', '1']],
      size: [[{ lane: 'l' }, 1, 1]],
    } as const satisfies Expect
    const results = await store.commit(
      changesExpecting(
        holds,
        { ...holds, present: [['l', 'b']] },
        { ...holds, absent: ['r'] },
        { ...holds, equal: [['r', '2']] },
        { ...holds, size: [[{ lane: 'l' }, 2, 2]] },
      ),
    )
    equal(results, [[], false, false, false, false], 'the results')
  },

  'expect decides over a move as over everything else': async ({ store }) => {
    await fill(store, 'l', ['a', 'b'])
    await put(store, { paused: '' })
    const move = { from: { lane: 'l', limit: 1 }, to: [{ lane: 'm' }] }
    const results = await store.commit([
      { expect: { absent: ['paused'] }, move },
      { expect: { equal: [['paused', '']], size: [[{ lane: 'm' }, 0, 0]] }, move },
      { expect: { size: [[{ lane: 'm' }, 0, 0]] }, move },
    ])
    equal(results, [false, [{ key: 'a', record: undefined }], false], 'the results')
  },
})
