/** A program that closes everything in one of the states a program can be in, and then has nothing more to do. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Queue, Worker } from 'holdfast'
import { levelStore } from 'holdfast/level'
import { orders, say } from './orders.ts'

export interface ClosingOrders {
  readonly path: string
  readonly way: 'drained' | 'idle' | 'delayed' | 'retrying' | 'busy' | 'unopened' | 'paused'
}

const DAY_MS = 24 * 3_600_000

const { path, way } = orders() as ClosingOrders
const store = levelStore(path)
const queue = new Queue('closing', { store, defaultJobOptions: { attempts: 2, backoff: DAY_MS } })
const handler = async (): Promise<void> => {
  say('RUN')
  if (way === 'retrying') throw new Error('not now')
  // What a handler leaves behind of its own is not the library's: it has no reference here.
  if (way === 'busy') await sleep(60_000, undefined, { ref: false })
}

const worker = new Worker('closing', handler, { store, concurrency: 3 })
if (way === 'paused') await worker.pause()
if (way !== 'unopened' && way !== 'idle') {
  await queue.add('one', 1, way === 'delayed' ? { delay: 60 * DAY_MS } : {})
  await sleep(100)
}
await worker.close({ timeout: 0 })
await queue.close()
await store.close()
say('CLOSED')
