/**
 * `npm run bench:mass -- [--jobs N]`: changing very many jobs at once on LevelDB. What bulks of several sizes cost a job; how long
 * `clean` and `obliterate` take and how long they hold up the process; an `obliterate` that is killed midway and called again.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Queue, type Store, Worker } from 'holdfast'
import { levelStore } from 'holdfast/level'
import { perSecond } from './raw.ts'
import { data } from './subject.ts'
import { type Longest, told, watchTurns } from './turns.ts'

const { values } = parseArgs({
  options: { jobs: { type: 'string', default: '1000000' }, child: { type: 'string' } },
})
const jobs = Number(values.jobs)
const say = (text: string): void => console.log(text)
const LARGE = 100_000
const KILL_AFTER_MS = 1500

interface Timed<T> {
  readonly ms: number
  readonly longest: Longest
  readonly result: T
}

/** How long something took, and the longest time in which nothing else ran. */
async function timed<T>(work: () => Promise<T>): Promise<Timed<T>> {
  const began = performance.now()
  const { result, longest } = await watchTurns(work)
  return { ms: performance.now() - began, longest, result }
}

const took = ({ ms, longest }: Timed<unknown>): string =>
  `${(ms / 1000).toFixed(1)} s, longest gap of the event loop ${told(longest)}`

const bulkOf = (size: number) =>
  Array.from({ length: size }, () => ({ name: 'n', data, opts: { removeOnComplete: false } }))

async function fill(store: Store, count: number, bulk: ReturnType<typeof bulkOf>, atOnce = 1): Promise<void> {
  const queue = new Queue('mass', { store })
  for (let left = count; left > 0; left -= bulk.length * atOnce)
    await Promise.all(Array.from({ length: atOnce }, () => queue.addBulk(bulk)))
}

async function costs(folder: string): Promise<void> {
  const store = levelStore(join(folder, 'costs'))
  const queue = new Queue('costs', { store })
  await store.ready()
  let left = LARGE
  const caller = async (): Promise<void> => {
    while (left-- > 0) await queue.add('n', data)
  }
  const single = await timed(() => Promise.all(Array.from({ length: 1000 }, caller)))
  const [few, many] = [bulkOf(400), bulkOf(LARGE)]
  const small = await timed(() => fill(store, LARGE, few, 8))
  const large = await timed(() => fill(store, LARGE, many))
  for (const [what, { ms, longest }] of Object.entries({
    'single adds, 1,000 callers': single,
    'bulks of 400, 8 at a time': small,
    'one bulk of 100,000': large,
  }))
    say(`${what}: ${((ms * 1000) / LARGE).toFixed(1)} us a job, longest gap ${told(longest)}`)
  await store.close()
}

async function complete(store: Store, count: number): Promise<void> {
  let completed = 0
  const worker = new Worker('mass', async () => undefined, { store, concurrency: 100 })
  await new Promise<void>((resolve) => {
    worker.on('completed', () => {
      if (++completed === count) resolve()
    })
  })
  await worker.close()
}

/** What the child does that is killed. */
async function obliterateIn(path: string): Promise<void> {
  const store = levelStore(path)
  await store.ready()
  process.send?.('begun')
  await new Queue('mass', { store }).obliterate()
  await store.close()
}

async function mass(folder: string): Promise<void> {
  const path = join(folder, 'mass')
  let store = levelStore(path)
  const bulk = bulkOf(LARGE)
  const added = await timed(() => fill(store, jobs, bulk))
  say(
    `${jobs} jobs added in bulks of ${LARGE}: ${Math.round((jobs * 1000) / added.ms)} jobs/s, ${took(added)}`,
  )
  const began = performance.now()
  await complete(store, jobs)
  say(`all completed: ${Math.round(perSecond(jobs, began))} jobs/s`)
  const cleaned = await timed(async () => new Queue('mass', { store }).clean(0))
  say(`clean of ${cleaned.result.length} completed jobs: ${took(cleaned)}`)
  await fill(store, jobs, bulk)
  await store.close()
  const child = spawn(process.execPath, [process.argv[1]!, '--child', path], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  await once(child, 'message')
  await new Promise((resolve) => setTimeout(resolve, KILL_AFTER_MS))
  child.kill('SIGKILL')
  await once(child, 'close')
  store = levelStore(path)
  const queue = new Queue('mass', { store })
  const left = await queue.count()
  say(
    `obliterate killed after ${KILL_AFTER_MS} ms: ${left} of ${jobs} jobs left, paused: ${await queue.isPaused()}`,
  )
  const ended = await timed(() => queue.obliterate())
  say(
    `called again: ${took(ended)}; left: ${await queue.count()}, paused: ${await queue.isPaused()}, sound: ${(await queue.verify()).ok}`,
  )
  await store.close()
}

if (values.child !== undefined) await obliterateIn(values.child)
else {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-mass-'))
  await costs(folder)
  await mass(folder)
  rmSync(folder, { recursive: true })
}
