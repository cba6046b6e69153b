/**
 * `npm run bench:scale -- [backlog|through|retention|gap|idle]`: what grows with numbers. A million waiting jobs: opening, claiming,
 * draining; a million jobs through one process: memory; the longest gap of the event loop while jobs are added; what an idle
 * worker costs. Sizes can be lowered with `--jobs N`.
 */
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs, promisify } from 'node:util'
import { ClassicLevel } from 'classic-level'
import { Queue, type Store, Worker } from 'holdfast'
import { levelStore } from 'holdfast/level'
import { perSecond } from './raw.ts'
import { data } from './subject.ts'
import { told, watchTurns } from './turns.ts'

const { values, positionals } = parseArgs({
  options: { jobs: { type: 'string' }, idler: { type: 'string' } },
  allowPositionals: true,
})
const jobs = Number(values.jobs ?? 1_000_000)
const folder = mkdtempSync(join(tmpdir(), 'holdfast-scale-'))
const collect = (globalThis as { gc?: () => void }).gc
/** Where the memory is: what the process owns, and pages of LevelDB's mapped tables, which the system takes back at need. */
const parts = (): string => {
  if (process.platform !== 'linux') return `heap ${Math.round(process.memoryUsage().heapUsed / 2 ** 20)} MiB`
  const status = readFileSync('/proc/self/status', 'utf8')
  const of = (name: string): string =>
    `${(Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]) / 1024).toFixed(1)} MiB`
  return `of these ${of('RssAnon')} the process's own, ${of('RssFile')} mapped files`
}
const megabytes = (): number => {
  collect?.()
  return process.memoryUsage().rss / 2 ** 20
}
const say = (text: string): void => console.log(text)

async function fill(store: Store, count: number): Promise<void> {
  const queue = new Queue('emails', { store })
  const bulk = Array.from({ length: 400 }, () => ({ name: 'welcome', data }))
  for (let left = count; left > 0; left -= 400 * 8) {
    await Promise.all(Array.from({ length: 8 }, () => queue.addBulk(bulk)))
  }
}

/** Processes until so many are completed, saying the rate of each lap. */
async function drain(store: Store, count: number, laps: number): Promise<void> {
  let completed = 0
  let began = performance.now()
  const worker = new Worker('emails', async () => undefined, { store, concurrency: 100 })
  await new Promise<void>((resolve) => {
    worker.on('completed', () => {
      completed++
      if (completed % Math.floor(count / laps) === 0) {
        say(
          `  ${completed} done, ${Math.round(perSecond(count / laps, began))} jobs/s, RSS ${Math.round(megabytes())} MiB`,
        )
        began = performance.now()
      }
      if (completed === count) resolve()
    })
  })
  await worker.close()
}

async function backlog(): Promise<void> {
  let store = levelStore(join(folder, 'backlog'))
  let began = performance.now()
  await fill(store, jobs)
  say(`${jobs} jobs added in bulks: ${Math.round(perSecond(jobs, began))} jobs/s`)
  await store.close()
  const before = megabytes()
  began = performance.now()
  store = levelStore(join(folder, 'backlog'))
  await store.ready()
  say(`opened in ${(performance.now() - began).toFixed(1)} ms, RSS +${(megabytes() - before).toFixed(1)} MiB`)
  const queue = new Queue('emails', { store })
  began = performance.now()
  const { waiting } = await queue.getJobCounts()
  say(`${waiting} waiting, counted in ${(performance.now() - began).toFixed(2)} ms`)
  say(`draining 300,000 of them, in laps:`)
  await drain(store, Math.min(300_000, jobs), 10)
  const small = levelStore(join(folder, 'small'))
  for (let lap = 0; lap < 3; lap++) {
    await fill(small, 1000)
    say('beside it, a backlog of 3,200:')
    await drain(small, 3200, 1)
  }
  await Promise.all([store.close(), small.close()])
}

async function through(): Promise<void> {
  const store = levelStore(join(folder, 'through'))
  const queue = new Queue('emails', { store })
  let completed = 0
  let added = 0
  const worker = new Worker('emails', async () => undefined, { store, concurrency: 100 })
  const began = performance.now()
  await new Promise<void>((resolve) => {
    const more = (): void => {
      if (added < jobs) void queue.add('welcome', data, { jobId: String(added++) })
    }
    worker.on('completed', () => {
      completed++
      if (completed % 100_000 === 0)
        say(`  ${completed} through, RSS ${megabytes().toFixed(1)} MiB, ${parts()}`)
      if (completed === jobs) resolve()
      else more()
    })
    for (let n = 0; n < 1000; n++) more()
  })
  say(`${jobs} jobs added and processed: ${Math.round(perSecond(jobs, began))} jobs/s`)
  await worker.close()
  await store.close()
}

