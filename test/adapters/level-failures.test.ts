/** What the LevelDB store does when a write fails, and when data that was written is gone. */
import { spawn } from 'node:child_process'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Level } from 'level'
import { expect, test } from 'vitest'
import { levelStore } from '../../adapters/level.ts'
import { systemHost } from '../../src/host.ts'
import { built } from '../programs/build.ts'
import { add, all, faulty, type Faults, paths } from './level-stage.ts'

const path = paths()
const noSpace = (): Error => new Error('IO error: 000003.log: No space left on device')

/** Fails the next write; `kept` says whether the batch is written all the same. */
function failOnce(faults: Faults, { kept, error = noSpace() }: { kept: boolean; error?: Error }): void {
  faults.write = async (write) => {
    faults.write = (write) => write()
    if (kept) await write()
    throw error
  }
}

test('a batch that failed and is not there rejects as failed; the store goes on in the same epoch', async () => {
  const { db, faults } = faulty(path())
  const store = levelStore(db)
  await store.commit([add('a')])
  let opened = 0
  faults.open = (open) => {
    opened++
    return open()
  }
  failOnce(faults, { kept: false })
  const [lost, joined] = await Promise.allSettled([store.commit([add('b')]), store.commit([add('c')])])
  for (const one of [lost, joined]) {
    expect(one).toMatchObject({ reason: { code: 'STORE_FULL', outcome: 'failed' } })
  }
  expect(opened).toBe(1)
  expect(await all(store)).toEqual(['1/a'])
  expect(await store.commit([add('b'), add('a')])).toEqual([[], false])
  expect(await store.count([{ lane: 'ready' }])).toEqual([2])
  expect(store.epoch).toBe('1')
  await store.close()
  await db.close()
})

test('a batch that failed and is there after all is acknowledged', async () => {
  const { db, faults } = faulty(path())
  const store = levelStore(db)
  await store.commit([add('a')])
  failOnce(faults, { kept: true })
  expect(await store.commit([add('b'), add('a')])).toEqual([[], false])
  expect(await all(store)).toEqual(['1/a', '1/b'])
  expect(await store.commit([add('c')])).toEqual([[]])
  await store.close()
  await db.close()
})

test('a database that could not be closed after a failed write is closed before anything is written again', async () => {
  const { db, faults } = faulty(path())
  const store = levelStore(db)
  await store.commit([add('a')])
  const close = db.close.bind(db)
  let closings = 0
  db.close = async () => {
    if (++closings <= 2) throw new Error('busy')
    await close()
  }
  failOnce(faults, { kept: false })
  await expect(store.commit([add('b')])).rejects.toMatchObject({ outcome: 'unknown' })
  await expect(store.read(['a'])).rejects.toMatchObject({ code: 'STORE_FAILED', outcome: 'failed' })
  expect(await store.commit([add('c')])).toEqual([[]])
  expect(closings).toBe(3)
  expect(await all(store)).toEqual(['1/a', '1/c'])
  await store.close()
  await db.close()
})

test('an error that is not about space is STORE_FAILED', async () => {
  const { db, faults } = faulty(path())
  const store = levelStore(db)
  failOnce(faults, { kept: false, error: new Error('IO error: Input/output error') })
  // The first write is the one that opens the store.
  await expect(store.ready()).rejects.toMatchObject({ code: 'STORE_FAILED', outcome: 'failed' })
  await store.ready()
  failOnce(faults, { kept: false, error: new Error('IO error: Input/output error') })
  await expect(store.commit([add('a')])).rejects.toMatchObject({ code: 'STORE_FAILED', outcome: 'failed' })
  await store.close()
  await db.close()
})

test('while it cannot be opened again the first calls are unknown, later ones failed, and then it goes on', async () => {
  const { db, faults } = faulty(path())
  const store = levelStore(db)
  await store.commit([add('a')])
  failOnce(faults, { kept: true })
  let attempts = 0
  faults.open = async () => {
    attempts++
    throw noSpace()
  }
  const reading = store.read(['a'])
  await expect(store.commit([add('b')])).rejects.toMatchObject({ code: 'STORE_FULL', outcome: 'unknown' })
  expect(await reading).toEqual(['value of a'])
  expect(attempts).toBe(1)
  const later = await Promise.allSettled([store.commit([add('c')]), store.read(['a']), store.ready()])
  for (const one of later) expect(one).toMatchObject({ reason: { code: 'STORE_FULL', outcome: 'failed' } })
  expect(attempts, 'it was tried again').toBeGreaterThanOrEqual(2)
  faults.open = (open) => open()
  expect(await store.commit([add('c')])).toEqual([[]])
  expect(await all(store)).toEqual(['1/a', '1/b', '1/c'])
  await store.close()
  await db.close()
})

