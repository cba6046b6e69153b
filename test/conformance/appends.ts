/** Conformance: appended keys are numbered in commit order, in one series per store. */
import type { Store } from '../../src/store.ts'
import { check, equal } from './assert.ts'
import { concern, fill, keysOf, lanesHold } from './stage.ts'

/** The number and the text behind it of every key in a lane, checked for the form of an appended key. */
async function entriesOf(store: Store, lane: string): Promise<{ number: number; text: string }[]> {
  const keys = await keysOf(store, lane)
  return keys.map((key) => {
    check(/^[0-9]{16}\/./.test(key), `the appended key ${key} is not 16 digits, a slash and a key`)
    return { number: Number(key.slice(0, 16)), text: key.slice(17) }
  })
}

/** Fails unless the lane holds these texts, in this order, under consecutive numbers. */
async function logHolds(store: Store, lane: string, texts: readonly string[], what: string): Promise<void> {
  const entries = await entriesOf(store, lane)
  equal(
    entries.map(({ text }) => text),
    texts,
    what,
  )
  const first = entries[0]?.number ?? 0
  equal(
    entries.map(({ number }) => number),
    texts.map((_, index) => first + index),
    `${what}: the numbers, without a gap`,
  )
}

export const appendCases = concern('appends', {
  'An appended key is stored as 16 digits, a slash and the key': async ({ store }) => {
    await store.commit([
      {
        append: [
          ['log', 'a'],
          ['log', 'b/c'],
          ['log', '/d'],
          ['log', '~'],
        ],
      },
    ])
    await logHolds(store, 'log', ['a', 'b/c', '/d', '~'], 'the log')
  },

  'Appended keys rise in commit order, whatever their text': async ({ store }) => {
    const texts = ['z', 'a', 'a', 'Z', '0', '~']
    for (const text of texts) await store.commit([{ append: [['log', text]] }])
    await store.commit([
      { append: [['log', 'x']] },
      {
        append: [
          ['log', 'b'],
          ['log', 'a'],
        ],
      },
    ])
    await logHolds(store, 'log', [...texts, 'x', 'b', 'a'], 'the log')
  },

  'All lanes of a store share one series of numbers': async ({ store }) => {
    await store.commit([
      {
        append: [
          ['log', '1'],
          ['other', '2'],
        ],
      },
      { append: [['log', '3']] },
    ])
    await store.commit([{ append: [['other', '4']] }])
    const log = await entriesOf(store, 'log')
    const other = await entriesOf(store, 'other')
    equal(
      [log, other].map((lane) => lane.map(({ text }) => text)),
      [
        ['1', '3'],
        ['2', '4'],
      ],
      'the texts',
    )
    const first = log[0]!.number
    const numbers = [...log, ...other].map(({ number }) => number - first)
    equal(numbers, [0, 2, 1, 3], 'the numbers, from the first')
  },

  'Only appends that applied are numbered': async ({ store }) => {
    await store.commit([
      { append: [['log', 'a']] },
      { remove: [['l', 'missing']], append: [['log', 'refused']] },
      { after: 1, append: [['log', 'refused-too']] },
      { append: [['log', 'b']] },
    ])
    await store.commit([{ expect: { equal: [['r', 'x']] }, append: [['log', 'refused']] }])
    await store.commit([{ append: [['log', 'c']] }])
    await logHolds(store, 'log', ['a', 'b', 'c'], 'the log')
  },

  'Numbers go on after the log was trimmed': async ({ store }) => {
    await store.commit([
      {
        append: [
          ['log', 'a'],
          ['log', 'b'],
        ],
      },
    ])
    const before = await entriesOf(store, 'log')
    await store.commit([{ move: { from: { lane: 'log', limit: 9 }, to: [] } }])
    await store.commit([{ append: [['log', 'c']] }])
    const after = await entriesOf(store, 'log')
    equal(after, [{ number: before[0]!.number + 2, text: 'c' }], 'the log')
  },

  'Numbers go on where they ended when the store is opened again': async ({ store, reopen }) => {
    await store.commit([
      {
        append: [
          ['log', 'a'],
          ['log', 'b'],
        ],
      },
    ])
    const reopened = await reopen()
    await reopened.commit([{ append: [['log', 'c']] }])
    await logHolds(await reopen(), 'log', ['a', 'b', 'c'], 'the log')
  },

  'Numbers go on after reopening although every entry was trimmed': async ({ store, reopen }) => {
    await store.commit([
      {
        append: [
          ['log', 'a'],
          ['log', 'b'],
        ],
      },
    ])
    const before = await entriesOf(store, 'log')
    await store.commit([{ move: { from: { lane: 'log', limit: 9 }, to: [] } }])
    const reopened = await reopen()
    await reopened.commit([{ append: [['log', 'c']] }])
    const after = await entriesOf(reopened, 'log')
    equal(after, [{ number: before[0]!.number + 2, text: 'c' }], 'the log')
  },

  'An appended key is seen by the later changes of its call': async ({ store }) => {
    const [, moved] = await store.commit([
      {
        append: [
          ['log', 'a'],
          ['log', 'b'],
        ],
      },
      { move: { from: { lane: 'log', limit: 1 }, to: [{ lane: 'm', drop: 1 }] } },
    ])
    equal(moved !== false && moved!.map(({ key }) => key.slice(17)), ['a'], 'the key moved')
    await lanesHold(store, { m: ['a'] }, 'the place')
    equal(await store.count([{ lane: 'log' }]), [1], 'the log')
  },

  'A lane may hold keys that were appended and keys that were added': async ({ store }) => {
    await fill(store, 'log', ['!', 'x'])
    await store.commit([{ append: [['log', 'a']] }])
    const keys = await keysOf(store, 'log')
    equal([keys[0], keys[1]?.slice(16), keys[2]], ['!', '/a', 'x'], 'the lane')
  },

  'Appends of many calls at once get numbers of their own, without a gap': async ({ store }) => {
    await Promise.all(
      Array.from({ length: 60 }, (_, index) =>
        store.commit([
          {
            append: [
              ['log', `${index}-a`],
              ['log', `${index}-b`],
            ],
          },
        ]),
      ),
    )
    const entries = await entriesOf(store, 'log')
    const first = entries[0]!.number
    equal(
      entries.map(({ number }) => number - first),
      Array.from({ length: 120 }, (_, i) => i),
      'the numbers',
    )
    const apart = entries.filter(
      ({ text }, index) => text.endsWith('a') && !entries[index + 1]?.text.endsWith('b'),
    )
    equal(apart, [], 'entries of one call with another call between them')
  },

  'A call is applied once: as many appends as calls answered': async ({ store, reopen }) => {
    for (let call = 0; call < 50; call++) await store.commit([{ append: [['log', `call-${call}`]] }])
    const texts = Array.from({ length: 50 }, (_, call) => `call-${call}`)
    await logHolds(store, 'log', texts, 'the log')
    await logHolds(await reopen(), 'log', texts, 'the log after reopening')
  },
})
