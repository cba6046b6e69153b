/** The program that is killed: adds bulks of thousands of jobs one after the other, and looks at the queue meanwhile. */
import { Queue } from 'holdfast'
import { levelStore } from 'holdfast/level'
import { orders, say } from './orders.ts'
import { chance } from './plan.ts'

export interface BulkOrders {
  readonly path: string
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

async function load(given: BulkOrders): Promise<void> {
  const queue = new Queue('bulks', { store: levelStore(given.path) })
  await queue.count()
  say('OPEN')
  for (let bulk = given.first; ; bulk++) {
    const jobs = Array.from({ length: sizeOfBulk(given, bulk) }, (_, at) => ({
      name: 'load',
      data: `${bulk}.${at}`,
      opts: { jobId: `${bulk}.${at}`, delay: at % DELAYED_EVERY === 0 ? 3_600_000 : 0 },
    }))
    say('TRY', bulk)
    const adding = queue.addBulk(jobs).then(() => true)
    while (!(await Promise.race([adding, seen(queue)])));
    say('ACK', bulk)
  }
}

/** Looks, and says what it saw: never a part of a bulk. */
async function seen(queue: Queue): Promise<false> {
  say('SEEN', await queue.count())
  return false
}
