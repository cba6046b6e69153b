/**
 * `npm run bench:flow -- [fairness|groups|rate] [--stores memory,level,redis] [--jobs N] [--rounds N]`: what turns of groups and exact
 * rates come to. Fairness: how many starts it takes until 999 groups with one job each had their turn beside one with 100,000. Groups:
 * what a job costs that is one of 100,000 groups, beside one of 100 and of one, and what is left of them. Rate: the most starts in any
 * second of four processes on one Redis that may start 100, and how much of the budget they use.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type Job, Queue, type Store, Worker } from 'holdfast'
import { levelStore } from 'holdfast/level'
import { memoryStore } from 'holdfast/memory'
import { redisStore } from 'holdfast/redis'
import { Redis } from 'ioredis'
import { startServer } from '../test/redis/server.ts'
import { median } from './figures.ts'
import { data } from './subject.ts'

const { values, positionals } = parseArgs({
  options: {
    stores: { type: 'string', default: 'memory,level,redis' },
    jobs: { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '3' },
  },
  allowPositionals: true,
})
const SMALL_GROUPS = 999
const CONCURRENCY = 10
const BULK = 390
/** Of each measurement of a job's cost. */
const MEASURED = 4000
const RATE = { max: 100, duration: 1000 }
const RATE_MS = 30_000
const MEMBERS = 4

const jobs = Number(values.jobs)
const collect = (globalThis as { gc?: () => void }).gc
const say = (text: string): void => console.log(text)

interface Opened {
  readonly store: Store
  /** Microseconds of a processor that a server of the store's has used. */
  readonly served?: () => Promise<number>
  readonly close: () => Promise<void>
}

const OPENERS: Readonly<Record<string, () => Promise<Opened>>> = {
  async memory() {
    const store = memoryStore()
    return { store, close: () => store.close() }
  },
  async level() {
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-flow-'))
    const store = levelStore(folder)
    await store.ready()
    return { store, close: () => store.close().then(() => rmSync(folder, { recursive: true })) }
  },
  async redis() {
    const server = await startServer()
    const client = new Redis(server.url)
    const store = redisStore(client, { durability: 'memory' })
    await store.ready()
    return {
      store,
      async served() {
        const told = await client.info('cpu')
        const seconds = ['used_cpu_user', 'used_cpu_sys'].map((name) =>
          Number(new RegExp(`${name}:(.*)`).exec(told)?.[1]),
        )
        return seconds.reduce((sum, one) => sum + one, 0) * 1e6
      },
      async close() {
        await store.close()
        client.disconnect()
        await server.stop()
      },
    }
  },
}

/** So many jobs, dealt to the groups one after the other. */
async function fill(queue: Queue, count: number, groupOf: (n: number) => string): Promise<void> {
  for (let from = 0; from < count; from += BULK * 8) {
    const bulks = Array.from({ length: 8 }, (_, bulk) => {
      const first = from + bulk * BULK
      const size = Math.max(0, Math.min(BULK, count - first))
      return Array.from({ length: size }, (_, n) => ({
        name: 'n',
        data,
        opts: { group: { id: groupOf(first + n) } },
      }))
    })
    await Promise.all(bulks.filter(({ length }) => length > 0).map((bulk) => queue.addBulk(bulk)))
  }
}

/** Runs jobs until `heard`, which is told of each that begins and each that ended, is content. */
async function work(store: Store, heard: (what: 'began' | 'ended', job: Job) => boolean): Promise<void> {
  const worker = new Worker('flow', () => undefined, { store, concurrency: CONCURRENCY, autorun: false })
  await new Promise<void>((resolve) => {
    worker.on('active', (job) => heard('began', job) && resolve())
    worker.on('completed', (job) => heard('ended', job) && resolve())
    void worker.run()
  })
  await worker.close()
}

async function fairness({ store }: Opened): Promise<string> {
  const queue = new Queue('flow', { store, defaultJobOptions: { removeOnComplete: true } })
  await fill(queue, jobs, () => 'big')
  await fill(queue, SMALL_GROUPS, (n) => `small${n}`)
  let [starts, small] = [0, 0]
  await work(store, (what, job) => {
    if (what === 'ended' || small === SMALL_GROUPS) return small === SMALL_GROUPS
    starts++
    if (job.opts.group?.id !== 'big') small++
    return false
  })
  return `${SMALL_GROUPS} groups of one had started after ${starts} starts, beside one group of ${jobs} (at most 2,100 wanted)`
}

/** Microseconds of a processor that a job takes, of a queue with so many groups that have jobs; others use this machine, too. */
async function costOf(open: () => Promise<Opened>, groups: number): Promise<number> {
  const { store, served = async () => 0, close } = await open()
  const queue = new Queue('flow', { store, defaultJobOptions: { removeOnComplete: true } })
  await fill(queue, Math.max(groups, MEASURED * 1.5), (n) => `g${n % groups}`)
  const run = async (count: number): Promise<number> => {
    const before = (await served()) + used()
    let ended = 0
    await work(store, (what) => what === 'ended' && ++ended === count)
    return ((await served()) + used() - before) / count
  }
  await run(MEASURED / 4)
  collect?.()
  const cost = await run(MEASURED)
  await close()
  return cost
}

