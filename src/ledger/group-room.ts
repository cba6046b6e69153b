/** Room in groups: how many jobs may wait in one, as those say that are added. */
import type { CheckedJobOptions } from '../core/job-options.ts'
import { below, escapePart } from '../core/keys.ts'
import { HoldfastError } from '../error.ts'
import type { Change } from '../store.ts'
import type { NewJob } from './addition.ts'
import type { Ledger } from './ledger.ts'

/** Groups that jobs are to find room in: each behind those that come before it here, whatever they say of room themselves. */
export function roomsOf({ lanes }: Ledger, jobs: readonly NewJob[]) {
  const joined = new Map<string, number>()
  const rooms = new Map<string, { readonly max: number; readonly most: number }>()
  for (const { options } of jobs) {
    if (options.group === undefined) continue
    const { id, maxSize } = options.group
    const before = joined.get(id) ?? 0
    joined.set(id, before + 1)
    if (maxSize === undefined) continue
    const most = maxSize - 1 - before
    if (most < (rooms.get(id)?.most ?? Infinity)) rooms.set(id, { max: maxSize, most })
  }
  return [...rooms].map(([group, { max, most }]) => {
    if (most < 0) throw groupFull(group, max)
    return { group, max, most, size: [below(lanes.grouped, escapePart(group)), 0, most] as const }
  })
}

/** @throws HoldfastError `GROUP_FULL`. */
export async function assertRoom(ledger: Ledger, jobs: readonly NewJob[]): Promise<void> {
  const rooms = roomsOf(ledger, jobs)
  if (rooms.length === 0) return
  const counts = await ledger.store.count(rooms.map(({ size }) => size[0]))
  const full = rooms.find(({ most }, at) => counts[at]! > most)
  if (full !== undefined) throw groupFull(full.group, full.max)
}

const groupFull = (group: string, max: number): HoldfastError =>
  new HoldfastError(
    'GROUP_FULL',
    `the group ${JSON.stringify(group)} may hold ${max} jobs that wait, and has no room for more`,
  )

/** A ULID is new; asking the store about it would cost a read for each job. */
export function expectedOf(
  { grouped }: Ledger['lanes'],
  { jobId, group }: CheckedJobOptions,
  record: string,
): Change['expect'] {
  const absent = jobId === undefined ? undefined : [record]
  if (group?.maxSize === undefined) return absent && { absent }
  return { absent, size: [[below(grouped, escapePart(group.id)), 0, group.maxSize - 1]] }
}
