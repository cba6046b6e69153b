/**
 * Compresses every file of a folder, one job per file. Kill it at any moment and start it again: it goes on where it was.
 *
 *     npm run demo -- <folder> [--out dir] [--data dir] [--concurrency n] [--flaky 0.1] [--fresh]
 */
import { statSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Queue, UnrecoverableError, Worker } from 'holdfast'
import { levelStore } from 'holdfast/level'
import { type Place, filesUnder, forgetJobs, idOf, inGroups, outputOf } from './files.ts'
import { type Compressed, compress } from './gzip.ts'
import { Progress, summarise } from './progress.ts'

export type Jobs = { compress: { data: Place; result: Compressed } }

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    out: { type: 'string', default: '.demo/out' },
    data: { type: 'string', default: '.demo/jobs' },
    concurrency: { type: 'string', default: String(availableParallelism() * 4) },
    flaky: { type: 'string', default: '0' },
    fresh: { type: 'boolean', default: false },
  },
})
const folder = resolve(positionals[0] ?? '.')
const out = resolve(options.out)
const data = resolve(options.data)
const flaky = Number(options.flaky)
if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
  console.error(`${folder} is not a folder`)
  process.exit(1)
}
if (options.fresh) await forgetJobs(data)

// The store, the queue, and the worker that runs its jobs.
const store = levelStore(data)
const queue = new Queue<Jobs>('files', {
  store,
  defaultJobOptions: {
    attempts: 10,
    backoff: { type: 'exponential', delay: 100, jitter: 0.2, maxDelay: 5000 },
    removeOnComplete: false, // a job that is kept says that its file is done
    removeOnFail: false,
  },
})
await store.ready()
const before = await queue.getJobCounts()

const worker = new Worker<Jobs>(
  'files',
  {
    async compress(job, { signal }) {
      if (Math.random() < flaky) throw new Error('a hiccup, as --flaky asked for')
      try {
        return await compress(job.data, signal)
      } catch (error) {
        if (isHopeless(error)) throw new UnrecoverableError(error.message)
        throw error
      }
    },
  },
  { store, concurrency: Number(options.concurrency) },
)
const progress = new Progress()
worker.on('completed', () => progress.done++)
worker.on('error', (error) => progress.say(error.message))

// Stopping politely: what runs is finished or given back, and no attempt is lost.
const stopping = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort())

// Adding an id that exists changes nothing, so every start simply adds every file.
let files = 0
let known = 0
for await (const group of inGroups(filesUnder(folder, [out, data]), 50)) {
  if (stopping.signal.aborted) break
  const jobs = await queue.addBulk(
    group.map((file) => ({
      name: 'compress',
      data: { file, output: outputOf(out, folder, file) },
      opts: { jobId: idOf(file) },
    })),
  )
  files += jobs.length
  known += jobs.filter((job) => job.deduplicated).length
  progress.show(await queue.getJobCounts())
}
if (known > 0)
  progress.say(`${known} of ${files} files are known from before, ${before.completed} were done.`)

while (!stopping.signal.aborted) {
  const counts = await queue.getJobCounts()
  progress.show(counts)
  if (counts.waiting + counts.delayed + counts.active === 0) break
  await sleep(100)
}

await worker.close({ timeout: 5000 })
progress.end()
if (stopping.signal.aborted) console.log('Stopped. Start it again and it goes on.')
else if (known === files && progress.done === 0) console.log('Everything is done already.')
await summarise(queue, progress)
await queue.close()
await store.close()

/** Errors that another attempt would not change. */
function isHopeless(error: unknown): error is Error {
  return (
    error instanceof Error && 'code' in error && /^(ENOENT|EACCES|EPERM|EISDIR)$/.test(String(error.code))
  )
}
