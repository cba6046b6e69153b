/**
 * `npm run bench`: medians of several rounds, each row beside the raw limit measured in the same round, ratios first. Prints
 * the table that stands in `bench/README.md`. Options: `--rounds N` (default 3), `--only memory|level`.
 */
import { parseArgs } from 'node:util'
import { median, whole } from './figures.ts'
import { addRate, bulkRate, idleLatency, processRate } from './queue.ts'
import { batchRate, stringifyRate } from './raw.ts'

interface Row {
  readonly store: 'memory' | 'level'
  readonly name: string
  readonly limit: string
  /** The ratio that is wanted; `undefined` where none is. */
  readonly wanted?: number
  readonly measure: () => Promise<number>
}

const LIMITS: Readonly<Record<string, () => number | Promise<number>>> = {
  'JSON.stringify': stringifyRate,
  'batch of 1': () => batchRate(1),
  'batch of 10': () => batchRate(10),
  'batch of 100': () => batchRate(100),
  'batch of 1000': () => batchRate(1000),
}

const ROWS: readonly Row[] = [
  {
    store: 'memory',
    name: 'add, 1,000 callers',
    limit: 'JSON.stringify',
    wanted: 0.2,
    measure: () => addRate('memory', 200_000, 1000),
  },
  {
    store: 'memory',
    name: 'process, concurrency 1',
    limit: 'JSON.stringify',
    measure: () => processRate('memory', 100_000, 1),
  },
  {
    store: 'memory',
    name: 'process, concurrency 10',
    limit: 'JSON.stringify',
    measure: () => processRate('memory', 100_000, 10),
  },
  {
    store: 'memory',
    name: 'process, concurrency 100',
    limit: 'JSON.stringify',
    wanted: 0.14,
    measure: () => processRate('memory', 200_000, 100),
  },
  {
    store: 'level',
    name: 'add, 1,000 callers',
    limit: 'batch of 1000',
    wanted: 0.33,
    measure: () => addRate('level', 100_000, 1000),
  },
  {
    store: 'level',
    name: 'bulks of 400, 8 at a time',
    limit: 'batch of 1000',
    wanted: 0.4,
    measure: () => bulkRate('level', 400, 8),
  },
  {
    store: 'level',
    name: 'process, concurrency 1',
    limit: 'batch of 1',
    wanted: 0.75,
    measure: () => processRate('level', 8000, 1),
  },
  {
    store: 'level',
    name: 'process, concurrency 10',
    limit: 'batch of 10',
    wanted: 0.55,
    measure: () => processRate('level', 40_000, 10),
  },
  {
    store: 'level',
    name: 'process, concurrency 100',
    limit: 'batch of 100',
    wanted: 0.4,
    measure: () => processRate('level', 100_000, 100),
  },
]

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '3' }, only: { type: 'string' } },
})
const rounds = Number(values.rounds)
const stores = (['memory', 'level'] as const).filter(
  (store) => values.only === undefined || values.only === store,
)
const rows = ROWS.filter(({ store }) => stores.includes(store))

const rates = new Map<Row, { rate: number; limit: number }[]>(rows.map((row) => [row, []]))
for (let round = 0; round < rounds; round++) {
  // The limit is measured right before its row, so that a machine that slows down slows both.
  for (const row of rows) {
    const limit = await LIMITS[row.limit]!()
    rates.get(row)!.push({ rate: await row.measure(), limit })
    process.stderr.write('.')
  }
}
process.stderr.write('\n')

console.log('| store | | ratio | wanted | jobs/s | limit | per second |')
console.log('| --- | --- | --- | --- | --- | --- | --- |')
for (const [{ store, name, limit, wanted }, measured] of rates) {
  const ratio = median(measured.map((one) => one.rate / one.limit))
  const [rate, raw] = [median(measured.map((one) => one.rate)), median(measured.map((one) => one.limit))]
  console.log(
    `| ${[store, name, ratio.toFixed(2), wanted ?? '', whole(rate), limit, whole(raw)].join(' | ')} |`,
  )
}
const fsync = 1000 / (await batchRate(1))
for (const store of stores) {
  const times = []
  for (let round = 0; round < rounds; round++) times.push(await idleLatency(store))
  const most = store === 'memory' ? '0.30 ms' : `3 fsyncs (${(3 * fsync).toFixed(2)} ms)`
  console.log(
    `\n${store}, idle worker, add to start: median ${median(times).toFixed(2)} ms; wanted: at most ${most}`,
  )
}
