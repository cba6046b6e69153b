/** The LevelDB store on databases that were handed to it: any of abstract-level, with and without synchronous reads. */
import { AbstractLevel } from 'abstract-level'
import { assert, asyncProperty } from 'fast-check'
import { Level } from 'level'
import { expect, test } from 'vitest'
import { type LevelDatabase, levelStore } from '../../adapters/level.ts'
import { LevelStore } from '../../adapters/level/store.ts'
import { play, Tally } from '../conformance/differential.ts'
import { cases } from '../conformance/index.ts'
import { scripts } from '../conformance/random-units.ts'
import { add, all, faulty, move, paths } from './level-stage.ts'

const path = paths()

/** LevelDB as a database that cannot sync, as far as anyone can see: its class is another one. */
class OtherLevel extends AbstractLevel<string> {}

test('a database handed in stays open, and states what it can', async () => {
  const db = new Level(path())
  const store = levelStore(db)
  expect(store.durability).toBe('disk')
  await store.commit([add('a')])
  await store.close()
  expect(db.status).toBe('open')
  const again = levelStore(db, { durability: 'process' })
  expect(again.durability).toBe('process')
  expect(await all(again)).toEqual(['1/a'])
  expect(again.epoch).toBe('2')
  await again.close()
  await db.close()
})

test('what is not classic-level promises no disk', async () => {
  const { db } = faulty(path())
  const unsynced = new Proxy(db, { getPrototypeOf: () => OtherLevel.prototype })
  const refused = levelStore(unsynced, { durability: 'disk' })
  await expect(refused.ready()).rejects.toMatchObject({ code: 'DURABILITY_UNAVAILABLE', outcome: 'failed' })
  await expect(refused.commit([])).rejects.toMatchObject({ code: 'DURABILITY_UNAVAILABLE' })
  const store = levelStore(unsynced)
  expect(store.durability).toBe('process')
  await store.commit([add('a')])
  await store.close()
  await db.close()
})

test.each([
  ['synced', undefined, true],
  ['synced', 'disk', true],
  ['unsynced', 'process', false],
] as const)('every write is %s with durability %s', async (_, durability, sync) => {
  const level = new Level(path())
  const options: unknown[] = []
  const db = new Proxy(level, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name)
      if (name !== 'batch') return typeof value === 'function' ? value.bind(target) : value
      return () => {
        const batch = target.batch()
        const write = batch.write.bind(batch)
        return Object.assign(batch, { write: (given: object) => (options.push(given), write(given)) })
      }
    },
  })
  const store = levelStore(db, { durability })
  await store.commit([add('a')])
  await store.commit([{ append: [['log', 'x']] }])
  expect(options).toEqual([{ sync }, { sync }, { sync }])
  await store.close()
  await level.close()
})

test('nothing is written with an empty value, of which classic-level never frees its copy', async () => {
  const db = new Level(path())
  const store = levelStore(db)
  await store.commit([add('a'), add('b'), { append: [['log', 'x']] }])
  await store.commit([move('ready', 'lease', 1)])
  const written = await db.iterator().all()
  expect(written.map(([key]) => key)).toContain('k lease 1/a')
  expect(written.filter(([, value]) => value === '')).toEqual([])
  await store.close()
  await db.close()
})

test('a sublevel, or a database of other encodings, is refused', async () => {
  const db = new Level(path())
  const refused = expect.objectContaining({ code: 'OPTION_INVALID' })
  expect(() => levelStore(db.sublevel('jobs'))).toThrowError(refused)
  const json = new Level<string, unknown>(path(), { valueEncoding: 'json' })
  expect(() => levelStore(json as never)).toThrowError(refused)
  await db.close()
  await json.close()
})

const withoutGetSync = (place: string): LevelDatabase => faulty(place, { getSync: false }).db

test('without synchronous reads it does what the evaluator does', async () => {
  const residency = { laneKeys: 4, allKeys: 10, refillKeys: 1 }
  const property = asyncProperty(scripts(30), async (steps) => {
    const db = withoutGetSync(path())
    await play({ steps }, async () => new LevelStore(db, {}, residency), new Tally())
    await db.close()
  })
  await assert(property, { numRuns: 12 })
})

for (const { name, run } of cases) {
  test(`without synchronous reads: ${name}`, async () => {
    const databases = new Map<string, LevelDatabase>()
    await run(async (place) => {
      const db = databases.get(place) ?? withoutGetSync(path())
      databases.set(place, db)
      return levelStore(db, { durability: 'process' })
    })
    for (const db of databases.values()) await db.close()
  })
}
