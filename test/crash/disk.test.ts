/** A disk that fills up, and a record that was damaged on it. */
import { spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { Queue, Worker } from 'holdfast'
import { levelStore } from 'holdfast/level'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { FillingOrders } from './filling.ts'
import { launch } from './launch.ts'

const MIB = 1024 * 1024

let directory = ''
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-disk-'))
})
afterAll(() => rm(directory, { recursive: true }))

/** Commands that run a program on a small disk; the directory it lies in comes next. */
const FILES_OF_3_MIB = ['sh', '-c', 'ulimit -f 6144; exec "$@"']
const DISK_OF_16_MIB = ['unshare', '-rm', 'sh', '-c', 'mount -t tmpfs -o size=16m tmpfs "$0" && exec "$@"']
/** Not every machine lets us have a disk of our own. */
const mayMount = spawnSync('unshare', [...DISK_OF_16_MIB.slice(1), tmpdir(), 'true']).status === 0

const DISKS = [{ disk: 'files that cannot grow', command: FILES_OF_3_MIB, ballastBytes: 0 }]
if (mayMount) DISKS.push({ disk: 'a disk that is full', command: DISK_OF_16_MIB, ballastBytes: 10 * MIB })

test.concurrent.each(DISKS)(
  '$disk: jobs are refused, none is lost, and later ones are taken',
  async (disk) => {
    const own = await mkdtemp(join(directory, 'small-'))
    const orders: FillingOrders = { directory: own, ballastBytes: disk.ballastBytes, jobBytes: 50_000 }
    const program = await launch('crash/filling.ts', orders, { under: [...disk.command, own] })
    const { code } = await program.ended
    expect(code, program.complaints).toBe(0)

    const refusals = program.lines.filter((line) => line.startsWith('REFUSED'))
    expect(refusals.filter((line) => !line.startsWith('REFUSED STORE_FULL '))).toEqual([])
    // The write that met the end of the disk may have got there, should nobody be able to look; all others did not.
    const unknown = refusals.filter((line) => !line.startsWith('REFUSED STORE_FULL failed '))
    expect(unknown.length).toBeLessThanOrEqual(1)
    const errors = Number((await program.said('ERRORS')).split(' ')[1])
    expect(errors, 'a worker rests while its store fails').toBeLessThan(30)

    const acknowledged = Number((await program.said('AGAIN')).split(' ')[1])
    expect(acknowledged).toBeGreaterThan(50)
    const [, unasked, missing, problems] = (await program.said('REOPENED')).split(' ').map(Number)
    expect({ missing, problems }).toEqual({ missing: 0, problems: 0 })
    expect(unasked).toBeLessThanOrEqual(unknown.length)
    console.log(
      `${disk.disk}: ${refusals[0]}; ${refusals[1]}; ${acknowledged} acknowledged, ${missing} missing`,
    )
  },
)

test.concurrent('a record damaged on the disk fails its own job, and the worker goes on', async () => {
  const path = join(directory, 'damaged')
  const before = levelStore(path)
  const jobs = new Queue('damaged', { store: before })
  for (const id of ['a', 'b', 'c', 'd']) {
    await jobs.add('one', id === 'd' ? 'x'.repeat(5000) : id, { jobId: id })
  }
  await before.close()

  const db = new ClassicLevel(path)
  for (const key of ['r damaged:b', 'r payload:damaged:d']) {
    const record = await db.get(key)
    await db.put(key, `${record?.slice(0, -1)}?`)
  }
  await db.close()

  await using store = levelStore(path)
  const queue = new Queue('damaged', { store })
  const worker = new Worker('damaged', (job) => job.id, { store })
  const completed: string[] = []
  const failed = new Map<string | undefined, unknown>()
  worker.on('completed', ({ id }) => completed.push(id))
  worker.on('failed', (job, { message }) => failed.set(job?.id, [job?.failedCode, message]))
  await expect.poll(() => completed.length + failed.size).toBe(4)
  expect(completed.sort()).toEqual(['a', 'c'])
  expect(Object.fromEntries(failed)).toEqual({
    b: ['UNREADABLE', 'the job b was set aside: the checksum does not match the record'],
    d: ['UNREADABLE', 'its data cannot be read: the checksum does not match the record'],
  })
  expect(await queue.getJob('b')).toMatchObject({ failedCode: 'UNREADABLE' })
  expect(await queue.verify()).toMatchObject({ ok: true })
  await worker.close()
})