test('a database its owner has closed is not opened again', async () => {
  const { db } = faulty(path())
  const store = levelStore(db)
  await store.commit([add('a')])
  await db.close()
  await expect(store.commit([add('b')])).rejects.toMatchObject({ code: 'STORE_FAILED' })
  await expect(store.read(['a'])).rejects.toMatchObject({ code: 'STORE_FAILED', outcome: 'failed' })
  expect(db.status).toBe('closed')
  await store.close()
})

test.skipIf(process.platform === 'win32')(
  'no acknowledged write is lost when files can grow no more',
  async () => {
    const place = path()
    const lines = await filled(place)
    const ended = Object.fromEntries(lines.map((line) => line.split(/ (.*)/).slice(0, 2) as [string, string]))
    expect(Object.keys(ended)).toHaveLength(30)
    expect(new Set(Object.values(ended))).toEqual(new Set(['ok', 'STORE_FULL failed']))

    const store = levelStore(place)
    const ids = Object.keys(ended)
    const records = await store.read(ids)
    const kept = ids.filter((_, index) => records[index] !== undefined)
    expect(kept).toEqual(ids.filter((id) => ended[id] === 'ok'))
    expect(await store.count([{ lane: 'ready' }])).toEqual([kept.length])
    expect((await all(store)).toSorted()).toEqual(kept.toSorted())
    await store.close()
  },
)

/** What a process said that filled the store until its files met a limit, and then killed itself. */
async function filled(place: string): Promise<string[]> {
  const program = await built('test/adapters/level-child.ts')
  const command = `ulimit -f 1024; exec "${process.execPath}" "${program}" fill "${place}"`
  const child = spawn('sh', ['-c', command], { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  for await (const piece of child.stdout) text += String(piece)
  return text.trim().split('\n')
}

test('a batch missing from the middle is found at open; acceptLoss goes on with what is there', async () => {
  const place = path()
  const store = levelStore(place)
  for (let index = 0; index < 6; index++) await store.commit([add(`job-${index}`)])
  await store.close()
  const level = new Level(place)
  // The fourth batch: the entry that opened the store is the first.
  for (const key of ['m ring 4', 'k ready 1/job-2', 'r job-2']) await level.del(key)
  await level.close()

  // More than once, since what LevelDB says about it is gone after the first time.
  for (let attempt = 0; attempt < 2; attempt++) {
    const error = await levelStore(place)
      .ready()
      .catch((error: unknown) => error)
    expect(error).toMatchObject({ code: 'STORE_CORRUPT', outcome: 'failed' })
    expect(String(error)).toContain(place)
    expect(String(error)).toMatch(/1 written batches are missing .*number 4.*acceptLoss/)
  }
  const warnings = await acceptLoss(place)
  expect(warnings).toHaveLength(1)
  expect(warnings[0]).toMatch(/data was lost.*number 4/)
  const after = levelStore(place)
  expect(await after.count([{ lane: 'ready' }])).toEqual([5])
  await after.close()
})

test('a log damaged in the middle is found at open, by what LevelDB says it dropped', async () => {
  const place = path()
  const store = levelStore(place)
  const value = 'v'.repeat(4_000)
  for (let index = 0; index < 40; index++) {
    await store.commit([{ set: [[`job-${index}`, value]], add: [['ready', `job-${index}`]] }])
  }
  await store.close()
  const log = join(place, (await readdir(place)).find((file) => file.endsWith('.log'))!)
  const bytes = await readFile(log)
  bytes[70_000]! ^= 0xff
  await writeFile(log, bytes)

  const error = await levelStore(place)
    .ready()
    .catch((error: unknown) => error)
  expect(error).toMatchObject({ code: 'STORE_CORRUPT' })
  expect(String(error)).toMatch(/written batches are missing.*dropping \d+ bytes/)
  await expect(levelStore(place).ready()).rejects.toMatchObject({ code: 'STORE_CORRUPT' })
  expect(await acceptLoss(place)).toHaveLength(1)
  const after = levelStore(place)
  const kept = await all(after)
  expect(kept.length).toBeLessThan(40)
  expect(await after.count([{ lane: 'ready' }])).toEqual([kept.length])
  await after.close()
})

/** Opens the store all the same, and says what it warned of. */
async function acceptLoss(place: string): Promise<string[]> {
  const warnings: string[] = []
  const store = levelStore(place, {
    acceptLoss: true,
    host: { ...systemHost, warn: (text) => void warnings.push(text) },
  })
  await store.ready()
  await store.close()
  return warnings
}
