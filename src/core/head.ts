/**
 * A job's head: the small record that every change of the job rewrites, and what it says. Data and result stay in
 * it while they are small, on lines of their own, so that a rewrite does not encode them again.
 */
import { INLINE_BYTES } from './bounds.ts'
import { UnreadableRecord, seal, unseal } from './codec.ts'
import type { KeptOptions } from './job-options.ts'
import type { PayloadText } from './payload.ts'

/** Why a job failed for good. */
export type FailedCode =
  | 'STALLED'
  | 'TIMEOUT'
  | 'UNRECOVERABLE'
  | 'ATTEMPTS_EXHAUSTED'
  | 'UNREADABLE'
  | 'NO_HANDLER'

/** Fields that are absent are 0, false or not known yet. */
export interface HeadFields {
  readonly name: string
  /** Ready key: the job's place in its queue's total order. */
  readonly key: string
  /** When it was added, ms since the epoch. */
  readonly timestamp: number
  /** Every grant's fence is at least this. */
  readonly fence: number
  readonly opts: KeptOptions
  readonly attemptsMade?: number
  readonly attemptsStarted?: number
  readonly stalledCounter?: number
  /** How often it was retried by hand. */
  readonly generation?: number
  /** When it is due, where its key is in `due` or `suspect`. */
  readonly runAt?: number
  readonly processedOn?: number
  readonly processedBy?: string
  /** When it ended, where its key is in `done` or `dead`. */
  readonly finishedOn?: number
  /** Present where its key is in `dead`. */
  readonly failedCode?: FailedCode
  /** Of the last attempt that failed. */
  readonly failedReason?: string
  /** Parts with records of their own. */
  readonly owns?: readonly OwnedPart[]
  /** What a reader must know in order to handle this job; an older version leaves it alone. */
  readonly needs?: readonly string[]
}

export type OwnedPart = 'payload' | 'result' | 'progress' | 'logs'

export interface Head extends HeadFields {
  /** Absent where the head owns a `payload` record. */
  readonly data?: PayloadText
  /** Absent where there is none, or the head owns a `result` record. */
  readonly result?: PayloadText
}

/** Values of `needs` that this version knows. */
const KNOWN_NEEDS: ReadonlySet<string> = new Set()

export function encodeHead({ data = '', result = '', ...fields }: Head): string {
  return seal(`${JSON.stringify(fields)}\n${data}\n${result}`)
}

/** @throws UnreadableRecord where the record is damaged (or there is none), or needs a newer version. */
export function decodeHead(record: string | undefined): Head {
  if (record === undefined) throw new UnreadableRecord('the record is missing', false)
  const [fields = '', data = '', result = ''] = unseal(record).split('\n')
  const head = JSON.parse(fields) as HeadFields
  const unknown = head.needs?.filter((need) => !KNOWN_NEEDS.has(need)) ?? []
  if (unknown.length > 0)
    throw new UnreadableRecord(`the job needs ${unknown.join(', ')}, which this version does not know`, true)
  return { ...head, ...(data === '' ? {} : { data }), ...(result === '' ? {} : { result }) }
}

/** Whether a payload is small enough to stay in the head. */
export const fitsInline = (text: PayloadText): boolean => text.length <= INLINE_BYTES

export const owns = (head: Head, part: OwnedPart): boolean => head.owns?.includes(part) ?? false

export const withOwned = (head: Head, part: OwnedPart): Head =>
  owns(head, part) ? head : { ...head, owns: [...(head.owns ?? []), part] }

export function withoutOwned(head: Head, part: OwnedPart): Head {
  if (!owns(head, part)) return head
  const left = head.owns!.filter((owned) => owned !== part)
  return { ...head, owns: left.length > 0 ? left : undefined }
}
