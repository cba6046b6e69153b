/** Who hears of what is added to a LevelDB store, and when: one who waits claims it in the very batch that adds it. */
import { expect, test } from 'vitest'
import { Queue, Worker } from 'holdfast'
import { levelStore } from '../../adapters/level.ts'
import { nextTurn } from '../../src/host.ts'
import { add, all, faulty, paths } from './level-stage.ts'

const path = paths()
const JOBS = 20

test('a worker of this process that has nothing to do claims a job in the batch that adds it', async () => {
  const { db, faults } = faulty(path())
  await db.open()
  const store = levelStore(db)
  const queue = new Queue('q', { store })
  await queue.add('job', {})
  const worker = new Worker('q', async () => undefined, { store })
  const heard = (event: 'completed' | 'drained') =>
    new Promise<void>((resolve) => worker.once(event, () => resolve()))
  await heard('drained')
  const before = faults.batches
  for (let job = 0; job < JOBS; job++) {
    await nextTurn()
    await Promise.all([heard('drained'), queue.add('job', {})])
  }
  // One to add and claim, one to settle. Now and then somebody else has something to write.
  expect(faults.batches - before).toBeGreaterThanOrEqual(2 * JOBS)
  expect(faults.batches - before).toBeLessThan(2.5 * JOBS)
  await worker.close()
  await store.close()
  await db.close()
})

test('whoever looks too early for what is added is woken again once it can be seen', async () => {
  const store = levelStore(path())
  const seen: (readonly string[])[] = []
  const unwatch = store.watch(['ready'], () => void all(store).then((keys) => seen.push(keys)))
  await store.commit([add('a')])
  await expect.poll(() => seen.at(-1)).toEqual(['1/a'])
  unwatch()
  await store.close()
})

test('what is added with others, or takes something away, is not foretold', async () => {
  const { db, faults } = faulty(path())
  await db.open()
  const store = levelStore(db)
  await store.commit([add('a'), add('b')])
  // How many batches there were at each wake.
  const wakes: number[] = []
  const unwatch = store.watch(['lease', 'ready'], () => void wakes.push(faults.batches))
  const before = faults.batches
  await store.commit([{ remove: [['ready', '1/a']], add: [['lease', '1/a']] }])
  await Promise.all([store.commit([add('0')]), store.commit([{ set: [['x', 'y']] }])])
  expect(wakes).toEqual([before + 1, before + 2])
  unwatch()
  await store.close()
  await db.close()
})

test('what is refused, or stands behind others, is not foretold', async () => {
  const store = levelStore(path())
  await store.commit([add('b')])
  let wakes = 0
  const unwatch = store.watch(['ready'], () => void wakes++)
  await store.commit([add('c')])
  await store.commit([{ ...add('b'), add: [['ready', '0/b']] }])
  expect(wakes).toBe(0)
  await store.commit([add('a')])
  expect(wakes).toBe(2)
  unwatch()
  await store.close()
})
