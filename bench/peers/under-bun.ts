/** Run by Bun, with a task as its argument: does it with bunqueue on a fresh database, and prints the rate. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Task {
  readonly what: 'add' | 'bulks' | 'process'
  readonly jobs: number
  readonly concurrency?: number
  /** `durable`: written before it is acknowledged; `buffered`: up to 10 ms later, bunqueue's default; `memory`: not written. */
  readonly keeps: 'memory' | 'buffered' | 'durable'
  readonly data: object
}

interface BunJob {
  readonly name: string
  readonly data: object
  readonly opts: { readonly durable: boolean }
}

interface Bunqueue {
  Queue: new (
    name: string,
    options: object,
  ) => {
    add(name: string, data: object, options: object): Promise<unknown>
    addBulk(jobs: BunJob[]): Promise<unknown>
  }
  Worker: new (
    name: string,
    run: () => Promise<void>,
    options: object,
  ) => { on(event: 'completed', listener: () => void): void }
}

/** By a variable, as it is installed for the benchmarks alone. */
const MODULE = 'bunqueue/client'
const BULK = 400

async function measure(task: Task, dataPath: string): Promise<number> {
  const { Queue, Worker } = (await import(MODULE)) as Bunqueue
  const { what, jobs, data, keeps } = task
  const opts = { durable: keeps === 'durable' }
  const where = { embedded: true, ...(keeps === 'memory' ? {} : { dataPath }) }
  const queue = new Queue('emails', where)
  const bulk = Array.from({ length: BULK }, () => ({ name: 'welcome', data, opts }))
  let began = performance.now()
  if (what === 'add') {
    let left = jobs
    const caller = async (): Promise<void> => {
      while (left-- > 0) await queue.add('welcome', data, opts)
    }
    await Promise.all(Array.from({ length: 1000 }, caller))
  } else {
    for (let left = jobs; left > 0; left -= BULK) await queue.addBulk(bulk.slice(0, left))
  }
  if (what === 'process') {
    began = performance.now()
    let completed = 0
    const options = { ...where, concurrency: task.concurrency }
    const worker = new Worker('emails', async () => undefined, options)
    await new Promise<void>((resolve) => {
      worker.on('completed', () => {
        if (++completed === jobs) resolve()
      })
    })
  }
  return jobs / ((performance.now() - began) / 1000)
}

const folder = mkdtempSync(join(tmpdir(), 'holdfast-bench-'))
try {
  const rate = await measure(JSON.parse(process.argv[2]!) as Task, join(folder, 'jobs.db'))
  process.stdout.write(`rate ${rate}\n`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
// Its manager has timers that would keep the process alive.
process.exit(0)
