/** The limits of the machine, measured in the same run: what the engines do with the same bytes and nothing around them. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { headObject, headRecord, indexKey } from './subject.ts'

/** `JSON.stringify` of a head, per second. */
export function stringifyRate(): number {
  const times = 300_000
  let length = 0
  const began = performance.now()
  for (let n = 0; n < times; n++) {
    headObject.fence = n + 1_790_000_000_000
    length += JSON.stringify(headObject).length
  }
  if (length === 0) throw new Error('nothing was measured')
  return perSecond(times, began)
}

/** Synced chained batches of `size` jobs, a record and an index key each: jobs per second. */
export async function batchRate(size: number, seconds = 1): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-bench-'))
  const db = new ClassicLevel(folder, { writeBufferSize: 8 * 1024 * 1024 })
  await db.open()
  let jobs = 0
  const began = performance.now()
  while (performance.now() - began < seconds * 1000) {
    const batch = db.batch()
    for (let n = 0; n < size; n++, jobs++)
      batch.put(`r emails:${jobs}`, headRecord).put(`k done:emails ${indexKey(jobs)}`, '.')
    await batch.write({ sync: true })
  }
  const rate = perSecond(jobs, began)
  await db.close()
  rmSync(folder, { recursive: true })
  return rate
}

export const perSecond = (count: number, began: number): number =>
  count / ((performance.now() - began) / 1000)