async function groups(name: string): Promise<string> {
  const counts = [1, 100, jobs]
  const costs = counts.map((): number[] => [])
  for (let round = 0; round < Number(values.rounds); round++)
    for (const [at, count] of counts.entries()) costs[at]!.push(await costOf(OPENERS[name]!, count))
  const [one, hundred, all] = costs.map((some) => median(some))
  const told = counts.map((count, at) => `${count} groups ${median(costs[at]!).toFixed(0)} µs a job`)
  return `${told.join(', ')}: ${(all! / one!).toFixed(2)} of one group, ${(all! / hundred!).toFixed(2)} of 100`
}

/** What is there before, and after all jobs of so many groups have run. */
async function left({ store }: Opened): Promise<string> {
  const queue = new Queue('flow', { store, defaultJobOptions: { removeOnComplete: true } })
  // What runs once is compiled, and its code is no memory of groups.
  await fill(queue, 2000, (n) => `warm${n}`)
  let ended = 0
  await work(store, (what) => what === 'ended' && ++ended === 2000)
  const before = heap()
  await fill(queue, jobs, (n) => `g${n}`)
  const full = heap()
  ended = 0
  await work(store, (what) => what === 'ended' && ++ended === jobs)
  const after = heap()
  const groupsLeft = (await queue.getGroups()).length
  return `heap ${before} MiB before ${jobs} groups, ${full} with them, ${after} after; ${groupsLeft} groups are known then`
}

function used(): number {
  const { user, system } = process.cpuUsage()
  return user + system
}

function heap(): string {
  collect?.()
  return (process.memoryUsage().heapUsed / 2 ** 20).toFixed(1)
}

/** A process that works within the rate, and tells when its jobs were claimed by the store's clock. */
async function member(url: string): Promise<void> {
  const client = new Redis(url)
  const store = redisStore(client, { durability: 'memory' })
  const worker = new Worker('flow', () => undefined, {
    store,
    concurrency: 50,
    limiter: RATE,
    autorun: false,
  })
  worker.on('active', (job) => process.send!(job.processedOn))
  process.send!('ready')
  await new Promise((resolve) => process.once('message', resolve))
  await worker.run()
}

async function rate(): Promise<string> {
  const server = await startServer()
  const client = new Redis(server.url)
  const store = redisStore(client, { durability: 'memory' })
  await store.ready()
  const queue = new Queue('flow', { store })
  const budget = (RATE.max * RATE_MS) / RATE.duration
  for (let n = 0; n < budget * 1.2; n += 400)
    await queue.addBulk(Array.from({ length: 400 }, () => ({ name: 'n', data })))
  const members = Array.from({ length: MEMBERS }, () =>
    fork(fileURLToPath(import.meta.url), ['member', server.url]),
  )
  const heard = (one: ChildProcess): Promise<unknown> =>
    new Promise((resolve) => one.once('message', resolve))
  await Promise.all(members.map(heard))
  const starts: number[] = []
  for (const one of members) {
    one.on('message', (at: number) => starts.push(at))
    one.send('go')
  }
  await new Promise((resolve) => setTimeout(resolve, RATE_MS + 2000))
  for (const one of members) one.kill('SIGKILL')
  await store.close()
  client.disconnect()
  await server.stop()
  starts.sort((a, b) => a - b)
  const within = starts.filter((at) => at < starts[0]! + RATE_MS).length
  const share = ((within / budget) * 100).toFixed(1)
  return `${MEMBERS} processes, ${RATE.max} a second for ${RATE_MS / 1000} s: at most ${densest(starts)} claimed in any second, ${within} of ${budget} (${share} %)`
}

/** The most of them in any window of the rate's duration, wherever it begins. */
function densest(times: readonly number[]): number {
  let [most, first] = [0, 0]
  for (let last = 0; last < times.length; last++) {
    while (times[first]! <= times[last]! - RATE.duration) first++
    most = Math.max(most, last - first + 1)
  }
  return most
}

async function on(name: string, measure: (opened: Opened) => Promise<string>): Promise<void> {
  const opened = await OPENERS[name]!()
  say(`${name}: ${await measure(opened)}`)
  await opened.close()
}

const [what, url] = positionals
if (what === 'member') await member(url!)
else {
  const stores = values.stores.split(',')
  say(`load average ${loadavg()[0]!.toFixed(1)}`)
  if (what === undefined || what === 'fairness') for (const name of stores) await on(name, fairness)
  if (what === undefined || what === 'groups') {
    for (const name of stores) say(`${name}: ${await groups(name)}`)
    if (stores.includes('memory')) await on('memory', left)
  }
  if (what === undefined || what === 'rate') say(await rate())
}
