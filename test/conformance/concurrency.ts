/** Conformance: units issued at once are isolated from each other; nothing is lost, doubled or half seen. */
import type { Store } from '../../src/store.ts'
import { check, equal } from './assert.ts'
import { concern, fill, keysOf, put, risingKeys } from './stage.ts'

/** Attempts after which a caller gives up: among ten callers, one gets through at each attempt of the others. */
const ATTEMPTS = 2_000

/** Raises a record by one through compare and set; as often as it takes. */
async function increment(store: Store, id: string): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const [value] = await store.read([id])
    const next = [[id, String(Number(value) + 1)]] as const
    const [result] = await store.commit([{ expect: { equal: [[id, value!]] }, set: next }])
    if (result !== false) return
  }
  throw new Error(
    `a compare and set of ${id} was refused ${ATTEMPTS} times, although its value was just read`,
  )
}

const times = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index))

export const concurrencyCases = concern('concurrency', {
  'Two hundred increments by compare and set are all counted': async ({ store }) => {
    await put(store, { counter: '0' })
    const workers = times(10, async () => {
      for (let round = 0; round < 20; round++) await increment(store, 'counter')
    })
    await Promise.all(workers)
    equal(await store.read(['counter']), ['200'], 'the counter')
  },

  'Of many callers who expect the same, one is let through': async ({ store }) => {
    await fill(store, 'l', ['ticket'])
    const results = await Promise.all(
      times(60, (index) => {
        if (index % 3 === 0)
          return store.commit([{ expect: { absent: ['lock'] }, set: [['lock', `${index}`]] }])
        if (index % 3 === 1) return store.commit([{ remove: [['l', 'ticket']] }])
        return store.commit([{ expect: { size: [[{ lane: 'm' }, 0, 0]] }, add: [['m', `${index}`]] }])
      }),
    )
    for (const kind of [0, 1, 2]) {
      const through = results.filter(([result], index) => index % 3 === kind && result !== false)
      equal(through.length, 1, `callers let through by ${['absent', 'remove', 'size'][kind]}`)
    }
  },

  'Three hundred keys added at once are all there': async ({ store, reopen }) => {
    const keys = risingKeys(300)
    await Promise.all(
      keys.map((key) =>
        store.commit([
          {
            add: [
              ['l', key],
              ['m', `x/${key}`],
            ],
            set: [[key, key]],
          },
        ]),
      ),
    )
    const reopened = await reopen()
    equal(await keysOf(reopened, 'l'), keys, 'the lane l')
    equal(await reopened.count([{ lane: 'l' }, { lane: 'm' }]), [300, 300], 'the counts')
    equal(await reopened.read(keys), keys, 'the records')
  },

  'Keys are neither lost nor doubled by moves in all directions at once': async ({ store }) => {
    const lanes = ['a', 'b', 'c', 'd']
    const keys = risingKeys(120)
    for (const [index, lane] of lanes.entries())
      await fill(store, lane, keys.slice(index * 30, index * 30 + 30))
    await Promise.all(
      times(150, (index) => {
        const source = lanes[index % 4]!
        const target = lanes[(index * 7 + 1 + Math.floor(index / 4)) % 4]!
        const limit = 1 + (index % 5)
        return store.commit([{ move: { from: { lane: source, limit }, to: [{ lane: target }] } }])
      }),
    )
    const held = await Promise.all(lanes.map((lane) => keysOf(store, lane)))
    equal(held.flat().toSorted(), keys, 'the keys of all lanes')
    equal(
      await store.count(lanes.map((lane) => ({ lane }))),
      held.map((lane) => lane.length),
      'the counts',
    )
  },

  'Keys added and taken at once: each is taken once or still there': async ({ store }) => {
    const keys = risingKeys(150)
    const taken: string[] = []
    await Promise.all(
      keys.flatMap((key, index) => [
        store.commit([{ add: [['l', key]], set: [[key, `record of ${key}`]] }]),
        (async () => {
          const [result] = await store.commit([
            { move: { from: { lane: 'l', limit: 1 + (index % 3) }, to: [] } },
          ])
          if (result === false) return
          for (const moved of result!) {
            equal(moved.record, `record of ${moved.key}`, `the record that came with ${moved.key}`)
            taken.push(moved.key)
          }
        })(),
      ]),
    )
    const left = await keysOf(store, 'l')
    equal([...taken, ...left].toSorted(), keys, 'the keys taken and left')
  },

  'A unit is seen whole or not at all': async ({ store }) => {
    await put(store, { a: '0', b: '0' })
    await fill(store, 'l', ['0'])
    const calls: Promise<unknown>[] = []
    for (let round = 1; round <= 40; round++) {
      const value = String(round)
      calls.push(
        store.commit([
          { set: [['a', value]] },
          { move: { from: { lane: 'l', limit: 9 }, to: [] } },
          { set: [['b', value]], add: [['l', value]] },
        ]),
        store.commit([{ expect: { equal: [['a', value]], size: [[{ lane: 'l' }, 1, 1]] } }]),
        store.read(['a', 'b']).then(([a, b]) => equal(a, b, 'two records that are always set together')),
      )
    }
    await Promise.all(calls)
    const [[a, b], [key]] = await Promise.all([store.read(['a', 'b']), keysOf(store, 'l')])
    check(a === b && b === key, `the last unit is torn: a ${a}, b ${b}, key ${key}`)
  },

  'Long and short units at once keep their results apart': async ({ store }) => {
    const results = await Promise.all(
      times(60, (index) =>
        store.commit([
          ...times(index % 7, (n) => ({ set: [[`r${index}-${n}`, '1']] as const })),
          { remove: [['l', `missing-${index}`]] },
          { after: index % 7, add: [['l', `never-${index}`]] },
          ...(index % 7 > 0 ? [{ after: 0, add: [['l', `${index}`]] as const }] : []),
        ]),
      ),
    )
    const expected = times(60, (index) => [
      ...times(index % 7, () => []),
      false,
      false,
      ...(index % 7 > 0 ? [[]] : []),
    ])
    equal(results, expected, 'the results')
    equal(await store.count([{ lane: 'l' }]), [expected.filter((_, i) => i % 7 > 0).length], 'the keys added')
  },

  'A call sees every call that was answered before it': async ({ store }) => {
    for (let round = 0; round < 30; round++) {
      await store.commit([{ set: [['r', `${round}`]], add: [['l', `${round}`]] }])
      const [read, pages, counts] = await Promise.all([
        store.read(['r']),
        store.scan([{ lane: 'l', from: `${round}`, until: `${round}!`, limit: 1 }]),
        store.count([{ lane: 'l' }]),
      ])
      equal(
        [read, pages, counts],
        [[`${round}`], [[`${round}`]], [round + 1]],
        `what is seen in round ${round}`,
      )
    }
  },
})
