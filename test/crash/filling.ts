/** A program whose disk fills up under it, and has room again after a while. */
import { randomBytes } from 'node:crypto'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { HoldfastError, Queue, Worker } from 'holdfast'
import { levelStore } from 'holdfast/level'
import { orders, say } from './orders.ts'

export interface FillingOrders {
  /** An empty directory on a small disk. */
  readonly directory: string
  /** What else lies on the disk, and is deleted later. */
  readonly ballastBytes: number
  readonly jobBytes: number
}

const REFUSALS = 5
const JOBS_AFTER = 20
const WORKER_FULL_MS = 1500

const { directory, ballastBytes, jobBytes } = orders() as FillingOrders
const ballast = join(directory, 'ballast')
const path = join(directory, 'data')
writeFileSync(ballast, randomBytes(ballastBytes))
const acknowledged: string[] = []
let number = 0

let store = levelStore(path)
let queue = newQueue()
await fill()
const worker = new Worker('filling', () => {}, { store, concurrency: 10 })
let errors = 0
worker.on('error', () => errors++)
await sleep(WORKER_FULL_MS)
say('ERRORS', errors)

rmSync(ballast)
await untilAdded()
for (let job = 0; job < JOBS_AFTER; job++) await add()
say('AGAIN', acknowledged.length)
await untilEmpty()
await worker.close()
await store.close()

store = levelStore(path)
queue = newQueue()
const missing = []
for (const id of acknowledged) if ((await queue.getJobState(id)) !== 'completed') missing.push(id)
const { completed } = await queue.getJobCounts()
const { problems } = await queue.verify()
say('REOPENED', completed - acknowledged.length, missing.length, problems.length, ...problems)
await store.close()

function newQueue(): Queue {
  return new Queue('filling', { store, defaultJobOptions: { removeOnComplete: false } })
}

async function add(): Promise<void> {
  const id = String(number++)
  await queue.add('one', randomBytes((jobBytes * 3) / 4).toString('base64'), { jobId: id })
  acknowledged.push(id)
}

/** Adds until the disk is full, then some more: each is refused, and certainly was not added. */
async function fill(): Promise<void> {
  for (let refusals = 0; refusals < REFUSALS; ) {
    try {
      await add()
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error
      say('REFUSED', error.code, error.outcome, acknowledged.length, error.message)
      refusals++
    }
  }
}

async function untilAdded(): Promise<void> {
  for (;;) {
    try {
      return await add()
    } catch (error) {
      say('STILL', String(error))
      await sleep(100)
    }
  }
}

async function untilEmpty(): Promise<void> {
  for (;;) {
    const { waiting, delayed, active } = await queue.getJobCounts()
    if (waiting + delayed + active === 0) return
    await sleep(50)
  }
}
