/** Conformance: a call that breaks a rule rejects with `UNIT_INVALID` before any of it applies. */
import type { Change } from '../../src/store.ts'
import { equal, rejects } from './assert.ts'
import { concern, fill, lanesHold, put, refusedWithoutTrace } from './stage.ts'

/** Texts that are no lane, key or id. */
const BAD_TEXTS = [
  '',
  ' ',
  'a b',
  'a\tb',
  'a\n',
  '\0',
  '\x7f',
  'é',
  'a\u0080',
  '漢',
  '😀',
  '\ud800',
  'x'.repeat(1_025),
]

/** Where the text of a key, lane or id stands in a change. */
const KEYS_AND_IDS: Readonly<Record<string, (text: string) => Change>> = {
  'the lane of add': (text) => ({ add: [[text, 'a']] }),
  'the key of add': (text) => ({ add: [['l', text]] }),
  'the lane of append': (text) => ({ append: [[text, 'a']] }),
  'the key of append': (text) => ({ append: [['l', text]] }),
  'the lane of remove': (text) => ({ remove: [[text, 'a']] }),
  'the key of remove': (text) => ({ remove: [['l', text]] }),
  'the id of set': (text) => ({ set: [[text, 'value']] }),
  'the id of delete': (text) => ({ delete: [text] }),
  'the lane of hint': (text) => ({ hint: [text] }),
}

const EXPECTATIONS: Readonly<Record<string, (text: string) => Change>> = {
  'the lane of present': (text) => ({ expect: { present: [[text, 'a']] } }),
  'the key of present': (text) => ({ expect: { present: [['l', text]] } }),
  'the id of absent': (text) => ({ expect: { absent: [text] } }),
  'the id of equal': (text) => ({ expect: { equal: [[text, 'value']] } }),
  'the lane of size': (text) => ({ expect: { size: [[{ lane: text }, 0, 1]] } }),
  'the from of size': (text) => ({ expect: { size: [[{ lane: 'l', from: text }, 0, 1]] } }),
  'the until of size': (text) => ({ expect: { size: [[{ lane: 'l', until: text }, 0, 1]] } }),
}

const take = (limit: number) => ({ lane: 'l', limit })

const from = take(1)

const MOVES: Readonly<Record<string, (text: string) => Change>> = {
  'the lane of a move': (text) => ({ move: { from: { lane: text, limit: 1 }, to: [] } }),
  'the from of a move': (text) => ({ move: { from: { ...from, from: text }, to: [] } }),
  'the until of a move': (text) => ({ move: { from: { ...from, until: text }, to: [] } }),
  'the lane of a place': (text) => ({ move: { from, to: [{ lane: text }] } }),
  'the prefix of a place': (text) => ({ move: { from, to: [{ lane: 'm', prefix: text }] } }),
  'the mark of a place': (text) => ({ move: { from, to: [{ lane: 'm', mark: text }] } }),
  'the lane of a room': (text) => ({ move: { from, to: [], room: [[{ lane: text }, 9]] } }),
  'the from of a room': (text) => ({ move: { from, to: [], room: [[{ lane: 'l', from: text }, 9]] } }),
}

const textRefused =
  (positions: Readonly<Record<string, (text: string) => Change>>) =>
  async ({ store }: { store: Parameters<typeof refusedWithoutTrace>[0] }): Promise<void> => {
    for (const [position, change] of Object.entries(positions)) {
      for (const text of BAD_TEXTS) {
        const shown = text.length > 40 ? `${text.length} characters` : JSON.stringify(text)
        await rejects(store.commit([change(text)]), 'UNIT_INVALID', `${shown} as ${position}`)
      }
      await refusedWithoutTrace(store, [change('é')], `"é" as ${position}`)
    }
  }

