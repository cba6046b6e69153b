/** The differential property on the stores of this package, and that its scripts are worth playing. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Residency } from '../../adapters/level/lane.ts'
import { LevelStore } from '../../adapters/level/store.ts'
import { levelStore } from '../../adapters/level.ts'
import { MemoryContent, memoryStore } from '../../adapters/memory.ts'
import { redisStore } from '../../adapters/redis.ts'
import type { Change, Store } from '../../src/store.ts'
import { overStore } from '../faults/over-store.ts'
import { sharedUrl } from '../redis/server.ts'
import { play, Tally } from './differential.ts'
import { mutants, openMutant } from './mutants.ts'
import { largeLimits, scripts } from './random-units.ts'

const STEPS = 45
/** Scripts played on each store: together more than 2,000 units. */
const SCRIPTS = 32
/** Keys in one lane: more than a store is expected to keep at hand. */
const MANY_KEYS = 10_000
/** So few keys at hand that nearly every unit has to fetch some. */
const NEXT_TO_NOTHING: Residency = { laneKeys: 4, allKeys: 10, refillKeys: 1 }

let folder = ''
let directories = 0
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-differential-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** Opens a store that is empty at first and holds what it held at each later opening. */
type Reopen = () => Promise<Store>

function onMemory(): Reopen {
  const content = new MemoryContent()
  return async () => memoryStore({ content })
}

function onLevel(): Reopen {
  const path = join(folder, String(++directories))
  return async () => levelStore(path, { durability: 'process' })
}

function onForgetfulLevel(): Reopen {
  const path = join(folder, String(++directories))
  return async () => new LevelStore(path, { durability: 'process' }, NEXT_TO_NOTHING)
}

let client: Redis | undefined
afterAll(() => client?.disconnect())

/** With all calls of one kind, and lines that are open, so that they are sent in the order in which they are made. */
function onRedis(): Reopen {
  const namespace = `differential-${process.pid}-${++directories}`
  return async () => {
    client ??= new Redis(sharedUrl())
    const store = redisStore(client, { namespace, durability: 'memory' })
    await store.ready()
    await Promise.all([store.commit(takesAway(100)), store.commit(takesAway(300))])
    return overStore(store, {
      commit: async (changes) =>
        changes.some(isTaking)
          ? store.commit(changes)
          : (await store.commit([...changes, ...takesAway(1)])).slice(0, changes.length),
    })
  }
}

/** Makes a call one of those that do not only grow. */
const takesAway = (operations: number): readonly Change[] => [
  { delete: Array.from({ length: operations }, () => 'never') },
]
const isTaking = (change: Change): boolean =>
  change.move !== undefined || (change.remove ?? []).length > 0 || (change.delete ?? []).length > 0

/** Messages come in order: with one that was sent now, all are there that were sent before. */
async function messagesCame(store: Store): Promise<void> {
  await new Promise<void>((resolve) => {
    const lane = `all-came-${++directories}`
    const unwatch = store.watch([lane], () => {
      unwatch()
      resolve()
    })
    void store.commit([{ hint: [lane] }])
  })
}

const keys = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${String(index * 7).padStart(6, '0')}/job-${index}`)

const begin = {
  ready: keys(MANY_KEYS),
  due: keys(2_000),
  Due: keys(500),
  'due/a': keys(500),
  'due-': keys(500),
}

describe.each<[string, () => Reopen, ((store: Store) => Promise<void>)?]>([
  ['memory', onMemory],
  ['LevelDB', onLevel],
  ['LevelDB with next to no keys in memory', onForgetfulLevel],
  ['Redis', onRedis, messagesCame],
])('%s does what the evaluator does', (_, fresh, hintsCame) => {
  test('with two thousand random units', async () => {
    const tally = new Tally()
    const property = fc.asyncProperty(scripts(STEPS), (steps) => play({ steps }, fresh(), tally, hintsCame))
    await fc.assert(property, { numRuns: SCRIPTS })
    expectWorth(tally)
  })

  test(`with random units in a lane of ${MANY_KEYS} keys`, async () => {
    const tally = new Tally()
    const property = fc.asyncProperty(scripts(STEPS, largeLimits), (steps) =>
      play({ steps, begin }, fresh(), tally, hintsCame),
    )
    await fc.assert(property, { numRuns: 3 })
    expect(tally.keysMoved).toBeGreaterThan(2_000)
  })
})

/** A flaw in each of the things that the property compares. */
const FLAWS = [
  ['An empty string is a value', 'expects an absent record as empty'],
  ['A refusal is inherited along a chain of after', 'does not inherit it'],
  ['A missing key in remove fails the change, and none of its keys is removed', 'accepts a missing key'],
  ['Keys are removed before keys are added: a change may add what it removes', 'adds before it removes'],
  ['Several sizes must all hold', 'looks at the first size only'],
  ['Each key taken counts once per span, wherever it is placed', 'counts a key once per place'],
  ['The name is never dropped, however short the path', 'drops the name'],
  ['The record of a moved key shows the earlier changes of its call', 'gives the record as before the call'],
  ['Only appends that applied are numbered', 'numbers refused appends'],
  ['Numbers go on where they ended when the store is opened again', 'begins anew when opened'],
  ['A descending page begins at the highest key', 'turns the ascending page round'],
  ['Adding a key that is there rejects the call, without trace of its earlier changes', 'undoes lanes only'],
  ['A lane is read in byte order, whatever the order in which its keys came', 'orders without case'],
  ['A watcher is woken when a key below all others is added', 'wakes only when an empty lane fills'],
] as const

test.each(FLAWS)('a store is told from the evaluator that breaks: %s (%s)', async (caseName, flaw) => {
  const property = fc.asyncProperty(scripts(STEPS), (steps) => {
    const open = openMutant(mutants[caseName]![flaw]!)
    return play({ steps }, () => open('differential'), new Tally())
  })
  const { failed } = await fc.check(property, { numRuns: SCRIPTS, endOnFailure: true })
  expect(failed).toBe(true)
})

/** Floors that random scripts stay far above, and that a generator which has lost its point would not reach. */
function expectWorth(tally: Tally): void {
  expect(tally.units).toBeGreaterThan(2_000)
  expect(tally.unitsAtOnce).toBeGreaterThan(600)
  expect(tally.rejectedUnits).toBeGreaterThan(100)
  expect(tally.rejectedUnits / tally.units).toBeLessThan(0.4)
  expect(tally.applied / tally.changes).toBeGreaterThan(0.4)
  expect(tally.applied / tally.changes).toBeLessThan(0.8)
  expect(tally.moves).toBeGreaterThan(400)
  expect(tally.movesLimitedByRoom).toBeGreaterThan(60)
  expect(tally.movesToSeveralPlaces).toBeGreaterThan(60)
  expect(tally.refusedAfters).toBeGreaterThan(100)
  expect(tally.followedAfters).toBeGreaterThan(100)
  expect(tally.sizesJudged).toBeGreaterThan(400)
  expect(tally.appends).toBeGreaterThan(200)
  expect(tally.hintsDue).toBeGreaterThan(400)
  expect(tally.reopenings).toBeGreaterThan(10)
}
