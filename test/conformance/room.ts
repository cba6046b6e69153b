/** Conformance: a move takes no more than fits into its room. */
import type { Result, Span } from '../../src/store.ts'
import { equal } from './assert.ts'
import { concern, fill, lanesHold, risingKeys } from './stage.ts'

const sizesOf = (results: readonly Result[]): (number | false)[] =>
  results.map((result) => result !== false && result.length)

type Room = readonly (readonly [Span, number])[]

/** A move of up to ten keys of lane `l` to lane `m`, under a prefix that tells the moves of one call apart. */
const moveInto = (room: Room, prefix = 'p/') => ({
  move: { from: { lane: 'l', limit: 10 }, to: [{ lane: 'm', prefix }], room },
})

export const roomCases = concern('room', {
  'A move takes no more keys than its room holds': async ({ store }) => {
    await fill(store, 'l', risingKeys(20))
    await fill(store, 'm', ['x', 'y'])
    const results = await store.commit([moveInto([[{ lane: 'm' }, 5]])])
    equal(sizesOf(results), [3], 'the keys taken')
    equal(await store.count([{ lane: 'l' }, { lane: 'm' }]), [17, 5], 'the counts')
  },

  'A full room, and one that was overfull before, refuse the change': async ({ store }) => {
    await fill(store, 'l', risingKeys(5))
    await fill(store, 'm', ['x', 'y', 'z'])
    const results = await store.commit([
      moveInto([[{ lane: 'm' }, 3]]),
      moveInto([[{ lane: 'm' }, 1]]),
      moveInto([[{ lane: 'm' }, 0]]),
      moveInto([[{ lane: 'absent' }, 0]]),
      moveInto([[{ lane: 'absent' }, -1]]),
    ])
    equal(results, [false, false, false, false, false], 'the results')
    await lanesHold(store, { l: risingKeys(5) }, 'the lane')
  },

  'The smallest of several rooms counts': async ({ store }) => {
    await fill(store, 'l', risingKeys(30))
    await fill(store, 'm', ['x'])
    await fill(store, 'w', ['1', '2', '3'])
    const results = await store.commit([
      moveInto(
        [
          [{ lane: 'm' }, 9],
          [{ lane: 'w' }, 5],
        ],
        'a/',
      ),
      moveInto(
        [
          [{ lane: 'm' }, 6],
          [{ lane: 'w' }, 50],
        ],
        'b/',
      ),
      moveInto(
        [
          [{ lane: 'm' }, Infinity],
          [{ lane: 'w' }, 50],
        ],
        'c/',
      ),
      moveInto(
        [
          [{ lane: 'm' }, 99],
          [{ lane: 'w' }, 3],
        ],
        'd/',
      ),
    ])
    equal(sizesOf(results), [2, 3, 10, false], 'the keys taken')
  },

  'A room may be a part of a lane': async ({ store }) => {
    await fill(store, 'l', risingKeys(20))
    await fill(store, 'm', ['a/1', 'b/1', 'b/2', 'c/1', 'c/2', 'c/3'])
    const results = await store.commit([
      moveInto([[{ lane: 'm', from: 'b/', until: 'b0' }, 4]], 'b/'),
      moveInto([[{ lane: 'm', from: 'b/', until: 'b0' }, 4]], 'b/'),
      moveInto([[{ lane: 'm', until: 'b/1' }, 4]], 'a/'),
      moveInto([[{ lane: 'm', from: 'c/2' }, 3]], 'd/'),
      moveInto([[{ lane: 'm', from: 'z', until: 'a' }, 2]], 'e/'),
    ])
    equal(sizesOf(results), [2, false, 3, 1, 2], 'the keys taken')
  },

  'Each key taken counts once per span, wherever it is placed': async ({ store }) => {
    await fill(store, 'l', risingKeys(20))
    await fill(store, 'm', ['x'])
    const results = await store.commit([
      {
        move: {
          from: { lane: 'l', limit: 10 },
          to: [
            { lane: 'm', prefix: 'a/' },
            { lane: 'm', prefix: 'b/' },
          ],
          room: [[{ lane: 'm' }, 4]],
        },
      },
      { move: { from: { lane: 'l', limit: 10 }, to: [], room: [[{ lane: 'absent' }, 2]] } },
    ])
    equal(sizesOf(results), [3, 2], 'the keys taken')
    equal(await store.count([{ lane: 'm' }]), [7], 'the keys placed')
  },

  'Room is the size before the change, also where keys move within the span': async ({ store }) => {
    await fill(store, 'l', ['1/a', '1/b', '1/c', '1/d'])
    const move = { from: { lane: 'l', until: '2', limit: 9 }, to: [{ lane: 'l', drop: 1, prefix: '2/' }] }
    const results = await store.commit([
      { move: { ...move, room: [[{ lane: 'l' }, 4]] } },
      { move: { ...move, room: [[{ lane: 'l' }, 6]] } },
    ])
    equal(sizesOf(results), [false, 2], 'the keys taken')
    await lanesHold(store, { l: ['1/c', '1/d', '2/a', '2/b'] }, 'the lane')
  },

  'Room follows the earlier changes of the call, not the own adds of its change': async ({ store }) => {
    await fill(store, 'l', risingKeys(10))
    const room: Room = [[{ lane: 'm' }, 2]]
    const results = await store.commit([
      {
        ...moveInto(room, 'a/'),
        add: [
          ['m', 'x'],
          ['m', 'y'],
        ],
      },
      moveInto(room, 'b/'),
      {
        remove: [
          ['m', 'x'],
          ['m', 'y'],
          ['m', 'a/k0000'],
        ],
      },
      moveInto(room, 'c/'),
      { move: { from: { lane: 'm', limit: 9 }, to: [] } },
      moveInto(room, 'd/'),
    ])
    equal(sizesOf(results), [2, false, 0, 1, 2, 2], 'the keys taken')
  },

  'Room larger than the range takes the range': async ({ store }) => {
    await fill(store, 'l', risingKeys(4))
    const results = await store.commit([
      moveInto([
        [{ lane: 'm' }, 100],
        [{ lane: 'w' }, Infinity],
      ]),
    ])
    equal(sizesOf(results), [4], 'the keys taken')
  },

  'Callers at once do not overfill a room together': async ({ store }) => {
    await fill(store, 'l', risingKeys(60))
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        store.commit([
          {
            move: {
              from: { lane: 'l', limit: 3 },
              to: [{ lane: 'm', prefix: `${index}/` }],
              room: [[{ lane: 'm' }, 10]],
            },
          },
        ]),
      ),
    )
    const taken = results.flat().reduce((sum, result) => sum + (result === false ? 0 : result.length), 0)
    equal(taken, 10, 'the keys taken by all of them')
    equal(await store.count([{ lane: 'l' }, { lane: 'm' }]), [50, 10], 'the counts')
  },
})
