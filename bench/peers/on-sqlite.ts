/** plainjob: a queue on SQLite by better-sqlite3, synchronous, one job a transaction. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { perSecond } from '../raw.ts'
import { data } from '../subject.ts'
import { load } from './installed.ts'

/** Of SQLite, with a write-ahead log: `NORMAL` (what plainjob sets) survives the process, `FULL` power loss. */
export type Synchronous = 'NORMAL' | 'FULL'

interface Database {
  pragma(statement: string): void
}

interface PlainQueue {
  add(type: string, data: unknown): void
  addMany(type: string, data: unknown[]): void
  close(): void
}

interface Plainjob {
  better(database: Database): Database
  defineQueue(options: { connection: Database; logger: object }): PlainQueue
  defineWorker(
    type: string,
    run: () => Promise<void>,
    options: { queue: PlainQueue; logger: object; onCompleted: () => void },
  ): { start(): Promise<void>; stop(): Promise<void> }
}

const silence = (): undefined => undefined
const logger = { error: silence, warn: silence, info: silence, debug: silence }

async function withQueue(
  synchronous: Synchronous,
  use: (queue: PlainQueue, plainjob: Plainjob) => number | Promise<number>,
): Promise<number> {
  const plainjob = await load<Plainjob>('plainjob')
  const { default: Sqlite } = await load<{ default: new (path: string) => Database }>('better-sqlite3')
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-bench-'))
  const database = new Sqlite(join(folder, 'jobs.db'))
  const queue = plainjob.defineQueue({ connection: plainjob.better(database), logger })
  // After the queue, which sets its own.
  database.pragma(`synchronous = ${synchronous}`)
  try {
    return await use(queue, plainjob)
  } finally {
    queue.close()
    rmSync(folder, { recursive: true })
  }
}

export const plainjobAddRate = (synchronous: Synchronous, jobs: number): Promise<number> =>
  withQueue(synchronous, (queue) => {
    const began = performance.now()
    for (let n = 0; n < jobs; n++) queue.add('welcome', data)
    return perSecond(jobs, began)
  })

/** As many jobs a transaction as a bulk of ours has. */
export const plainjobBulkRate = (synchronous: Synchronous, bulks: number): Promise<number> =>
  withQueue(synchronous, (queue) => {
    const bulk = Array.from({ length: 400 }, () => data)
    const began = performance.now()
    for (let n = 0; n < bulks; n++) queue.addMany('welcome', bulk)
    return perSecond(bulks * 400, began)
  })

/** A worker of plainjob runs one job at a time, so as many workers as there may be at once. */
export const plainjobProcessRate = (
  synchronous: Synchronous,
  jobs: number,
  concurrency: number,
): Promise<number> =>
  withQueue(synchronous, async (queue, plainjob) => {
    for (let left = jobs; left > 0; left -= 400)
      queue.addMany(
        'welcome',
        Array.from({ length: Math.min(left, 400) }, () => data),
      )
    const began = performance.now()
    let completed = 0
    let done!: () => void
    const all = new Promise<void>((resolve) => (done = resolve))
    const onCompleted = (): void => {
      if (++completed === jobs) done()
    }
    const options = { queue, logger, onCompleted }
    const workers = Array.from({ length: concurrency }, () =>
      plainjob.defineWorker('welcome', async () => undefined, options),
    )
    const ends = workers.map((worker) => worker.start())
    await all
    const rate = perSecond(jobs, began)
    await Promise.all(workers.map((worker) => worker.stop()))
    await Promise.all(ends)
    return rate
  })
