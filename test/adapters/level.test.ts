/** The life of a LevelDB store: options, opening, what survives closing, who holds a directory, what is not ours. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Level } from 'level'
import { expect, test } from 'vitest'
import { levelStore } from '../../adapters/level.ts'
import type { Store } from '../../src/store.ts'
import { built } from '../programs/build.ts'
import { add, all, move, paths } from './level-stage.ts'

const path = paths()

test.each([
  ['an empty path', '', {}, /path/],
  ['a path with NUL', 'a\0b', {}, /path/],
  ['a number', 7, {}, /neither a path/],
  ['an object that is no database', {}, {}, /neither a path/],
  ['an unknown option', 'x', { durable: true }, /no option "durable"; there are durability, host/],
  ['a durability it cannot have', 'x', { durability: 'replicated' }, /durability/],
  ['a host that is none', 'x', { host: 1 }, /host/],
  ['an acceptLoss that is no boolean', 'x', { acceptLoss: 1 }, /acceptLoss/],
])('refuses %s', (_, database, options, message) => {
  const open = levelStore as (database: unknown, options: unknown) => Store
  expect(() => open(database, options)).toThrowError(expect.objectContaining({ code: 'OPTION_INVALID' }))
  expect(() => open(database, options)).toThrowError(message)
})

test('undefined means the default, and nothing is opened before it is used', async () => {
  const place = path()
  const store = levelStore(place, { durability: undefined, host: undefined, acceptLoss: undefined })
  expect(store.durability).toBe('disk')
  await store.close()
  await expect(readdir(place)).rejects.toMatchObject({ code: 'ENOENT' })
})

test('a reopened store has its records, counts, order and append numbers, and a later epoch', async () => {
  const place = path()
  const first = levelStore(place)
  await first.commit([add('a'), add('b'), add('c'), { append: [['log', 'x']] }])
  await first.commit([move('ready', 'lease', 1)])
  expect(first.epoch).toBe('1')
  await first.close()

  const second = levelStore(place)
  expect(await second.count([{ lane: 'ready' }, { lane: 'lease' }, { lane: 'none' }])).toEqual([2, 1, 0])
  expect(second.epoch).toBe('2')
  expect(await all(second)).toEqual(['1/b', '1/c'])
  expect(await second.read(['a', 'none'])).toEqual(['value of a', undefined])
  await second.commit([{ append: [['log', 'y']] }])
  expect(await all(second, 'log')).toEqual(['0000000000000001/x', '0000000000000002/y'])
  await second.close()
})

test('a key below the lowest is found after reopening', async () => {
  const place = path()
  await using(levelStore(place), (store) => store.commit([{ add: [['ready', '5/x']] }]))
  await using(levelStore(place), (store) => store.commit([{ add: [['ready', '3/x']] }]))
  await using(levelStore(place), async (store) => {
    expect(await store.commit([move('ready', 'lease', 1)])).toEqual([[{ key: '3/x', record: undefined }]])
  })
})

test('a closed store refuses everything, and closing waits for what is under way', async () => {
  const store = levelStore(path())
  const written = store.commit([add('a')])
  const closed = store.close()
  expect(await written).toEqual([[]])
  await closed
  await store.close()
  const refused = { code: 'STORE_CLOSED', outcome: 'failed' }
  await expect(store.ready()).rejects.toMatchObject(refused)
  await expect(store.commit([])).rejects.toMatchObject(refused)
  await expect(store.read([])).rejects.toMatchObject(refused)
  await expect(store.scan([])).rejects.toMatchObject(refused)
  await expect(store.count([])).rejects.toMatchObject(refused)
})

test('a directory this process has open is locked, and free once it is closed', async () => {
  const place = path()
  const holder = levelStore(place)
  await holder.ready()
  const second = levelStore(place)
  const error = await second.ready().catch((error: unknown) => error)
  expect(error).toMatchObject({ code: 'STORE_LOCKED', outcome: 'failed' })
  expect(String(error)).toContain(place)
  expect(String(error)).toMatch(/by this process since 20/)
  await holder.close()
  await second.ready()
  await second.close()
})

test('a directory another process has open is locked, and the message names it', async () => {
  const place = path()
  const child = await holding(place)
  const store = levelStore(place)
  const error = await store.ready().catch((error: unknown) => error)
  expect(error).toMatchObject({ code: 'STORE_LOCKED' })
  expect(String(error)).toMatch(new RegExp(`by process ${child.pid} since 20`))
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
  await store.ready()
  await store.close()
})

test('a path that is a file is no store', async () => {
  const place = path()
  await writeFile(place, '')
  const error = await levelStore(place)
    .ready()
    .catch((error: unknown) => error)
  expect(error).toMatchObject({ code: 'STORE_FAILED', outcome: 'failed' })
  expect(String(error)).toContain(`${place}, or a part of it, is a file`)
  await expect(levelStore(join(place, 'inside')).ready()).rejects.toThrow(
    'inside, or a part of it, is a file',
  )
})

test('a damaged directory is reported as corrupt', async () => {
  const place = path()
  await using(levelStore(place), (store) => store.commit([add('a')]))
  await writeFile(join(place, 'CURRENT'), 'nonsense')
  // It is not taken by whoever could not open it.
  for (const store of [levelStore(place), levelStore(place)]) {
    await expect(store.ready()).rejects.toMatchObject({ code: 'STORE_CORRUPT' })
  }
})

test('a database with other data in it is left alone', async () => {
  const place = path()
  await mkdir(place)
  const other = new Level(place)
  await other.put('user:1', 'someone')
  await other.close()
  const error = await levelStore(place)
    .ready()
    .catch((error: unknown) => error)
  expect(error).toMatchObject({ code: 'STORE_FAILED' })
  expect(String(error)).toContain('user:1')
})

test('a layout of a later version is not touched', async () => {
  const place = path()
  await using(levelStore(place), (store) => store.ready())
  const level = new Level(place)
  await level.put('m version', '2')
  await level.close()
  await expect(levelStore(place).ready()).rejects.toMatchObject({ code: 'STORE_TOO_NEW' })
})

async function using<Done>(store: Store, work: (store: Store) => Promise<Done>): Promise<void> {
  await work(store)
  await store.close()
}

/** Another process that has the directory open. */
async function holding(place: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [await built('test/adapters/level-child.ts'), 'hold', place], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(child.stdout, 'data')
  return child
}
