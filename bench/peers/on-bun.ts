/** bunqueue, embedded, with SQLite: needs Bun, so it is measured in a process of its own, which prints the rate. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { bunBinary, fileBeside } from './installed.ts'
import type { Task } from './under-bun.ts'

const run = promisify(execFile)

export async function bunqueueRate(task: Task): Promise<number> {
  const bun = bunBinary()
  if (bun === undefined) throw new Error('Bun is not installed')
  const { stdout } = await run(bun, [fileBeside('under-bun.ts'), JSON.stringify(task)])
  const rate = Number(/^rate (.*)$/m.exec(stdout)?.[1])
  if (!(rate > 0)) throw new Error(`it gave no rate: ${stdout.slice(0, 200)}`)
  return rate
}
