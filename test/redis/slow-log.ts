/**
 * What keeps a server from others: every command that takes it longer than five milliseconds, by its own log, while jobs are
 * added one by one and in large bulks, run, cleaned and obliterated.
 */
import { Redis } from 'ioredis'
import { Queue, Worker } from '../../src/index.ts'
import { ownProcessor } from './own-processor.ts'
import { startServer } from './server.ts'
import { freshNamespace, openStore } from './stage.ts'

const SLOW_MICROSECONDS = 5000

export interface SlowLogSizes {
  readonly bulk: number
  /** Jobs that are cleaned, and as many that are obliterated. */
  readonly mass: number
}

/** Commands that were slow, as the server tells them. */
export async function slowCommands({ bulk, mass }: SlowLogSizes): Promise<readonly string[]> {
  await using server = await startServer({ 'slowlog-log-slower-than': String(SLOW_MICROSECONDS) })
  using _ = ownProcessor(server.pid!)
  await using opened = openStore(server.port, freshNamespace())
  const { store } = opened
  const busy = new Queue('busy', { store })
  const large = new Queue('large', { store, defaultJobOptions: { removeOnComplete: false } })
  const worker = new Worker('busy', async () => undefined, { store, concurrency: 50 })
  const done = new AbortController()
  const adding = Promise.all(
    Array.from({ length: 50 }, async () => {
      while (!done.signal.aborted) await busy.add('one', { some: 'data' })
    }),
  )
  const jobs = (count: number) => Array.from({ length: count }, (_, n) => ({ name: 'one', data: { n } }))
  for (let left = mass; left > 0; left -= bulk) await large.addBulk(jobs(Math.min(left, bulk)))
  const cleaned = await large.clean(0, 0, 'waiting')
  if (cleaned.length !== mass) throw new Error(`${cleaned.length} jobs were cleaned of ${mass}`)
  for (let left = mass; left > 0; left -= bulk) await large.addBulk(jobs(Math.min(left, bulk)))
  await large.obliterate()
  done.abort()
  await adding
  await worker.close()
  return await slowLog(server.url)
}

async function slowLog(url: string): Promise<readonly string[]> {
  const control = new Redis(url)
  const entries = (await control.slowlog('GET', 10)) as [number, number, number, string[]][]
  control.disconnect()
  return entries.map(([, , micros, args]) => `${micros} µs: ${args.slice(0, 8).join(' ').slice(0, 200)}`)
}
