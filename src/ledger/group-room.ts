/** Room in groups: how many jobs may wait in one, as those say that are added. */
import type { CheckedJobOptions } from '../core/job-options.ts'
import { below, escapePart } from '../core/keys.ts'
import { HoldfastError } from '../error.ts'
import type { Change } from '../store.ts'
import type { NewJob } from './addition.ts'
import type { Ledger } from './ledger.ts'

/** Groups that jobs are to find room in. */
export function roomsOf({ lanes }: Ledger, jobs: readonly NewJob[]) {
  const rooms = new Map<string, { readonly group: string; max: number; count: number }>()
  for (const { options } of jobs) {
    if (options.group?.maxSize === undefined) continue
    const { id, maxSize } = options.group
    const room = rooms.get(id) ?? { group: id, max: maxSize, count: 0 }
    room.max = Math.min(room.max, maxSize)
    room.count++
    rooms.set(id, room)
  }
  return [...rooms.values()].map(({ group, max, count }) => {
    const most = max - count
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
