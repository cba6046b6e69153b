/** What a process meets besides its death: its own end, a directory it may not have, being stopped and going on. */
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Queue } from 'holdfast'
import { levelStore } from 'holdfast/level'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ClosingOrders } from './closing.ts'
import type { FrozenOrders } from './frozen.ts'
import { launch } from './launch.ts'
import type { OpeningOrders } from './opening.ts'

const LOCK_MS = 600
/** Long before a timer that was left behind would fire. */
const BY_ITSELF_MS = 15_000

let directory = ''
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-process-'))
  await chmod(directory, 0o755)
})
afterAll(() => rm(directory, { recursive: true }))

const WAYS: readonly ClosingOrders['way'][] = [
  'drained',
  'idle',
  'delayed',
  'retrying',
  'busy',
  'unopened',
  'paused',
]

test.concurrent('once all is closed the process ends by itself, whatever it was doing', async () => {
  const ends = WAYS.map(async (way) => {
    const program = await launch('crash/closing.ts', { path: join(directory, way), way })
    await program.said('CLOSED')
    const ended = await Promise.race([program.ended, sleep(BY_ITSELF_MS, 'still there', { ref: false })])
    await program.kill()
    return [way, ended, program.complaints]
  })
  expect(await Promise.all(ends)).toEqual(WAYS.map((way) => [way, { code: 0, signal: null }, '']))
})

test.concurrent('a directory that another process has open is refused, with its path and who has it', async () => {
  const path = join(directory, 'shared')
  const orders: OpeningOrders = { path }
  const holder = await launch('crash/opening.ts', orders)
  await holder.said('OPEN')
  const other = await launch('crash/opening.ts', orders)
  const refusal = await other.said('REFUSED')
  expect(refusal).toContain(
    `REFUSED STORE_LOCKED failed ${path} is open already, by process ${holder.pid} since `,
  )
  expect((await other.ended).code).toBe(0)

  await holder.kill()
  const store = levelStore(path)
  const queue = new Queue('opening', { store })
  expect(await queue.count()).toBe(1)
  const twice = new Queue('opening', { store: levelStore(path) })
  await expect(twice.add('one', 1)).rejects.toMatchObject({
    code: 'STORE_LOCKED',
    message: expect.stringContaining(`${path} is open already, by this process since `),
  })
  await store.close()
})

test.concurrent('a directory that may not be written is refused, with its path', async () => {
  const path = join(directory, 'read-only')
  await mkdir(path)
  await chmod(path, 0o555)
  // To root modes mean nothing, unless it gives up its capabilities.
  const under = process.getuid?.() === 0 ? ['setpriv', '--bounding-set', '-all', '--inh-caps', '-all'] : []
  const program = await launch('crash/opening.ts', { path }, { under })
  const refusal = await program.said('REFUSED')
  expect(refusal).toContain(`REFUSED STORE_FAILED failed ${path} cannot be opened: `)
  expect(refusal).toMatch(/permission denied/i)
  console.log(`read-only: ${refusal}`)
  expect(await program.ended).toEqual({ code: 0, signal: null })
  await chmod(path, 0o755)
})

test.concurrent('a process stopped for longer than its leases loses nothing and runs no job twice at once', async () => {
  const orders: FrozenOrders = {
    path: join(directory, 'frozen'),
    jobs: 20,
    lockDuration: LOCK_MS,
    handlerMs: 200,
  }
  const program = await launch('crash/frozen.ts', orders)
  await program.said('RUN 6')
  program.signal('SIGSTOP')
  await sleep(LOCK_MS * 2.5)
  program.signal('SIGCONT')
  expect(await program.ended, program.complaints).toEqual({ code: 0, signal: null })
  expect(program.lines.at(-1)).toBe('THROUGH true')

  const running = new Set<string>()
  for (const line of program.lines) {
    const [word, id = ''] = line.split(' ')
    if (word === 'RUN') {
      expect(running.has(id), `${id} began while it was running`).toBe(false)
      running.add(id)
    }
    if (word === 'RAN' || word === 'LOST') running.delete(id)
  }
  const lost = program.lines.filter((line) => line.startsWith('LOST')).length
  console.log(`stopped and continued: ${lost} leases lost`)
})
