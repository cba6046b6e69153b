/** Runs on a schedule: one that was missed while the program was not running, one at its time, one by hand. */
import { Queue, Worker, nextRuns } from 'holdfast'
import { memoryStore } from 'holdfast/memory'
import { virtualHost } from 'holdfast/testing'

const HOUR = 3_600_000

// A clock of our own, so that a night passes at once; a program leaves it out.
const host = virtualHost({ start: Date.parse('2026-03-02T17:00Z') })
await using store = memoryStore({ host })

const [next] = await nextRuns('0 9 * * *', 'Europe/Berlin', 1, host.wall())
console.log('the next run will be at', next!.toISOString())

// At each start of the program: asked again, it changes nothing.
const reports = new Queue<{ kind: string }>('reports', { store })
await reports.upsertJobScheduler(
  'daily',
  { pattern: '0 9 * * *', tz: 'Europe/Berlin' },
  { data: { kind: 'sales' } },
)

// The program is not running for two nights; the report is made once when it is.
await host.advance(42 * HOUR)
const worker = new Worker<{ kind: string }>(
  'reports',
  async (job) => console.log(job.data.kind, 'at', job.id),
  { store },
)
await host.advance(HOUR)

await host.advance(24 * HOUR)

const job = await reports.trigger('daily')
await host.advance(0)
console.log('by hand:', await job.getState())

const { iterationCount, missedCount } = (await reports.getJobScheduler('daily'))!
console.log(`${iterationCount} runs, ${missedCount} missed`)
await worker.close()
