/**
 * `npm run bench:peers`: other queues beside Holdfast on the store that is most like theirs, measured one right after the
 * other, medians of several rounds. Prints the table that stands in `bench/README.md`. Options: `--rounds N` (default 3),
 * `--only fastq|p-queue|plainjob|bunqueue`.
 */
import { parseArgs } from 'node:util'
import { median, whole } from '../figures.ts'
import { type StoreName, addRate, bulkRate, processRate, throughRate } from '../queue.ts'
import { data } from '../subject.ts'
import { fastqRate, pQueueRate } from './in-memory.ts'
import { bunqueueRate } from './on-bun.ts'
import { type Synchronous, plainjobAddRate, plainjobBulkRate, plainjobProcessRate } from './on-sqlite.ts'

interface Row {
  readonly peer: string
  /** What the peer was told about durability. */
  readonly setting: string
  readonly work: string
  /** Of Holdfast. */
  readonly store: StoreName
  readonly theirs: () => Promise<number>
  readonly ours: () => Promise<number>
}

const STORES: Readonly<Record<StoreName, string>> = {
  memory: 'memory',
  process: "LevelDB, 'process'",
  level: "LevelDB, 'disk'",
}

const inMemory = [1, 100].flatMap((concurrency): Row[] => {
  const rest = {
    setting: 'keeps nothing',
    work: `add and process, concurrency ${concurrency}`,
    store: 'memory' as const,
    ours: () => throughRate('memory', 50_000, concurrency),
  }
  return [
    { ...rest, peer: 'fastq', theirs: () => fastqRate(500_000, concurrency) },
    { ...rest, peer: 'p-queue', theirs: () => pQueueRate(200_000, concurrency) },
  ]
})

/** What is measured on a store, and how Holdfast does it. */
interface Work {
  readonly work: string
  readonly ours: (store: StoreName) => Promise<number>
}

const add: Work = { work: 'add, 1,000 callers', ours: (store: StoreName) => addRate(store, 50_000, 1000) }
const bulks: Work = { work: 'bulks of 400', ours: (store: StoreName) => bulkRate(store, 200, 1) }
const processing = (concurrency: number, jobs: number): Work => ({
  work: `process, concurrency ${concurrency}`,
  ours: (store: StoreName) => processRate(store, jobs, concurrency),
})

const plainjob = (synchronous: Synchronous, store: StoreName, jobs: number): Row[] => {
  const row = ({ work, ours }: Work, theirs: () => Promise<number>): Row => ({
    peer: 'plainjob',
    setting: `SQLite, synchronous = ${synchronous}`,
    work,
    store,
    theirs,
    ours: () => ours(store),
  })
  return [
    row(add, () => plainjobAddRate(synchronous, jobs)),
    row(bulks, () => plainjobBulkRate(synchronous, 50)),
    row(processing(1, 4000), () => plainjobProcessRate(synchronous, jobs / 4, 1)),
    row(processing(10, 20_000), () => plainjobProcessRate(synchronous, jobs / 4, 10)),
  ]
}

const BUNQUEUE = {
  memory: { setting: 'no dataPath: keeps nothing', store: 'memory' },
  buffered: { setting: 'SQLite, synchronous = NORMAL, written up to 10 ms later', store: 'process' },
  durable: { setting: 'SQLite, synchronous = NORMAL, durable', store: 'process' },
} as const

const bunqueue = (keeps: keyof typeof BUNQUEUE): Row[] => {
  const { setting, store } = BUNQUEUE[keeps]
  const row = (
    { work, ours }: Work,
    what: 'add' | 'bulks' | 'process',
    jobs: number,
    concurrency?: number,
  ): Row => ({
    peer: 'bunqueue',
    setting,
    work,
    store,
    theirs: () => bunqueueRate({ what, jobs, concurrency, keeps, data }),
    ours: () => ours(store),
  })
  return [
    row(add, 'add', 20_000),
    row(bulks, 'bulks', 20_000),
    row(processing(10, 20_000), 'process', 4000, 10),
    row(processing(100, 50_000), 'process', 4000, 100),
  ]
}

const ROWS: readonly Row[] = [
  ...inMemory,
  ...plainjob('NORMAL', 'process', 40_000),
  ...plainjob('FULL', 'level', 8000),
  ...bunqueue('memory'),
  ...bunqueue('buffered'),
  ...bunqueue('durable'),
]

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '3' }, only: { type: 'string' } },
})

interface Measured {
  readonly theirs: number
  readonly ours: number
}

/** A peer that cannot be run is left out, and why is said once. */
const missing = new Map<string, string>()
const measured = new Map<Row, Measured[]>()
for (let round = 0; round < Number(values.rounds); round++) {
  for (const row of ROWS) {
    if (missing.has(row.peer) || (values.only !== undefined && values.only !== row.peer)) continue
    try {
      const theirs = await row.theirs()
      const ours = await row.ours()
      measured.set(row, [...(measured.get(row) ?? []), { theirs, ours }])
    } catch (error) {
      missing.set(row.peer, (error as Error).message.split('\n')[0]!)
    }
    process.stderr.write('.')
  }
}
process.stderr.write('\n')

console.log('| peer | it is told | work | its ratio to Holdfast | per second | Holdfast on | per second |')
console.log('| --- | --- | --- | --- | --- | --- | --- |')
for (const [{ peer, setting, work, store }, rounds] of measured) {
  const ratio = median(rounds.map(({ theirs, ours }) => theirs / ours))
  const rates = [rounds.map(({ theirs }) => theirs), rounds.map(({ ours }) => ours)].map(median)
  const cells = [peer, setting, work, ratio.toFixed(2), whole(rates[0]!), STORES[store], whole(rates[1]!)]
  console.log(`| ${cells.join(' | ')} |`)
}
for (const [peer, why] of missing) console.log(`\nskipped: ${peer}, as ${why}`)