export const refusalCases = concern('refusals', {
  'Lanes, keys and ids are printable ASCII without spaces, 1 to 1024 characters': textRefused(KEYS_AND_IDS),

  'The text of expectations is held to the same rule': textRefused(EXPECTATIONS),

  'The text of moves, places and rooms is held to the same rule': textRefused(MOVES),

  'A value that is not well-formed text is refused': async ({ store }) => {
    for (const value of ['\ud800', 'a\udc00', '\udc00\ud800', `${'x'.repeat(2_000)}\udbff`]) {
      const shown = JSON.stringify(value.slice(-9))
      await refusedWithoutTrace(store, [{ set: [['r', value]] }], `${shown} set`)
      await refusedWithoutTrace(store, [{ expect: { equal: [['r', value]] } }], `${shown} expected`)
    }
    equal(await store.read(['r']), [undefined], 'the record')
  },

  'A key that ends in a slash has no name and is refused': async ({ store }) => {
    for (const key of ['/', 'a/', 'a//']) {
      await refusedWithoutTrace(store, [{ add: [['l', key]] }], `adding ${key}`)
      await refusedWithoutTrace(store, [{ append: [['l', key]] }], `appending ${key}`)
      await refusedWithoutTrace(store, [{ remove: [['l', key]] }], `removing ${key}`)
      await refusedWithoutTrace(store, [{ expect: { present: [['l', key]] } }], `expecting ${key}`)
    }
  },

  'after that names no earlier change of its call is refused': async ({ store }) => {
    await refusedWithoutTrace(store, [{ after: 0 }], 'a change after itself')
    await refusedWithoutTrace(store, [{}, { after: 2 }, {}], 'a change after a later one')
    await refusedWithoutTrace(store, [{}, { after: 9 }], 'a change after one that is not there')
    await refusedWithoutTrace(store, [{ after: -2 }], 'a change after a negative index')
    await refusedWithoutTrace(store, [{}, { after: 0.5 }], 'a change after half an index')
    await refusedWithoutTrace(store, [{}, { after: Number.NaN }], 'a change after NaN')
  },

  'A move beside remove is refused': async ({ store }) => {
    await fill(store, 'l', ['a', 'b'])
    const move = { from, to: [{ lane: 'm' }] }
    await refusedWithoutTrace(store, [{ move, remove: [['l', 'b']] }], 'a move beside remove')
    await lanesHold(store, { l: ['a', 'b'], m: [] }, 'the lanes')
    const [applied] = await store.commit([{ move, remove: [] }])
    equal(applied, [{ key: 'a', record: undefined }], 'a move beside an empty remove')
  },

  'Removing a key twice in one change is refused': async ({ store }) => {
    await fill(store, 'l', ['a', 'b'])
    const twice: Change = {
      remove: [
        ['l', 'a'],
        ['l', 'b'],
        ['l', 'a'],
      ],
    }
    await refusedWithoutTrace(store, [twice], 'removing a twice')
    await lanesHold(store, { l: ['a', 'b'] }, 'the lane')
  },

  'A move of no keys, a size that is no range and a room that is no number are refused': async ({
    store,
  }) => {
    for (const limit of [0, -1, 1.5, Number.NaN, Infinity]) {
      await refusedWithoutTrace(
        store,
        [{ move: { from: { lane: 'l', limit }, to: [] } }],
        `a limit of ${limit}`,
      )
    }
    for (const [min, max] of [
      [-1, 1],
      [2, 1],
      [Number.NaN, 1],
      [0, Number.NaN],
    ] as const) {
      const change: Change = { expect: { size: [[{ lane: 'l' }, min, max]] } }
      await refusedWithoutTrace(store, [change], `a size of ${min} to ${max}`)
    }
    const room = [[{ lane: 'l' }, Number.NaN]] as const
    await refusedWithoutTrace(store, [{ move: { from, to: [], room } }], 'a room of NaN')
  },

  'A move that is neither quiet nor not is refused': async ({ store }) => {
    for (const quiet of [null, 0, 1, 'true'] as unknown as boolean[]) {
      await refusedWithoutTrace(store, [{ move: { from, to: [], quiet } }], `a quiet of ${quiet}`)
    }
  },

  'A place that drops no whole number of segments, or marks with a slash, is refused': async ({ store }) => {
    for (const drop of [-1, 0.5, Number.NaN, Infinity]) {
      await refusedWithoutTrace(store, [{ move: { from, to: [{ lane: 'm', drop }] } }], `a drop of ${drop}`)
    }
    for (const mark of ['/', 'a/', 'a/b']) {
      await refusedWithoutTrace(store, [{ move: { from, to: [{ lane: 'm', mark }] } }], `the mark ${mark}`)
    }
  },

  'A call is checked whole, also the changes that would not apply': async ({ store }) => {
    const refused: Change = { remove: [['l', 'missing']] }
    await refusedWithoutTrace(store, [refused, { after: 0, set: [['é', '1']] }], 'behind a refused change')
    const bad: Change = { expect: { present: [['l', 'missing']] }, set: [['r', '\ud800']] }
    await refusedWithoutTrace(store, [bad], 'in a refused change')
  },

  'Adding a key that is there rejects the call, without trace of its earlier changes': async ({ store }) => {
    await fill(store, 'l', ['a', 'b', 'c'])
    await put(store, { r: 'old', s: 'old' })
    const changes: Change[] = [
      {
        set: [
          ['r', 'new'],
          ['new', '1'],
        ],
        delete: ['s'],
      },
      { remove: [['l', 'b']], add: [['m', 'x']] },
      { move: { from: { lane: 'l', limit: 1 }, to: [{ lane: 'm' }, { lane: 'n' }] } },
      {
        append: [
          ['log', '1'],
          ['log', '2'],
        ],
      },
      {
        set: [['r', 'newer']],
        append: [['log', '3']],
        add: [
          ['m', 'y'],
          ['l', 'c'],
        ],
      },
    ]
    await refusedWithoutTrace(store, changes, 'adding c')
    await lanesHold(store, { l: ['a', 'b', 'c'], m: [], n: [], log: [] }, 'the lanes')
    equal(await store.read(['r', 's', 'new']), ['old', 'old', undefined], 'the records')
  },

  'Adding one key twice in a call rejects it': async ({ store }) => {
    await refusedWithoutTrace(
      store,
      [
        {
          add: [
            ['l', 'a'],
            ['l', 'a'],
          ],
        },
      ],
      'twice in one change',
    )
    await refusedWithoutTrace(store, [{ add: [['l', 'a']] }, { add: [['l', 'a']] }], 'in two changes')
    await lanesHold(store, { l: [] }, 'the lane')
    const results = await store.commit([{ add: [['l', 'a']] }, { remove: [['l', 'x']], add: [['l', 'a']] }])
    equal(results, [[], false], 'adding it again in a change that does not apply')
  },

  'Placing a key where one is rejects the call': async ({ store }) => {
    await fill(store, 'l', ['1/a', '2/b', '3/a'])
    await fill(store, 'm', ['b'])
    const onto = [{ lane: 'm', drop: 1 }]
    await refusedWithoutTrace(store, [{ move: { from: take(2), to: onto } }], 'onto a key that is there')
    const same = [{ lane: 'n', drop: 1 }]
    await refusedWithoutTrace(store, [{ move: { from: take(3), to: same } }], 'two keys onto each other')
    const twice = [{ lane: 'n' }, { lane: 'n' }]
    await refusedWithoutTrace(store, [{ move: { from: take(1), to: twice } }], 'one key by two places')
    const added: Change = { move: { from: take(1), to: onto }, add: [['m', 'a']] }
    await refusedWithoutTrace(store, [added], 'onto a key the change adds')
    await lanesHold(store, { l: ['1/a', '2/b', '3/a'], m: ['b'], n: [] }, 'the lanes')
    const [moved] = await store.commit([{ move: { from: take(1), to: onto } }])
    equal(moved, [{ key: '1/a', record: undefined }], 'the move that is in order')
  },

  'A placed or appended key longer than a key may be rejects the call': async ({ store }) => {
    const long = 'x'.repeat(1_010)
    await fill(store, 'l', [long])
    const place = { lane: 'm', prefix: 'p'.repeat(15) }
    await refusedWithoutTrace(store, [{ move: { from, to: [place] } }], 'a placed key of 1,025 bytes')
    await refusedWithoutTrace(store, [{ append: [['log', long]] }], 'an appended key of 1,027 bytes')
    await lanesHold(store, { l: [long], m: [], log: [] }, 'the lanes')
    const fitting = await store.commit([
      { move: { from, to: [{ lane: 'm', prefix: 'p'.repeat(14) }] } },
      { append: [['log', 'x'.repeat(1_007)]] },
    ])
    equal(fitting, [[{ key: long, record: undefined }], []], 'a placed and an appended key of 1,024 bytes')
  },

  'A call that rejects harms none of the calls made beside it': async ({ store }) => {
    await fill(store, 'l', ['there'])
    const calls = Array.from({ length: 30 }, async (_, index): Promise<string> => {
      const own: Change = {
        add: [['l', `k${index}`]],
        set: [[`r${index}`, '1']],
        append: [['log', `${index}`]],
      }
      const broken: Change = index % 6 === 0 ? { add: [['l', 'there']] } : { add: [['l', 'é']] }
      if (index % 3 !== 0) return store.commit([own]).then(() => 'applied')
      await rejects(store.commit([own, broken]), 'UNIT_INVALID', `call ${index}`)
      return 'rejected'
    })
    const fates = await Promise.all(calls)
    const applied = fates.flatMap((fate, index) => (fate === 'applied' ? [index] : []))
    equal(applied.length, 20, 'the calls that applied')
    await lanesHold(store, { l: [...applied.map((i) => `k${i}`), 'there'].toSorted() }, 'the lane')
    equal(
      await store.read(fates.map((_, i) => `r${i}`)),
      fates.map((fate) => (fate === 'applied' ? '1' : undefined)),
      'the records',
    )
    const [log] = await store.scan([{ lane: 'log', limit: 100 }])
    const numbers = log!.map((key) => Number(key.slice(0, 16)))
    equal(numbers.at(-1)! - numbers[0]!, 19, 'the span of 20 numbers without a gap')
  },
})
