/**
 * `npm run bench:redis`: Holdfast's Redis store beside BullMQ and bee-queue on the same server, alternating run by run, each
 * run in a process of its own on an empty database; medians of several rounds. Prints the table that stands in
 * `bench/README.md`. Options: `--rounds N` (default 3), `--only add,bulk,process,crew,idle,memory`,
 * `--systems holdfast,bullmq,bee-queue`, `--on disk|memory`, `--share 0.2` (of the jobs, on a slow machine).
 */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { loadavg } from 'node:os'
import { parseArgs, promisify } from 'node:util'
import { Redis } from 'ioredis'
import { ON_DISK, type RedisServer, startServer } from '../../test/redis/server.ts'
import { median, whole } from '../figures.ts'
import type { Measured, SystemName, Task, Work } from './task.ts'

interface Row {
  readonly name: string
  /** With `appendfsync always`, or without persistence. */
  readonly on: 'memory' | 'disk'
  readonly work: Work
  /** The ratio to BullMQ that is wanted; of `idle` and `memory`, the most. */
  readonly wanted?: number
  /** Enough for two to three seconds each. */
  readonly jobs: Readonly<Record<SystemName, number>>
}

const each = (ours: number, bullmq: number, bee: number): Row['jobs'] => ({
  holdfast: ours,
  bullmq,
  'bee-queue': bee,
})
const processing = (concurrency: number): Work => ({ kind: 'process', concurrency })
const ADD: Work = { kind: 'add', callers: 1000 }

const ROWS: readonly Row[] = [
  { name: 'add, 1,000 callers', on: 'memory', work: ADD, wanted: 2.5, jobs: each(150_000, 60_000, 60_000) },
  {
    name: 'bulks of 1,000',
    on: 'memory',
    work: { kind: 'bulk', size: 1000 },
    wanted: 3,
    jobs: each(200_000, 60_000, 100_000),
  },
  {
    name: 'process, concurrency 100',
    on: 'memory',
    work: processing(100),
    wanted: 2.7,
    jobs: each(100_000, 40_000, 40_000),
  },
  {
    name: 'process, concurrency 10',
    on: 'memory',
    work: processing(10),
    wanted: 1.6,
    jobs: each(60_000, 30_000, 30_000),
  },
  {
    name: 'process, concurrency 1',
    on: 'memory',
    work: processing(1),
    wanted: 1.1,
    jobs: each(12_000, 10_000, 10_000),
  },
  {
    name: '4 processes of 50',
    on: 'memory',
    work: { kind: 'crew', processes: 4, concurrency: 50 },
    wanted: 4,
    jobs: each(150_000, 40_000, 40_000),
  },
  {
    name: 'idle, add to start (ms)',
    on: 'memory',
    work: { kind: 'idle' },
    wanted: 1,
    jobs: each(300, 300, 300),
  },
  {
    name: 'memory, a waiting job of 100 bytes',
    on: 'memory',
    work: { kind: 'memory' },
    jobs: each(50_000, 50_000, 50_000),
  },
  { name: 'add, 1,000 callers', on: 'disk', work: ADD, wanted: 4, jobs: each(100_000, 40_000, 40_000) },
  {
    name: 'process, concurrency 100',
    on: 'disk',
    work: processing(100),
    wanted: 3,
    jobs: each(60_000, 20_000, 20_000),
  },
]

const SETTINGS = { memory: 'no persistence', disk: '`appendfsync always`' } as const
const SYSTEM_NAMES: readonly SystemName[] = ['holdfast', 'bullmq', 'bee-queue']

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    only: { type: 'string' },
    on: { type: 'string' },
    share: { type: 'string', default: '1' },
    systems: { type: 'string', default: SYSTEM_NAMES.join(',') },
  },
})
const kinds = values.only?.split(',')
const rows = ROWS.filter(
  ({ work, on }) => (kinds?.includes(work.kind) ?? true) && (values.on === undefined || values.on === on),
)
const systems = SYSTEM_NAMES.filter((name) => values.systems.split(',').includes(name))
const run = promisify(execFile)
const program = fileURLToPath(new URL('redis-run.js', import.meta.url))

async function measure(server: RedisServer, row: Row, system: SystemName): Promise<Measured> {
  const control = new Redis(server.url)
  await control.flushall()
  control.disconnect()
  const jobs = Math.ceil(row.jobs[system] * Number(values.share))
  const task: Task = { system, url: server.url, work: row.work, jobs }
  const { stdout } = await run(process.execPath, [program, JSON.stringify(task)])
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as Measured
}

const measured = new Map<Row, Map<SystemName, Measured[]>>()
{
  // A log that is rewritten in the middle of a run would be charged to whoever runs then.
  await using disk = await startServer({ ...ON_DISK, 'auto-aof-rewrite-percentage': '0' })
  await using memory = await startServer()
  const servers = { disk, memory }
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const row of rows) {
      const of = measured.get(row) ?? new Map<SystemName, Measured[]>()
      measured.set(row, of)
      for (const system of systems)
        of.set(system, [...(of.get(system) ?? []), await measure(servers[row.on], row, system)])
      process.stderr.write('.')
    }
  }
}
process.stderr.write('\n')

const show = (value: number | undefined): string =>
  value === undefined || Number.isNaN(value) ? '' : value < 100 ? value.toFixed(2) : whole(value)
const middle = (runs: readonly Measured[], of: keyof Measured): number | undefined =>
  runs[0]?.[of] === undefined ? undefined : median(runs.map((one) => one[of]!))

/** Of two systems run right after each other: the median of the rounds' ratios. */
function ratio(of: ReadonlyMap<SystemName, readonly Measured[]>, to: SystemName): number | undefined {
  const [ours, theirs] = [of.get('holdfast'), of.get(to)]
  if (ours === undefined || theirs === undefined) return undefined
  return median(ours.map(({ figure }, round) => figure / theirs[round]!.figure))
}

console.log(
  '| server | work | ratio to BullMQ | wanted | to bee-queue | Holdfast | BullMQ | bee-queue | µs a job in scripts: Holdfast / BullMQ / bee-queue | of the server | of the client |',
)
console.log(`|${' --- |'.repeat(11)}`)
for (const [{ on, name, wanted }, of] of measured) {
  const costs = (['script', 'server', 'client'] as const).map((cost) =>
    systems.map((system) => middle(of.get(system)!, cost)?.toFixed(0) ?? '').join(' / '),
  )
  const figures = SYSTEM_NAMES.map((system) => show(middle(of.get(system) ?? [], 'figure')))
  const ratios = [show(ratio(of, 'bullmq')), wanted ?? '', show(ratio(of, 'bee-queue'))]
  console.log(`| ${[SETTINGS[on], name, ...ratios, ...figures, ...costs].join(' | ')} |`)
}
console.log(
  `\nload average ${loadavg()
    .map((load) => load.toFixed(1))
    .join(', ')}`,
)
