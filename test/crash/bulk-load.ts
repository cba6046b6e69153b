/** The program that is killed: adds bulks of thousands of jobs one after the other, and looks at the queue meanwhile. */
import { Queue, type Store } from 'holdfast'
import { levelStore } from 'holdfast/level'
import { eagerDatabase } from './eager-database.ts'
import { orders, say } from './orders.ts'
import { chance } from './plan.ts'
import { tearingStore } from './tearing-store.ts'

export interface BulkOrders {
  readonly path: string
  /** `tearing` applies a unit in two halves, `eager` acknowledges before it writes: stores that must be convicted. */
  readonly store: 'level' | 'tearing' | 'eager'
  /** Whether it looks at the queue while it adds; without, only kills can tell what is wrong. */
  readonly looks: boolean
  readonly seed: number
  /** The number of the first bulk. */
  readonly first: number
  /** Least and most jobs of a bulk. */
  readonly jobs: readonly [least: number, most: number]
}

/** How many jobs a bulk has. */
export const sizeOfBulk = ({ seed, jobs: [least, most] }: BulkOrders, bulk: number): number =>
  least + Math.floor(chance(seed, 'bulk', bulk) * (most - least + 1))

/** One in so many jobs is delayed for longer than any campaign lasts. */
const DELAYED_EVERY = 10

if (import.meta.filename === process.argv[1]) await load(orders() as BulkOrders)

function storeOf({ store, path }: BulkOrders): Store {
  if (store === 'tearing') return tearingStore(levelStore(path))
  return levelStore(store === 'eager' ? eagerDatabase(path) : path)
}

async function load(given: BulkOrders): Promise<void> {
  const queue = new Queue('bulks', { store: storeOf(given) })
  await queue.count()
  say('OPEN')
  for (let bulk = given.first; ; bulk++) {
    const jobs = Array.from({ length: sizeOfBulk(given, bulk) }, (_, at) => ({
      name: 'load',
      data: `${bulk}.${at}`,
      opts: { jobId: `${bulk}.${at}`, delay: at % DELAYED_EVERY === 0 ? 3_600_000 : 0 },
    }))
    say('TRY', bulk)
    const add = { underWay: true }
    const adding = queue.addBulk(jobs).finally(() => (add.underWay = false))
    // No look is under way when the answer is said: what it saw would be of before.
    while (given.looks && add.underWay) say('SEEN', await queue.count())
    await adding
    say('ACK', bulk)
  }
}
