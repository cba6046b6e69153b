/**
 * One of several processes that share a queue: adds its part of the jobs, works on whoever's, and says what it ran, from when to
 * when. Its wall clock can be set wrong before anything of the library is loaded.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { orders, say } from '../crash/orders.ts'

export interface MemberOrders {
  readonly port: number
  readonly namespace: string
  /** By how much the wall clock of this process is ahead (ms). */
  readonly aheadMs: number
  /** Jobs to add, numbered from and below. */
  readonly jobs: readonly [from: number, until: number]
  readonly concurrency: number
  readonly lockDuration: number
  /** How long a handler takes (ms). */
  readonly handlerMs: number
  /** One job in so many throws at its first attempt, so that it is run again, by whoever takes it. */
  readonly flakyEvery: number
}

const { port, namespace, aheadMs, jobs, concurrency, lockDuration, handlerMs, flakyEvery } =
  orders() as MemberOrders
const wall = Date.now
Date.now = () => wall() + aheadMs

const { Queue, Worker } = await import('../../src/index.ts')
const { openStore } = await import('./stage.ts')

/** One clock for all processes of a machine. */
const microseconds = (): number => Number(process.hrtime.bigint() / 1000n)

const { store } = openStore(port, namespace)
const queue = new Queue('crowd', { store })
await store.ready()
const worker = new Worker(
  'crowd',
  async ({ data }, { fence, attempt }) => {
    const n = Number(data)
    const began = microseconds()
    if (handlerMs > 0) await sleep(handlerMs)
    const throws = attempt === 1 && n % flakyEvery === 0
    say('RAN', n, fence, began, microseconds(), throws ? 'threw' : 'returned')
    if (throws) throw new Error('as planned')
  },
  { store, concurrency, lockDuration },
)
worker.on('error', (error) => say('ERROR', error.message))
say('READY')

const BULK = 200
for (let [from, until] = jobs; from < until; from += BULK) {
  const numbers = Array.from({ length: Math.min(BULK, until - from) }, (_, n) => from + n)
  await queue.addBulk(
    numbers.map((n) => ({ name: 'one', data: n, opts: { attempts: 2, removeOnComplete: false } })),
  )
}
say('ADDED')
