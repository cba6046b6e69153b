/**
 * Deduplication: the record of an id says which job has it, and where the id is only for a time, until when. Without a time
 * it is the job's until the job ends or is removed, and a job that follows it waits for just that.
 */
import type { Change } from '../store.ts'
import { TIME_MOST } from './bounds.ts'
import { UnreadableRecord, seal, unseal } from './codec.ts'
import type { Head } from './head.ts'
import type { DeduplicationOptions } from './deduplication-options.ts'
import { type Lanes, below, deduplicationIdOf, lapseKey, queuePartOf } from './keys.ts'

export interface DeduplicationRecord {
  /** The head record of the job that has the id. */
  readonly job: string
  /** When it lapses, ms since the epoch; `undefined`: with the job. */
  readonly until: number | undefined
}

/** When an id that is taken now lapses; `undefined`: with its job. */
export const windowOf = ({ ttl, keepLastIfActive }: DeduplicationOptions, now: number): number | undefined =>
  ttl === undefined || keepLastIfActive === true ? undefined : Math.min(now + ttl, TIME_MOST)

export const encodeDeduplication = ({ job, until }: DeduplicationRecord): string =>
  seal(until === undefined ? job : `${job} ${until}`)

/** @throws UnreadableRecord */
export function decodeDeduplication(record: string): DeduplicationRecord {
  const [job = '', until] = unseal(record).split(' ')
  if (job === '') throw new UnreadableRecord('the record of a deduplication id names no job', false)
  return { job, until: until === undefined ? undefined : Number(until) }
}

/** The record of the id that a job of this name was added with. */
export const heldId = (name: string, { id }: DeduplicationOptions): string =>
  deduplicationIdOf(queuePartOf(name), id)

/** The reason under which jobs wait in `blocked` for the end of this one. */
export const followReason = (name: string): string => `after:${name}`

/** The job that waits for the end of this one, if there is one, comes into line. */
export const followOn = (lanes: Lanes, name: string): Change => ({
  move: {
    from: { ...below(lanes.blocked, followReason(name)), limit: 1 },
    to: [{ lane: lanes.due, drop: 1 }],
  },
})

/** How a job leaves its id: it ended, or it was removed before it did. */
export type Leaving = 'ended' | 'removed'

/** The id is given back, where the job still has it, and whoever waited comes into line. Where the id is for a time, that runs on past an end. */
export function releaseId(
  lanes: Lanes,
  name: string,
  { opts: { deduplication }, finishedOn, heldUntil }: Head,
  leaving: Leaving,
): Change[] {
  if (deduplication === undefined || finishedOn !== undefined) return []
  const follow = followOn(lanes, name)
  if (heldUntil !== undefined && leaving === 'ended') return [follow]
  const record = heldId(name, deduplication)
  const release: Change = {
    expect: { equal: [[record, encodeDeduplication({ job: name, until: heldUntil })]] },
    remove: heldUntil === undefined ? [] : [[lanes.lapse, lapseKey(heldUntil, record)]],
    delete: [record],
  }
  return [release, follow]
}
