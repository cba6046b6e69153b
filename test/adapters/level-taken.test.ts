/** A directory is open once in a process, whatever it is called and whoever opened it; and who is refused takes nobody's lock away. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { open, symlink } from 'node:fs/promises'
import { basename, relative } from 'node:path'
import { promisify } from 'node:util'
import { Worker } from 'node:worker_threads'
import { Level } from 'level'
import { expect, test } from 'vitest'
import { levelStore } from '../../adapters/level.ts'
import { built } from '../programs/build.ts'
import { paths } from './level-stage.ts'

const path = paths()
const PROGRAM = 'test/adapters/level-child.ts'
const LOCKED = { code: 'STORE_LOCKED', outcome: 'failed' }

/** What another process is told that opens the directory. */
async function elsewhere(place: string): Promise<string> {
  const program = await built(PROGRAM)
  const opening = promisify(execFile)(process.execPath, [program, 'hold', place], { timeout: 20_000 })
  return opening.then(
    ({ stdout }) => stdout,
    (error: { stderr: string }) => error.stderr,
  )
}

test.each<[string, (place: string) => string | Promise<string>]>([
  ['as it was written', (place) => place],
  ['relative to where the process runs', (place) => relative(process.cwd(), place)],
  ['by a detour', (place) => `${place}/../${basename(place)}/`],
  [
    'by a link',
    async (place) => {
      await symlink(place, `${place}-link`)
      return `${place}-link`
    },
  ],
])('a directory is locked for its own process, %s, and stays so for others', async (_, named) => {
  const place = path()
  await using holder = levelStore(place)
  await holder.ready()
  const store = levelStore(await named(place))
  for (let tries = 0; tries < 2; tries++) await expect(store.ready()).rejects.toMatchObject(LOCKED)
  expect(await elsewhere(place)).toContain('STORE_LOCKED')
  await holder.close()
  await store.ready()
  await store.close()
})

test('so is one that a database has open which is no store', async () => {
  const place = path()
  await using db = new Level(place)
  await db.open()
  await expect(levelStore(place).ready()).rejects.toMatchObject(LOCKED)
  expect(await elsewhere(place)).toContain('STORE_LOCKED')
})

test('so is one that another thread has open, until it ends', async () => {
  const place = path()
  const thread = new Worker(await built(PROGRAM), { argv: ['hold', place], stdout: true })
  await once(thread.stdout, 'data')
  await using store = levelStore(place)
  await expect(store.ready()).rejects.toMatchObject(LOCKED)
  expect(await elsewhere(place)).toContain('STORE_LOCKED')
  await thread.terminate()
  await store.ready()
})

test('a child that inherits the handle of the lock may open the directory once it is free', async () => {
  const place = path()
  const holder = levelStore(place)
  await holder.ready()
  const program = [process.execPath, await built(PROGRAM), 'hold', place]
  const child = spawn('sh', ['-c', 'read line; exec "$0" "$@"', ...program], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  await holder.close()
  child.stdin.end('\n')
  const [said] = await once(child.stdout, 'data')
  expect(String(said)).toContain('open')
  child.kill('SIGKILL')
  await once(child, 'exit')
})

test('a handle without a lock, as children inherit it, is no opening', async () => {
  const place = path()
  const before = levelStore(place)
  await before.ready()
  await before.close()
  const handle = await open(`${place}/LOCK`)
  const store = levelStore(place)
  await store.ready()
  await store.close()
  await handle.close()
})

test('two stores that open it at once are one that has it and one that is refused', async () => {
  const place = path()
  const stores = [levelStore(place), levelStore(`${place}/.`)]
  const openings = await Promise.allSettled(stores.map((store) => store.ready()))
  expect(openings.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
  for (const store of stores) await store.close()
})
