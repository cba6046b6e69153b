/** The demo killed three times on a real folder: `tsx test/crash/demo-kill.ts [folder]`, by default `node_modules`. */
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { filesUnder } from '../../examples/compress/files.ts'
import { inspect, killMidway } from './demo.ts'

const KILLS = 3

const directory = await mkdtemp(join(tmpdir(), 'holdfast-demo-'))
const run = {
  folder: join(directory, 'folder'),
  out: join(directory, 'out'),
  data: join(directory, 'jobs'),
  concurrency: availableParallelism() * 4,
  flaky: 0.1,
}
// A copy, as somebody may be working in the folder meanwhile.
await cp(resolve(process.argv[2] ?? 'node_modules'), run.folder, { recursive: true, verbatimSymlinks: true })
let files = 0
for await (const _ of filesUnder(run.folder, [])) files++
const { kills, printed } = await killMidway(run, KILLS, files)
console.log(printed)
const found = await inspect(run)
const allowed = kills * run.concurrency
console.log(
  `${kills} kills, ${found.files} files, ${found.wrong.length} wrong, ${found.repeated} done twice (at most ${allowed}), ${found.retries} retries`,
)
if (found.wrong.length > 0 || found.repeated > allowed) {
  console.log(found.wrong.slice(0, 20).join('\n'), `\nkept in ${directory}`)
  process.exit(1)
}
await rm(directory, { recursive: true })
