/**
 * Idempotency keys: what the record of one says. It is not its job's own: it stays when the job goes, until its time is over.
 * While its job lives it stays too, whatever the time.
 */
import { IDEMPOTENCY_MS, TIME_MOST } from './bounds.ts'
import { UnreadableRecord, seal, unseal } from './codec.ts'
import { fingerprint } from './fingerprint.ts'
import type { Head } from './head.ts'
import type { CheckedJobOptions } from './job-options.ts'
import { lapseKey } from './keys.ts'
import type { PayloadText } from './payload.ts'

export interface IdempotencyRecord {
  /** The job's head record. */
  readonly job: string
  /** When that job was added, ms since the epoch: another may have its id by now. 0: the job was gone already. */
  readonly born: number
  /** Of its name and data as they were added. */
  readonly print: string
  /** Until then it holds in any case, ms since the epoch. */
  readonly until: number
  /** The time of its key in `lapse`: later than `until` where its job lived on. */
  readonly lapsesAt: number
}

export function newIdempotency(
  { job, born }: Pick<IdempotencyRecord, 'job' | 'born'>,
  { name, data, options }: { name: string; data: PayloadText; options: CheckedJobOptions },
  now: number,
): IdempotencyRecord {
  const until = Math.min(now + (options.idempotencyKeyTTL ?? IDEMPOTENCY_MS), TIME_MOST)
  return { job, born, print: fingerprint(name, data), until, lapsesAt: until }
}

export const encodeIdempotency = ({ job, born, print, until, lapsesAt }: IdempotencyRecord): string =>
  seal(`${print} ${until} ${lapsesAt} ${born} ${job}`)

/** @throws UnreadableRecord */
export function decodeIdempotency(record: string): IdempotencyRecord {
  const [print = '', until, lapsesAt, born, job] = unseal(record).split(' ')
  if (job === undefined) throw new UnreadableRecord('the record of an idempotency key says too little', false)
  return { job, born: Number(born), print, until: Number(until), lapsesAt: Number(lapsesAt) }
}

/** The key by which it is found once its time is over. */
export const idempotencyLapse = (id: string, { lapsesAt }: IdempotencyRecord): string =>
  lapseKey(lapsesAt, id)

/** Whether the job of a key is there and not finished. One that cannot be read may yet be. */
export const isLive = (
  { born }: IdempotencyRecord,
  raw: string | undefined,
  head: Head | undefined,
): boolean =>
  raw !== undefined && (head === undefined || (head.finishedOn === undefined && head.timestamp === born))
