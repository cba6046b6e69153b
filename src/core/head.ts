/**
 * A job's head: the small record that every change of the job rewrites, and what it says. Data and result stay in
 * it while they are small, on lines of their own, so that a rewrite does not encode them again.
 */
import { INLINE_BYTES } from './bounds.ts'
import { UnreadableRecord, seal, unseal } from './codec.ts'
import type { LetterOrigin } from './dead-letter.ts'
import { type KeptOptions, NO_OPTIONS } from './job-options.ts'
import type { PayloadText } from './payload.ts'

/** Why a job failed for good. */
export type FailedCode =
  | 'STALLED'
  | 'TIMEOUT'
  | 'UNRECOVERABLE'
  | 'ATTEMPTS_EXHAUSTED'
  | 'UNREADABLE'
  | 'NO_HANDLER'
  | 'CANCELLED'
  | 'EXPIRED'
  | 'SCHEMA_MISMATCH'

/** Fields that are absent are 0, false or not known yet. */
interface HeadFields {
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
  /** When it fails unless its first lease has begun. */
  readonly expiresAt?: number
  readonly processedOn?: number
  readonly processedBy?: string
  /** When it ended, where its key is in `done` or `dead`. */
  readonly finishedOn?: number
  /** Present where its key is in `dead`. */
  readonly failedCode?: FailedCode
  /** Of the last attempt that failed. */
  readonly failedReason?: string
  /** Why, where somebody cancelled it while it ran: its lease ends as cancelled, however it ends. */
  readonly cancelled?: string
  /** Where it came from, in a queue of dead letters. */
  readonly origin?: LetterOrigin
  /** The bulk it was added with, where that was stored in more than one unit; forgotten when the head is next rewritten. */
  readonly bulk?: string
  /** The schedule that made it, by id. */
  readonly schedule?: string
  /** When its deduplication id lapses, where that has a time. */
  readonly heldUntil?: number
  /** Why its key is in `blocked`, where it is there; it may say so when that is over. */
  readonly blocked?: string
  /** Parts with records of their own. */
  readonly owns?: readonly OwnedPart[]
  /** What a reader must know in order to handle this job; an older version leaves it alone. */
  readonly needs?: readonly string[]
}

export type OwnedPart = 'payload' | 'result' | 'progress' | 'logs' | 'origin'

/** Keys of the two texts inside a head. They are symbols because JSON leaves those out: encoding a head copies nothing. */
export const DATA = Symbol('data')
export const RESULT = Symbol('result')

export interface Head extends HeadFields {
  /** Absent where the head owns a `payload` record. */
  readonly [DATA]?: PayloadText
  /** Absent where there is none, or the head owns a `result` record. */
  readonly [RESULT]?: PayloadText
}

/** A head that is being made. */
export type HeadDraft = { -readonly [K in keyof Head]: Head[K] }

/**
 * A copy to be altered, without its bulk: who alters it has seen that all of the bulk is stored. Every field is named, so that
 * all heads have one shape: that makes this and the encoding after it several times as fast as a spread of what JSON gave.
 */
export const draftOf = (head: Head): HeadDraft => ({
  name: head.name,
  key: head.key,
  timestamp: head.timestamp,
  fence: head.fence,
  opts: head.opts,
  attemptsMade: head.attemptsMade,
  attemptsStarted: head.attemptsStarted,
  stalledCounter: head.stalledCounter,
  generation: head.generation,
  runAt: head.runAt,
  expiresAt: head.expiresAt,
  processedOn: head.processedOn,
  processedBy: head.processedBy,
  finishedOn: head.finishedOn,
  failedCode: head.failedCode,
  failedReason: head.failedReason,
  cancelled: head.cancelled,
  schedule: head.schedule,
  heldUntil: head.heldUntil,
  blocked: head.blocked,
  origin: head.origin,
  owns: head.owns,
  needs: head.needs,
  [DATA]: head[DATA],
  [RESULT]: head[RESULT],
})

/** Values of `needs` that this version knows. */
const KNOWN_NEEDS: ReadonlySet<string> = new Set()

/** JSON's text, put together by hand: of so many fields that mostly are not there, `JSON.stringify` takes three times as long. */
export function encodeHead(head: Head): string {
  const json =
    `{"name":${quoted(head.name)},"key":${quoted(head.key)},"timestamp":${head.timestamp},"fence":${head.fence}` +
    `,"opts":${encodedOptions(head.opts)}` +
    numeral('attemptsMade', head.attemptsMade) +
    numeral('attemptsStarted', head.attemptsStarted) +
    numeral('stalledCounter', head.stalledCounter) +
    numeral('generation', head.generation) +
    numeral('runAt', head.runAt) +
    numeral('expiresAt', head.expiresAt) +
    numeral('processedOn', head.processedOn) +
    text('processedBy', head.processedBy) +
    numeral('finishedOn', head.finishedOn) +
    text('failedCode', head.failedCode) +
    text('failedReason', head.failedReason) +
    text('cancelled', head.cancelled) +
    text('bulk', head.bulk) +
    text('schedule', head.schedule) +
    numeral('heldUntil', head.heldUntil) +
    text('blocked', head.blocked) +
    anything('origin', head.origin) +
    anything('owns', head.owns) +
    anything('needs', head.needs)
  return seal(`${json}}\n${head[DATA] ?? ''}\n${head[RESULT] ?? ''}`)
}

const numeral = (field: keyof HeadFields, value: number | undefined): string =>
  value === undefined ? '' : `,"${field}":${value}`

const text = (field: keyof HeadFields, value: string | undefined): string =>
  value === undefined ? '' : `,"${field}":${quoted(value)}`

const anything = (field: keyof HeadFields, value: object | undefined): string =>
  value === undefined ? '' : `,"${field}":${JSON.stringify(value)}`

/** Texts that JSON writes as they are: most names and keys. */
const PLAIN = /^[ !#-[\]-~]*$/

const quoted = (value: string): string => (PLAIN.test(value) ? `"${value}"` : JSON.stringify(value))

const encodedOptions = (options: KeptOptions): string =>
  options === NO_OPTIONS ? '{}' : JSON.stringify(options)

/** @throws UnreadableRecord where the record is damaged (or there is none), or needs a newer version. */
export function decodeHead(record: string | undefined): Head {
  if (record === undefined) throw new UnreadableRecord('the record is missing', false)
  const body = unseal(record)
  const dataAt = body.indexOf('\n') + 1
  const resultAt = body.indexOf('\n', dataAt) + 1
  const head = JSON.parse(body.slice(0, dataAt - 1)) as HeadDraft
  const unknown = head.needs?.filter((need) => !KNOWN_NEEDS.has(need)) ?? []
  if (unknown.length > 0) {
    throw new UnreadableRecord(`the job needs ${unknown.join(', ')}, which this version does not know`, true)
  }
  if (resultAt - dataAt > 1) head[DATA] = body.slice(dataAt, resultAt - 1)
  if (resultAt < body.length) head[RESULT] = body.slice(resultAt)
  return head
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
