/** A worker never has more jobs on lease than it can run, also where two of its cycles and the visits of groups interleave. */
import { expect, test } from 'vitest'
import { Queue, Worker } from 'holdfast'
import { MemoryContent, memoryStore } from 'holdfast/memory'
import { type Change, type Store } from '../../src/store.ts'

const CONCURRENCY = 64
const JOBS = 1500
const BULK = 100
/** One in fifteen shows where slots are nobody's between an answer and the start of its jobs. */
const SEEDS = Array.from({ length: 30 }, (_, at) => at)

/** A store whose commits take some turns of the microtask queue; `look` is called after each. */
function dawdling(inner: Store, turns: () => Promise<void>, look: () => void): Store {
  const commit = async (changes: readonly Change[]) => {
    await turns()
    const results = await inner.commit(changes)
    look()
    await turns()
    return results
  }
  return new Proxy(inner, {
    get(target, name) {
      if (name === 'commit') return commit
      const value = target[name as keyof Store] as unknown
      return typeof value === 'function' ? (value as () => unknown).bind(target) : value
    },
  })
}

test.each(SEEDS)('with 64 slots and many groups (seed %i)', async (seed) => {
  let state = seed
  const turns = async (most: number): Promise<void> => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    for (let left = Math.floor((state / 2 ** 32) * most); left > 0; left--) await Promise.resolve()
  }
  const content = new MemoryContent()
  const inner = memoryStore({ content })
  let [ended, most] = [0, 0]
  const sizeOf = (lane: string): number => content.lanes.get(lane)?.size ?? 0
  // Of what was granted, what has not ended.
  const look = (): void => {
    most = Math.max(most, JOBS - sizeOf('ready:q') - sizeOf('grouped:q') - ended)
  }
  const store = dawdling(inner, () => turns(6), look)
  const queue = new Queue('q', { store: inner })
  for (let first = 0; first < JOBS; first += BULK)
    await queue.addBulk(
      Array.from({ length: BULK }, (_, at) => ({
        name: 'n',
        data: first + at,
        opts: at % 10 === 0 ? {} : { group: { id: `g${(first + at) % 40}` } },
      })),
    )
  const work = async (): Promise<void> => {
    await turns(400)
    ended++
  }
  const worker = new Worker('q', work, { store, concurrency: CONCURRENCY })
  let done = 0
  await new Promise<void>((resolve) => worker.on('completed', () => ++done === JOBS && resolve()))
  expect(most).toBeLessThanOrEqual(CONCURRENCY)
  await worker.close()
  await inner.close()
})
