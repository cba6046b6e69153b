/** Rows for a warehouse that likes many at once: each has an end of its own, and a bad one does not spoil the others. */
import { Queue, Worker } from 'holdfast'
import { memoryStore } from 'holdfast/memory'

type Jobs = { row: { data: { amount: number }; result: { at: number } } }

await using store = memoryStore()
await using queue = new Queue<Jobs>('rows', { store })
await using worker = new Worker<Jobs>(
  'rows',
  (first, { signal, signalOf }) => {
    const rows = first.getBatch().filter((row) => !signalOf(row).aborted)
    const bad = rows.filter(({ data }) => data.amount < 0)
    for (const row of bad) row.setAsFailed(new Error(`${row.data.amount} is less than nothing`))
    const good = rows.filter((row) => !bad.includes(row))
    signal.throwIfAborted()
    console.log(`one call writes ${good.length} rows`)
    for (const [at, row] of good.entries()) row.setAsCompleted({ at })
    // What of a batch was not said above would be completed with what is returned here.
    return { at: -1 }
  },
  // Three rows are worth a call; fewer are written after a tenth of a second.
  { store, batch: { size: 5, minSize: 3, timeout: 100 } },
)
worker.on('failed', (row, error) => console.log(`row ${row?.id}: ${error.message}`))

const ended = new Promise<void>((resolve) => worker.once('drained', resolve))
await queue.addBulk(
  [7, -1, 5, 3, 8, 2, 4].map((amount, n) => ({ name: 'row', data: { amount }, opts: { jobId: `${n}` } })),
)
await ended
console.log((await queue.getCompleted(0, -1)).length, 'rows are written')