/** Twice as many jobs as are asked for pass under a rule that keeps a thousand: nothing may have grown in the second half. */
async function retention(): Promise<void> {
  const path = join(folder, 'retention')
  const store = levelStore(path)
  const queue = new Queue('emails', { store, defaultJobOptions: { removeOnComplete: { count: 1000 } } })
  const halves: { rate: number; cpu: number; rss: number; disk: number }[] = []
  for (let half = 0; half < 2; half++) {
    const began = performance.now()
    const before = process.cpuUsage()
    const sizes: number[] = []
    const worker = new Worker('emails', async () => undefined, { store, concurrency: 100 })
    await new Promise<void>((resolve) => {
      let [added, completed] = [0, 0]
      const more = (): void => {
        if (added++ < jobs) void queue.add('welcome', data)
      }
      worker.on('completed', () => {
        completed++
        // LevelDB's log grows to 8 MiB and begins anew: one look says less than the mean of many.
        if (completed % Math.ceil(jobs / 100) === 0) sizes.push(bytesBelow(path) / 2 ** 20)
        if (completed === jobs) resolve()
        else more()
      })
      for (let n = 0; n < 1000; n++) more()
    })
    const rate = perSecond(jobs, began)
    const { user, system } = process.cpuUsage(before)
    await worker.close()
    halves.push({ rate, cpu: (user + system) / jobs, rss: megabytes(), disk: mean(sizes) })
    const { completed } = await queue.getJobCounts('completed')
    const at = halves.at(-1)!
    say(
      `  ${jobs * (half + 1)} through, ${completed} kept, ${Math.round(at.rate)} jobs/s, ${at.cpu.toFixed(1)} us of CPU a job, RSS ${at.rss.toFixed(1)} MiB, disk ${at.disk.toFixed(1)} MiB, ${parts()}`,
    )
  }
  const [first, second] = halves
  const part = (of: keyof (typeof halves)[number]): string => (second![of] / first![of]).toFixed(2)
  say(
    `second half to first: rate ${part('rate')}, CPU ${part('cpu')}, RSS ${part('rss')}, disk ${part('disk')}`,
  )
  await store.close()
}

const bytesBelow = (path: string): number =>
  readdirSync(path).reduce((sum, name) => {
    // LevelDB may have deleted it meanwhile.
    const found = statSync(join(path, name), { throwIfNoEntry: false })
    return sum + (found?.size ?? 0)
  }, 0)

const mean = (numbers: readonly number[]): number =>
  numbers.reduce((sum, one) => sum + one, 0) / numbers.length

async function gap(): Promise<void> {
  const store = levelStore(join(folder, 'gap'))
  const queue = new Queue('emails', { store })
  await queue.add('welcome', data)
  let left = Math.min(jobs, 100_000)
  const caller = async (): Promise<void> => {
    while (left-- > 0) await queue.add('welcome', data)
  }
  const { longest } = await watchTurns(() => Promise.all(Array.from({ length: 1000 }, caller)))
  say(`longest gap of the event loop during 100,000 adds: ${told(longest)}`)
  await store.close()
}

const IDLE_MS = 10_000

/** What a process does that is measured idle: a worker on its store, LevelDB alone, open, or nothing but to load us. Gives what ends it. */
const idlers = {
  async worker(path: string): Promise<() => Promise<void>> {
    const store = levelStore(path)
    const worker = new Worker('emails', async () => undefined, { store, concurrency: 10 })
    return async () => {
      await worker.close()
      await store.close()
    }
  },
  async engine(path: string): Promise<() => Promise<void>> {
    const db = new ClassicLevel(path)
    await db.open()
    return () => db.close()
  },
  async nothing(): Promise<() => Promise<void>> {
    return async () => {}
  },
}
type Idler = keyof typeof idlers

/** CPU in ms of the 10 s that begin a second after the start, and of the 10 s after them. */
async function idleHere(idler: Idler): Promise<void> {
  const path = mkdtempSync(join(tmpdir(), 'holdfast-idle-'))
  const end = await idlers[idler](path)
  await sleep(1000)
  const used: number[] = []
  for (let lap = 0; lap < 2; lap++) {
    const before = process.cpuUsage()
    await sleep(IDLE_MS)
    const { user, system } = process.cpuUsage(before)
    used.push((user + system) / 1000)
  }
  await end()
  rmSync(path, { recursive: true })
  say(used.map((ms) => ms.toFixed(1)).join(' and '))
}

/** All at the same time, each a process that begins with it. */
async function idle(): Promise<void> {
  const [worker, engine, nothing] = await Promise.all(
    (['worker', 'engine', 'nothing'] as const).map(async (idler) => {
      const { stdout } = await promisify(execFile)(process.execPath, [process.argv[1]!, '--idler', idler])
      return stdout.trim()
    }),
  )
  say(
    `ms of CPU in the first 10 s and in the next 10: an idle worker ${worker}, the same program with only LevelDB open ${engine}, with nothing at all ${nothing}`,
  )
  say('all were closed, and their processes ended by themselves')
}

const measurements = { backlog, through, retention, gap, idle }
if (values.idler !== undefined) await idleHere(values.idler as Idler)
else {
  for (const [name, part] of Object.entries(measurements)) {
    if (positionals.length > 0 && !positionals.includes(name)) continue
    say(`${name}:`)
    await part()
  }
}
rmSync(folder, { recursive: true })
