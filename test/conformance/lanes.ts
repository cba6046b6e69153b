/** Conformance: lanes are sets of keys in byte order, read by pages and counted exactly. */
import { equal } from './assert.ts'
import { concern, fill, keysOf, lanesHold, risingKeys } from './stage.ts'

/** In byte order, which no language's collation, number order or path order agrees with. */
const BYTE_ORDER = [
  '! !a # - -1 . /a 0 00 1 10 2 : A A/a B Z _ ` a',
  'a! a- a-/a a/B a/a a/b/c a0 aa ab a~ b z { ~ ~~',
].flatMap((line) => line.split(' '))

export const laneCases = concern('lanes', {
  'A lane is read in byte order, whatever the order in which its keys came': async ({ store }) => {
    await fill(store, 'l', BYTE_ORDER.toReversed())
    equal(await keysOf(store, 'l'), BYTE_ORDER, 'the lane')
    await fill(
      store,
      'm',
      BYTE_ORDER.filter((_, index) => index % 2 === 0),
    )
    await fill(
      store,
      'm',
      BYTE_ORDER.filter((_, index) => index % 2 === 1),
    )
    equal(await keysOf(store, 'm'), BYTE_ORDER, 'a lane filled in two passes')
  },

  'A descending page begins at the highest key': async ({ store }) => {
    await fill(store, 'l', BYTE_ORDER)
    const [all, three] = await store.scan([
      { lane: 'l', limit: 1_000, descending: true },
      { lane: 'l', limit: 3, descending: true },
    ])
    equal(all, BYTE_ORDER.toReversed(), 'the whole lane')
    equal(three, BYTE_ORDER.toReversed().slice(0, 3), 'its three highest keys')
  },

  'A page begins at from and ends before until, in both directions': async ({ store }) => {
    await fill(store, 'l', BYTE_ORDER)
    for (const [from, until] of [
      ['A', 'a'],
      ['-', '-1'],
      ['a/', 'a0'],
      ['!0', '~0'],
      ['~~', '~~~'],
    ] as const) {
      const expected = BYTE_ORDER.filter((key) => key >= from && key < until)
      const span = { lane: 'l', from, until, limit: 1_000 }
      const pages = await store.scan([span, { ...span, descending: true }])
      equal(pages, [expected, expected.toReversed()], `the page from ${from} until ${until}`)
    }
  },

  'A bound left out is open': async ({ store }) => {
    await fill(store, 'l', ['a', 'b', 'c', 'd'])
    const pages = await store.scan([
      { lane: 'l', from: 'b', limit: 9 },
      { lane: 'l', until: 'c', limit: 9 },
      { lane: 'l', from: 'b', limit: 9, descending: true },
      { lane: 'l', until: 'c', limit: 9, descending: true },
    ])
    equal(
      pages,
      [
        ['b', 'c', 'd'],
        ['a', 'b'],
        ['d', 'c', 'b'],
        ['b', 'a'],
      ],
      'the pages',
    )
    equal(
      await store.count([
        { lane: 'l', from: 'b' },
        { lane: 'l', until: 'c' },
      ]),
      [3, 2],
      'their sizes',
    )
  },

  'A page holds at most its limit, from the side it begins at': async ({ store }) => {
    await fill(store, 'l', ['a', 'b', 'c', 'd', 'e'])
    const pages = await store.scan([
      { lane: 'l', limit: 2 },
      { lane: 'l', limit: 5 },
      { lane: 'l', from: 'b', until: 'e', limit: 2 },
      { lane: 'l', from: 'b', until: 'e', limit: 2, descending: true },
    ])
    equal(
      pages,
      [
        ['a', 'b'],
        ['a', 'b', 'c', 'd', 'e'],
        ['b', 'c'],
        ['d', 'c'],
      ],
      'the pages',
    )
  },

  'The pages of one call are answered in the order asked, an absent lane with none': async ({ store }) => {
    await fill(store, 'l', ['a', 'b'])
    await fill(store, 'm', ['c'])
    const pages = await store.scan([
      { lane: 'm', limit: 5 },
      { lane: 'absent', limit: 5 },
      { lane: 'l', limit: 1 },
      { lane: 'l', limit: 5, descending: true },
    ])
    equal(pages, [['c'], [], ['a'], ['b', 'a']], 'the pages')
    equal(await store.scan([]), [], 'no pages')
  },

  'A span whose from is not below its until is empty': async ({ store }) => {
    await fill(store, 'l', ['a', 'b', 'c'])
    for (const [from, until] of [
      ['b', 'b'],
      ['c', 'a'],
      ['b', 'a'],
      ['z', 'a'],
    ] as const) {
      const span = { lane: 'l', from, until }
      const pages = await store.scan([
        { ...span, limit: 9 },
        { ...span, limit: 9, descending: true },
      ])
      equal(pages, [[], []], `the pages from ${from} until ${until}`)
      equal(await store.count([span]), [0], `the count from ${from} until ${until}`)
    }
  },

  'Whole lanes and parts of them are counted exactly, in the order asked': async ({ store }) => {
    await fill(store, 'l', BYTE_ORDER)
    await fill(store, 'm', ['x'])
    const counts = await store.count([
      { lane: 'm' },
      { lane: 'l' },
      { lane: 'absent' },
      { lane: 'l', from: 'A', until: 'a' },
      { lane: 'l', from: 'a/', until: 'a0' },
      { lane: 'l', from: '!', until: '~~~' },
      { lane: 'm', from: 'x', until: 'x!' },
    ])
    const between = (from: string, until: string): number =>
      BYTE_ORDER.filter((key) => key >= from && key < until).length
    equal(counts, [1, BYTE_ORDER.length, 0, between('A', 'a'), 3, BYTE_ORDER.length, 1], 'the counts')
    equal(await store.count([]), [], 'no counts')
  },

  'Lanes whose names begin alike do not mix': async ({ store }) => {
    const names = ['a', 'A', 'a!', 'a/', 'a/b', 'ab', 'a~', 'a-', '~a', '!a', 'a:1', 'a:10']
    for (const name of names) await fill(store, name, [`1${name}x`, '2', `b/${name}x`])
    await store.commit([{ move: { from: { lane: 'a', limit: 9 }, to: [] } }])
    for (const name of names) {
      const expected = name === 'a' ? [] : [`1${name}x`, '2', `b/${name}x`]
      await lanesHold(store, { [name]: expected }, `the lane ${name}`)
    }
  },

  'Lane and key are two texts: divided elsewhere, the same characters are another key': async ({ store }) => {
    const keys = [
      ['a', 'b/c'],
      ['a/b', 'c'],
      ['a/b/', 'c'],
      ['ab/', 'c'],
      ['a', 'bc'],
      ['ab', 'c'],
    ] as const
    await store.commit([{ add: keys }])
    const judged = await store.commit(keys.map((key) => ({ remove: [key] })))
    equal(
      judged,
      keys.map(() => []),
      'removing each of them once',
    )
    const again = await store.commit(keys.map((key) => ({ expect: { present: [key] } })))
    equal(
      again,
      keys.map(() => false),
      'finding any of them again',
    )
  },

  'A key stands in as many lanes as it was added to': async ({ store }) => {
    await store.commit([
      {
        add: [
          ['l', 'a'],
          ['m', 'a'],
          ['n', 'a'],
        ],
      },
    ])
    await store.commit([{ remove: [['m', 'a']] }])
    await lanesHold(store, { l: ['a'], m: [], n: ['a'] }, 'the lanes')
  },

  'A removed key is gone, and may be added again': async ({ store }) => {
    await fill(store, 'l', ['a', 'b'])
    await store.commit([{ remove: [['l', 'a']] }])
    await lanesHold(store, { l: ['b'] }, 'after the remove')
    await store.commit([{ add: [['l', 'a']] }])
    await lanesHold(store, { l: ['a', 'b'] }, 'after it was added again')
  },

  'Counts stay exact through every way in and out of a lane': async ({ store, reopen }) => {
    await fill(store, 'l', risingKeys(20))
    await store.commit([
      { move: { from: { lane: 'l', limit: 5 }, to: [{ lane: 'm' }, { lane: 'n', prefix: 'p/' }] } },
      {
        remove: [
          ['m', 'k0000'],
          ['l', 'k0019'],
        ],
        add: [
          ['l', 'k0000'],
          ['m', 'new'],
        ],
      },
      { move: { from: { lane: 'n', limit: 2 }, to: [] } },
      { remove: [['l', 'missing']], add: [['l', 'never']] },
      { move: { from: { lane: 'm', limit: 9 }, to: [{ lane: 'm', prefix: 'q/' }] } },
      {
        append: [
          ['log', 'a'],
          ['log', 'b'],
        ],
      },
      { remove: [['l', 'k0005']] },
      { move: { from: { lane: 'log', limit: 1 }, to: [] } },
    ])
    const sizes = async (of: typeof store): Promise<readonly number[]> =>
      of.count(['l', 'm', 'n', 'log'].map((lane) => ({ lane })))
    const lengths = await Promise.all(
      ['l', 'm', 'n', 'log'].map(async (lane) => (await keysOf(store, lane)).length),
    )
    equal(await sizes(store), [14, 5, 3, 1], 'the counts')
    equal(lengths, [14, 5, 3, 1], 'the keys')
    equal(await sizes(await reopen()), [14, 5, 3, 1], 'the counts after reopening')
  },

  'A lane of thousands of keys keeps order, pages and counts': async ({ store }) => {
    const keys = risingKeys(3_000)
    // 1,009 has no factor in common with 3,000: every key once, in no order.
    await fill(
      store,
      'l',
      keys.map((_, index) => keys[(index * 1_009) % 3_000]!),
    )
    equal(await keysOf(store, 'l'), keys, 'the lane')
    const taken = await store.commit([{ move: { from: { lane: 'l', limit: 700 }, to: [] } }])
    equal(taken[0] !== false && taken[0]!.map(({ key }) => key), keys.slice(0, 700), 'its first 700 keys')
    await store.commit([{ remove: keys.slice(1_000, 1_500).map((key) => ['l', key] as const) }])
    const counts = await store.count([{ lane: 'l' }, { lane: 'l', from: 'k0900', until: 'k1600' }])
    equal(counts, [1_800, 200], 'the counts')
    const pages = await store.scan([
      { lane: 'l', from: 'k0998', limit: 4 },
      { lane: 'l', until: 'k1502', limit: 4, descending: true },
    ])
    equal(
      pages,
      [
        ['k0998', 'k0999', 'k1500', 'k1501'],
        ['k1501', 'k1500', 'k0999', 'k0998'],
      ],
      'pages over the gap',
    )
  },
})
