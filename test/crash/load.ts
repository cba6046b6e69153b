/**
 * The program that is killed: adds jobs, works on them, and says all it does to the witness. Producer and worker are roles,
 * so that a store which several processes may share can have them in processes of their own.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { Queue, Worker } from 'holdfast'
import { levelStore } from 'holdfast/level'
import { redisStore } from 'holdfast/redis'
import { Redis } from 'ioredis'
import type { HoldfastError, JobState, Store } from '../../src/index.ts'
import { eagerDatabase } from './eager-database.ts'
import { orders, say } from './orders.ts'
import { type PlanShape, type PlannedJob, hashOf, throwsAt, unitOf } from './plan.ts'

export interface LoadOrders extends PlanShape {
  /** A directory, or the URL of a server. */
  readonly path: string
  /**
   * `eager` acknowledges before it writes: the store that the witness must convict. With `redis` it is the server that is
   * killed, and this program that survives.
   */
  readonly store: 'level' | 'eager' | 'redis'
  readonly roles: readonly ('producer' | 'worker')[]
  /** Numbers of the units to add: from the first to below the second. */
  readonly units: readonly [from: number, until: number]
  /** Adds under way at once. */
  readonly callers: number
  readonly concurrency: number
  /** Ends by itself once everything is drained, and says what is there. */
  readonly drain: boolean
}

type Jobs = { load: { data: string; result: string } }

/** Adds wait while more than this many jobs wait: what is killed must have been working, not only filling up. */
const BACKLOG_MOST = 200
const LIST_PAGE = 50

const load = orders() as LoadOrders
/** What is to be closed behind the store. */
const clients: Redis[] = []
const store = open(load)
const queue = new Queue<Jobs>('load', {
  store,
  defaultJobOptions: { removeOnComplete: false, removeOnFail: false },
})
/** Jobs added and not done yet, as this process sees it. */
const backlog = { jobs: 0 }
/** Aborted once nothing more is to be added. */
const enough = new AbortController()
process.once('SIGUSR2', () => enough.abort())

const audit = await queue.verify()
for (const problem of audit.problems) say('BROKEN', problem)
say('VERIFIED', audit.jobs)
const worker = load.roles.includes('worker') ? startWorker() : undefined
say('LOAD')
if (load.roles.includes('producer')) await produce()
if (load.drain) {
  await drained()
  await sayWhatIsThere()
  await worker?.close()
  await queue.close()
  await store.close()
  for (const client of clients) client.disconnect()
}

function open({ store: kind, path }: LoadOrders): Store {
  if (kind === 'redis') return redisStore(reconnecting(path), { durability: 'disk' })
  return levelStore(kind === 'eager' ? eagerDatabase(path) : path)
}

function reconnecting(url: string): Redis {
  const client = new Redis(url, { retryStrategy: () => 10, enableReadyCheck: false })
  // It tries again; what became of a call is the store's to say.
  client.on('error', () => {})
  clients.push(client)
  return client
}

function startWorker(): Worker<Jobs> {
  const worker = new Worker<Jobs>(
    'load',
    async (job, { fence, attempt }) => {
      const hash = hashOf(job.data)
      say('RUN', job.id, fence, attempt, hash)
      await sleep(Math.random() * 5)
      if (throwsAt(load, job.id, attempt)) throw new Error('as planned')
      return hash
    },
    { store, concurrency: load.concurrency },
  )
  worker.on('completed', (job) => {
    backlog.jobs--
    say('DONE', job.id, job.fence)
  })
  worker.on('error', (error) => say('ERROR', JSON.stringify(error.message)))
  return worker
}

async function produce(): Promise<void> {
  let [next] = load.units
  const [, until] = load.units
  const caller = async (): Promise<void> => {
    while (next < until && !enough.signal.aborted) {
      const unit = unitOf(load, next++)
      while (backlog.jobs > BACKLOG_MOST) await sleep(1)
      backlog.jobs += unit.length
      for (const { id, hash } of unit) say('TRY', id, hash)
      const word = await add(unit)
      if (word !== undefined) for (const { id } of unit) say(word, id)
    }
  }
  await Promise.all(Array.from({ length: load.callers }, caller))
}

/** What can be said of the unit once its add has ended; nothing where it may be there or not. */
async function add(unit: readonly PlannedJob[]): Promise<'ACK' | 'NOT' | undefined> {
  try {
    const [first] = unit
    if (unit.length === 1) await queue.add('load', first!.body, first!.opts)
    else await queue.addBulk(unit.map(({ body, opts }) => ({ name: 'load', data: body, opts })))
    return 'ACK'
  } catch (error) {
    if (load.store !== 'redis') throw error
    backlog.jobs -= unit.length
    return (error as HoldfastError).outcome === 'failed' ? 'NOT' : undefined
  }
}

async function drained(): Promise<void> {
  for (;;) {
    const { waiting, delayed, active } = await queue.getJobCounts('waiting', 'delayed', 'active')
    if (waiting + delayed + active === 0) return
    await sleep(20)
  }
}

async function sayWhatIsThere(): Promise<void> {
  const states: readonly JobState[] = ['waiting', 'delayed', 'active', 'completed', 'failed']
  for (const state of states) {
    for (let at = 0; ; at += LIST_PAGE) {
      const jobs = await queue.getJobs(state, at, at + LIST_PAGE - 1, true)
      for (const { id, data } of jobs) say('END', id, state, hashOf(data))
      if (jobs.length < LIST_PAGE) break
    }
  }
  const { ok, problems } = await queue.verify()
  if (!ok) for (const problem of problems) say('BROKEN', problem)
}
