/** Conformance: where a move puts its keys, and under which names. */
import type { Place } from '../../src/store.ts'
import { equal } from './assert.ts'
import { concern, fill, lanesHold } from './stage.ts'

const moveAll = (lane: string, ...to: readonly Place[]) => ({ move: { from: { lane, limit: 50 }, to } })

export const placeCases = concern('places', {
  'Without drop, prefix and mark a key is placed as it is': async ({ store }) => {
    await fill(store, 'l', ['a', 'b/c', '/d'])
    await store.commit([moveAll('l', { lane: 'm' })])
    await lanesHold(store, { l: [], m: ['/d', 'a', 'b/c'] }, 'the lanes')
  },

  'prefix is put before the key as it is, with or without a slash': async ({ store }) => {
    await fill(store, 'l', ['a', 'b/c'])
    await store.commit([moveAll('l', { lane: 'm', prefix: 'w/' }, { lane: 'n', prefix: 'w' })])
    await lanesHold(store, { m: ['w/a', 'w/b/c'], n: ['wa', 'wb/c'] }, 'the lanes')
  },

  'drop leaves the first segments of the key behind': async ({ store }) => {
    await fill(store, 'l', ['1/2/3/name', '/x/name'])
    await store.commit([
      moveAll('l', { lane: 'zero', drop: 0 }, { lane: 'one', drop: 1 }, { lane: 'two', drop: 2 }),
    ])
    const expected = {
      zero: ['/x/name', '1/2/3/name'],
      one: ['2/3/name', 'x/name'],
      two: ['3/name', 'name'],
    }
    await lanesHold(store, expected, 'the lanes')
  },

  'The name is never dropped, however short the path': async ({ store }) => {
    await fill(store, 'l', ['1/2/deep', 'flat'])
    await store.commit([moveAll('l', { lane: 'm', drop: 9 }, { lane: 'n', drop: 2, prefix: 'p/' })])
    await lanesHold(store, { m: ['deep', 'flat'], n: ['p/deep', 'p/flat'] }, 'the lanes')
  },

  'mark is put before the name, with a slash': async ({ store }) => {
    await fill(store, 'l', ['a/b/name', 'flat'])
    await store.commit([moveAll('l', { lane: 'm', mark: 'due' })])
    await lanesHold(store, { m: ['a/b/due/name', 'due/flat'] }, 'the lane')
  },

  'drop, prefix and mark go together': async ({ store }) => {
    await fill(store, 'l', ['5/1700/name', '6/flat', 'bare'])
    await store.commit([moveAll('l', { lane: 'm', drop: 1, prefix: 'w/9/', mark: 'm' })])
    await lanesHold(store, { m: ['w/9/1700/m/name', 'w/9/m/bare', 'w/9/m/flat'] }, 'the lane')
  },

  'A move to several places puts every key into each': async ({ store }) => {
    await fill(store, 'l', ['1/a', '2/b', '3/c'])
    const to = [
      { lane: 'm', drop: 1 },
      { lane: 'n', prefix: 'p/' },
      { lane: 'm', mark: 'again' },
    ]
    const results = await store.commit([{ move: { from: { lane: 'l', limit: 2 }, to } }])
    const moved = ['1/a', '2/b'].map((key) => ({ key, record: undefined }))
    equal(results, [moved], 'the result')
    const expected = { l: ['3/c'], m: ['1/again/a', '2/again/b', 'a', 'b'], n: ['p/1/a', 'p/2/b'] }
    await lanesHold(store, expected, 'the lanes')
  },

  'A move may place its keys in the lane it takes them from': async ({ store }) => {
    await fill(store, 'l', ['1/a', '2/b', '3/c'])
    const from = { lane: 'l', limit: 2 }
    await store.commit([{ move: { from, to: [{ lane: 'l', drop: 1, prefix: '7/' }] } }])
    await lanesHold(store, { l: ['3/c', '7/a', '7/b'] }, 'the lane')
  },

  'Keys move out before they are placed: a key may be placed as itself, or as its neighbour': async ({
    store,
  }) => {
    await fill(store, 'l', ['a', 'b'])
    equal((await store.commit([moveAll('l', { lane: 'l' })])).length, 1, 'the results')
    await lanesHold(store, { l: ['a', 'b'] }, 'keys placed as they were')
    await fill(store, 'm', ['x', 'xx', 'xxx'])
    await store.commit([moveAll('m', { lane: 'm', prefix: 'x' })])
    await lanesHold(store, { m: ['xx', 'xxx', 'xxxx'] }, 'keys placed where another one stood')
  },

  'The result names the keys as they were': async ({ store }) => {
    await fill(store, 'l', ['1/a', '2/b'])
    const results = await store.commit([moveAll('l', { lane: 'm', drop: 1, prefix: 'p/' })])
    const moved = ['1/a', '2/b'].map((key) => ({ key, record: undefined }))
    equal(results, [moved], 'the result')
  },
})
