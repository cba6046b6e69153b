/** How long work holds up everything else: a turn of the event loop has its time, and then it is another one's. */
import { expect, test } from 'vitest'
import { Queue, Worker } from 'holdfast'
import { MemoryContent, memoryStore } from 'holdfast/memory'
import { virtualHost } from 'holdfast/testing'
import { TURN_MS } from '../../src/core/bounds.ts'
import { type Host, nextTurn } from '../../src/host.ts'
import { paceOf } from '../../src/pace.ts'

/** A host for whom time passes only as it is told to, also in the midst of a turn. */
function host() {
  const virtual = virtualHost()
  let ms = 0
  const slow: Host = { ...virtual, monotonic: () => ms }
  return Object.assign(slow, {
    work: (took: number) => {
      ms += took
    },
  })
}

/** For whom each look at the clock takes a millisecond. */
function slowHost(): Host {
  let ms = 0
  return { ...virtualHost(), monotonic: () => ms++ }
}

/** How many turns of the event loop go by until all is done. */
async function turnsOf(work: readonly Promise<unknown>[]): Promise<number> {
  const done = Promise.all(work).then(() => false)
  let turns = 0
  while (await Promise.race([done, nextTurn().then(() => true)])) turns++
  return turns
}

test('nothing waits while its turn has time, and the next turn has as much', async () => {
  const clock = host()
  const pace = paceOf(clock)
  for (let turn = 0; turn < 3; turn++) {
    for (let worked = 0; worked < TURN_MS; worked++) {
      expect(pace.turnWithTime()).toBeUndefined()
      clock.work(1)
    }
    expect(pace.turnWithTime()).toBeInstanceOf(Promise)
    await nextTurn()
    await nextTurn()
  }
})

test('those who wait are let in in the order in which they came, in each turn as many as it has time for', async () => {
  const clock = host()
  const pace = paceOf(clock)
  const done: string[] = []
  const work = async (name: string): Promise<void> => {
    const full = pace.turnWithTime()
    if (full !== undefined) await full
    clock.work(TURN_MS / 2)
    done.push(name)
  }
  const all = [work('a')]
  // Comes when this turn is over, and before those who wait for that.
  all.push(nextTurn().then(() => work('late')))
  for (const name of ['b', 'c', 'd', 'e']) all.push(work(name))
  expect(done).toEqual(['a', 'b'])
  await nextTurn()
  expect(done).toEqual(['a', 'b', 'c', 'd'])
  await Promise.all(all)
  expect(done).toEqual(['a', 'b', 'c', 'd', 'e', 'late'])
})

test('jobs that are added at once have their order and what they were given, however many turns they take', async () => {
  const store = memoryStore({ host: slowHost() })
  const queue = new Queue('q', { store })
  await queue.add('first', -1)
  const data = { n: 0 }
  const adding = Array.from({ length: 100 }, () => {
    data.n++
    return queue.add('n', data)
  })
  expect(await turnsOf(adding)).toBeGreaterThan(5)
  const [, ...jobs] = await queue.getWaiting()
  expect(jobs.map((job) => job.data.n)).toEqual(Array.from({ length: 100 }, (_, at) => at + 1))
})

test('bulks that are added at once share a turn, and their arrays may be used for something else', async () => {
  const store = memoryStore({ host: slowHost() })
  const queue = new Queue('q', { store })
  await queue.add('first', -1)
  const bulk = Array.from({ length: 50 }, (_, n) => ({ name: 'n', data: n }))
  const adding = [1, 2, 3].map(() => queue.addBulk(bulk))
  bulk.length = 0
  expect(await turnsOf(adding)).toBeGreaterThan(20)
  expect(await queue.count()).toBe(151)
})

test('a worker in memory whose handlers wait for nothing is not the only one that works', async () => {
  const store = memoryStore({ host: slowHost() })
  const queue = new Queue('q', { store })
  await queue.addBulk(Array.from({ length: 200 }, (_, n) => ({ name: 'n', data: n })))
  let left = 200
  const worker = new Worker('q', async () => undefined, { store })
  const drained = new Promise<void>((resolve) => {
    worker.on('completed', () => {
      if (--left === 0) resolve()
    })
  })
  expect(await turnsOf([drained])).toBeGreaterThan(20)
  await worker.close()
})

test('a commit of the memory store that waits for its turn is applied before the store is closed', async () => {
  let time = 0
  const host = Object.assign(virtualHost(), { monotonic: () => time })
  const content = new MemoryContent()
  const store = memoryStore({ host, content })
  const commits = [store.commit([{ add: [['l', 'first']] }])]
  time = 1000
  commits.push(store.commit([{ add: [['l', 'second']] }]))
  await store.close()
  expect(content.lanes.get('l')?.size).toBe(2)
  expect(await Promise.all(commits)).toEqual([[[]], [[]]])
})
