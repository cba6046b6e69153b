/** How long the event loop stands still while 100,000 jobs are added: `tsx test/crash/gap.ts`. Prints, judges nothing. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Queue } from 'holdfast'
import { levelStore } from 'holdfast/level'

const JOBS = 100_000
const CALLERS = 1000

const directory = await mkdtemp(join(tmpdir(), 'holdfast-gap-'))
const store = levelStore(join(directory, 'data'))
const queue = new Queue('gap', { store })
await store.ready()

const gaps: number[] = []
let last = performance.now()
let over = false
const look = (): void => {
  const now = performance.now()
  gaps.push(now - last)
  last = now
  if (!over) setImmediate(look)
}
setImmediate(look)

const began = performance.now()
let added = 0
await Promise.all(
  Array.from({ length: CALLERS }, async () => {
    while (added < JOBS) await queue.add('one', { number: added++ })
  }),
)
const seconds = (performance.now() - began) / 1000
over = true
gaps.sort((a, b) => b - a)
const longest = gaps.slice(0, 5).map((gap) => gap.toFixed(1))
const above = gaps.filter((gap) => gap > 50).length
console.log(`${JOBS} adds from ${CALLERS} callers in ${seconds.toFixed(1)} s`)
console.log(`longest gaps of the event loop: ${longest.join(', ')} ms; ${above} above 50 ms`)
await store.close()
await rm(directory, { recursive: true })
