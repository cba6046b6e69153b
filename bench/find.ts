/**
 * `npm run bench:find -- [--jobs N]`: finding jobs among many on LevelDB. What `find` by a tag that a hundred of them have takes,
 * beside a look through all of them for the same hundred.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Queue } from 'holdfast'
import { levelStore } from 'holdfast/level'
import { data } from './subject.ts'

const { values } = parseArgs({ options: { jobs: { type: 'string', default: '200000' } } })
const jobs = Number(values.jobs)
const WANTED = 100
const PAGE = 1000

const folder = mkdtempSync(join(tmpdir(), 'holdfast-find-'))
const store = levelStore(folder)
const queue = new Queue('find', { store })
const every = Math.floor(jobs / WANTED)
for (let at = 0; at < jobs; at += 10_000) {
  await queue.addBulk(
    Array.from({ length: Math.min(10_000, jobs - at) }, (_, n) => ({
      name: 'n',
      data,
      opts: { tags: (at + n) % every === 0 ? ['wanted', 'all'] : ['all'] },
    })),
  )
}

async function timed(what: string, work: () => Promise<number>): Promise<number> {
  const began = performance.now()
  const found = await work()
  const ms = performance.now() - began
  console.log(`${what}: ${found} jobs in ${ms.toFixed(1)} ms`)
  return ms
}

async function byFind(tags: readonly string[]): Promise<number> {
  let found = 0
  let cursor: string | undefined
  do {
    const page = await queue.find({ tags, cursor, limit: PAGE })
    found += page.jobs.length
    cursor = page.cursor
  } while (cursor !== undefined)
  return found
}

async function byLooking(): Promise<number> {
  let found = 0
  let cursor: string | undefined
  do {
    const page = await queue.find({ cursor, limit: PAGE })
    found += page.jobs.filter(({ tags }) => tags.includes('wanted')).length
    cursor = page.cursor
  } while (cursor !== undefined)
  return found
}

await timed('warm, by one tag', () => byFind(['wanted']))
const tagged = await timed('by one tag', () => byFind(['wanted']))
const both = await timed('by two tags, one of which all have', () => byFind(['all', 'wanted']))
const scan = await timed(`through all ${jobs}`, byLooking)
console.log(`one tag takes 1/${Math.round(scan / tagged)} of that, two tags 1/${Math.round(scan / both)}`)
await store.close()
rmSync(folder, { recursive: true })
