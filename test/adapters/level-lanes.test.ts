/** What the LevelDB store keeps of its lanes and what it asks the database for: iterators, tombstones, batches. */
import { afterEach, expect, test } from 'vitest'
import { LevelStore } from '../../adapters/level/store.ts'
import { levelStore } from '../../adapters/level.ts'
import type { Change, Key, Store } from '../../src/store.ts'
import { add, all, faulty, paths } from './level-stage.ts'

const path = paths()
const opened: Store[] = []
afterEach(async () => {
  for (const store of opened.splice(0)) await store.close()
})

/** A store on a database that counts, and keeps few keys at hand. */
function counting(residency = { laneKeys: 64, allKeys: 1_000, refillKeys: 16 }, place = path()) {
  const { db, faults } = faulty(place)
  const store = new LevelStore(db, { durability: 'process' }, residency)
  opened.push(store)
  return { store, faults }
}

const key = (index: number): string => `${String(index).padStart(6, '0')}/job-${index}`
const keys = (from: number, count: number, lane = 'ready'): Key[] =>
  Array.from({ length: count }, (_, index): Key => [lane, key(from + index)])
const claim = (limit: number): readonly Change[] => [
  { move: { from: { lane: 'ready', limit }, to: [{ lane: 'lease', mark: 'c' }] } },
]

async function fill(store: Store, count: number, lane = 'ready'): Promise<void> {
  for (let from = 0; from < count; from += 500) {
    await store.commit([{ add: keys(from, Math.min(500, count - from), lane) }])
  }
}

async function drain(store: Store, limit: number): Promise<string[]> {
  const taken: string[] = []
  for (;;) {
    const [moved] = await store.commit(claim(limit))
    if (moved === false || moved === undefined) return taken
    taken.push(...moved.map(({ key }) => key))
  }
}

test('a lane far larger than what is kept of it is moved in order, whole, once', async () => {
  const { store } = counting()
  await fill(store, 3_000)
  expect(await drain(store, 70)).toEqual(keys(0, 3_000).map(([, key]) => key))
  expect(await store.count([{ lane: 'ready' }, { lane: 'lease' }])).toEqual([0, 3_000])
})

test('a move of more keys than LevelDB reads ahead takes them all', async () => {
  const place = path()
  const store = levelStore(place, { durability: 'process' })
  const long = Array.from(
    { length: 400 },
    (_, index): Key => ['ready', `${String(index).padStart(1_000, '0')}/x`],
  )
  for (let at = 0; at < 400; at += 100) await store.commit([{ add: long.slice(at, at + 100) }])
  await store.close()
  const again = levelStore(place, { durability: 'process' })
  opened.push(again)
  const moved = await again.commit([
    { move: { from: { lane: 'ready', limit: 400 }, to: [{ lane: 'lease' }] } },
  ])
  expect(moved[0]).toHaveLength(400)
})

test('a small lane is read once and then no more', async () => {
  const place = path()
  const first = levelStore(place, { durability: 'process' })
  await fill(first, 10)
  await first.close()
  const { store, faults } = counting(undefined, place)
  await store.ready()
  const before = faults.iterators
  for (let index = 0; index < 5; index++) await store.commit(claim(1))
  await store.scan([{ lane: 'ready', limit: 3 }])
  expect(faults.iterators - before).toBe(1)
})

test('what was consumed is not walked over again', async () => {
  const { store, faults } = counting()
  await fill(store, 2_000)
  await drain(store, 100)
  await store.commit([{ add: [['ready', key(5_000)]] }])
  faults.keysRead = 0
  faults.iterators = 0
  await store.commit(claim(1))
  expect(faults).toMatchObject({ iterators: 0, keysRead: 0 })
})

test('a key added below all that is kept is the next to go', async () => {
  const { store } = counting()
  await fill(store, 500)
  const early = '000000/early'
  const [, taken] = await store.commit([{ add: [['ready', early]] }, ...claim(2)])
  expect(taken).toEqual([early, key(0)].map((key) => ({ key, record: undefined })))
})

test('spans in the middle of a large lane see what the group did before', async () => {
  const { store } = counting()
  await fill(store, 1_000)
  const from = key(500)
  const span = { lane: 'ready', from, until: key(510) }
  const taken = { move: { from: { ...span, limit: 4 }, to: [] } }
  const results = await Promise.all([
    store.commit([{ expect: { size: [[span, 10, 10]] } }]),
    store.commit([taken, { expect: { size: [[span, 6, 6]] } }]),
    store.commit([taken, { add: [['ready', `${from}a`]] }, taken]),
    store.commit([{ expect: { size: [[span, 0, 0]] } }]),
  ])
  const lengths = results.map((ofCall) => ofCall.map((result) => (result === false ? -1 : result.length)))
  expect(lengths).toEqual([[0], [4, 0], [4, 0, 3], [0]])
  expect(await store.count([{ lane: 'ready' }, span])).toEqual([990, 0])
})

test('lanes not in use are forgotten and found again', async () => {
  const { store } = counting({ laneKeys: 64, allKeys: 100, refillKeys: 16 })
  for (let lane = 0; lane < 20; lane++) await fill(store, 30, `lane-${lane}`)
  const lanes = Array.from({ length: 20 }, (_, lane) => ({ lane: `lane-${lane}` }))
  expect(await store.count(lanes)).toEqual(lanes.map(() => 30))
  for (const { lane } of lanes) {
    const [moved] = await store.commit([{ move: { from: { lane, limit: 30 }, to: [] } }])
    expect(moved).toHaveLength(30)
  }
  expect(await store.count(lanes)).toEqual(lanes.map(() => 0))
})

test('all calls of a moment share one batch, and a group of refusals writes none', async () => {
  const { store, faults } = counting()
  await store.ready()
  const before = faults.batches
  await Promise.all(Array.from({ length: 400 }, (_, index) => store.commit([add(`job-${index}`)])))
  expect(faults.batches - before).toBe(1)
  const refused = await Promise.all(
    Array.from({ length: 100 }, (_, index) => store.commit([add(`job-${index}`)])),
  )
  expect(refused.flat()).toEqual(refused.map(() => false))
  expect(faults.batches - before).toBe(1)
})

test('nothing is seen before it is written', async () => {
  const { store, faults } = counting()
  await store.commit([add('a'), add('b')])
  const held: (() => void)[] = []
  faults.write = async (write) => {
    await new Promise<void>((resolve) => held.push(resolve))
    await write()
  }
  const writing = store.commit([add('c'), { delete: ['a'], remove: [['ready', '1/a']] }])
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(await all(store)).toEqual(['1/a', '1/b'])
  expect(await store.count([{ lane: 'ready' }, { lane: 'ready', from: '1/b' }])).toEqual([2, 1])
  expect(await store.read(['a', 'c'])).toEqual(['value of a', undefined])
  held[0]!()
  await writing
  expect(await all(store)).toEqual(['1/b', '1/c'])
})
