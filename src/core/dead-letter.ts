/**
 * Dead letters: what a job that failed for good becomes in the queue it is moved to, and what it is when it is sent back. Pure: the
 * records of the job that a letter needs are read by others.
 */
import { HISTORY_ENTRIES, ORIGIN_BYTES } from './bounds.ts'
import { seal, unseal } from './codec.ts'
import type { DeadLetterOptions } from './dead-letter-options.ts'
import { DATA, type FailedCode, type Head, type HeadDraft, owns } from './head.ts'
import { type HistoryEntry, historyIds, readEntry } from './history.ts'
import { type KeptOptions, keptLogLines } from './job-options.ts'
import { groupOf, headId, jobIdOf, partId, queueOf } from './keys.ts'
import { restamped } from './ready-key.ts'
import { logOf } from './log.ts'
import { utf8Bytes } from './text.ts'

/** Options of the job that are not for its letter, and that it has again when it is sent back. */
type OwnOptions = Pick<KeptOptions, 'deadLetter' | 'removeOnComplete' | 'removeOnFail' | 'delay' | 'ttl'>

/** Where a letter came from, as its head keeps it. */
export interface LetterOrigin {
  readonly queue: string
  readonly id: string
  readonly code: FailedCode
  readonly reason: string
  /** When it failed, ms since the epoch. */
  readonly at: number
  /** When it was added there, ms since the epoch. */
  readonly timestamp: number
  readonly generation: number
  /** The group it had there, escaped. */
  readonly group?: string | undefined
  readonly opts: OwnOptions
}

/** What else a letter tells of its origin. */
export interface LetterStory {
  readonly history: readonly HistoryEntry[]
  readonly logs: readonly string[]
}

/** Records as they were read. */
export type Records = ReadonlyMap<string, string | undefined>

/** The head record of a job's letter. */
export const letterName = (name: string, { queue }: DeadLetterOptions): string =>
  headId(queue, `${queueOf(name)}:${jobIdOf(name)}`)

/** Which records of a job its letter is made of. */
export function letterRecords(name: string, head: Head): string[] {
  const ids = historyIds(name, head.attemptsStarted ?? 0)
  if (owns(head, 'payload')) ids.push(partId('payload', name))
  if (owns(head, 'logs')) {
    ids.push(partId('logs', name))
    for (let slot = 0; slot < keptLogLines(head.opts); slot++) ids.push(partId('log', name, slot))
  }
  return ids
}

/** A job in another queue, and the records it has there. */
export interface Letter {
  readonly name: string
  readonly head: Head
  readonly parts: readonly (readonly [id: string, value: string])[]
}

/** `last`: the entry of the lease that ended just now, where one did. */
export function letterOf(
  name: string,
  ended: Head,
  records: Records,
  last: HistoryEntry | undefined,
): Letter {
  const { deadLetter, removeOnComplete, removeOnFail, delay, ttl } = ended.opts
  const to = letterName(name, deadLetter!)
  const at = ended.finishedOn!
  const payload = records.get(partId('payload', name))
  const head = draftFor(ended, restamped(ended.key, at), at)
  head.opts = {
    ...ended.opts,
    deadLetter: undefined,
    removeOnComplete: undefined,
    removeOnFail: undefined,
    delay: undefined,
    ttl: undefined,
    idempotencyKey: undefined,
    deduplication: undefined,
  }
  head.owns = payload === undefined ? ['origin'] : ['payload', 'origin']
  head.origin = {
    queue: queueOf(name),
    id: jobIdOf(name),
    code: ended.failedCode!,
    reason: ended.failedReason ?? '',
    at,
    timestamp: ended.timestamp,
    generation: ended.generation ?? 0,
    group: groupOf(ended.key),
    opts: { deadLetter, removeOnComplete, removeOnFail, delay, ttl },
  }
  const story = seal(JSON.stringify(storyOf(name, ended, records, last)))
  const parts: (readonly [string, string])[] = [[partId('origin', to), story]]
  if (payload !== undefined) parts.push([partId('payload', to), payload])
  return { name: to, head, parts }
}

/** The job that a letter came from, in line again, behind those that wait now. */
export function jobOfLetter(head: Head, payload: string | undefined, now: number): Letter {
  const { queue, id, timestamp, generation, group, opts } = head.origin!
  const name = headId(queue, id)
  const again = draftFor(head, restamped(head.key, now, group), timestamp)
  again.opts = { ...head.opts, ...opts }
  again.expiresAt = opts.ttl === undefined ? undefined : now + opts.ttl
  again.generation = generation + 1
  again.owns = payload === undefined ? undefined : ['payload']
  return { name, head: again, parts: payload === undefined ? [] : [[partId('payload', name), payload]] }
}

/** A job that never ran, as far as its queue knows; its fence goes on, as handlers gave it to others. */
const draftFor = (head: Head, key: string, timestamp: number): HeadDraft => ({
  name: head.name,
  key,
  timestamp,
  fence: head.fence,
  opts: head.opts,
  [DATA]: head[DATA],
})

/** The newest entries and lines that fit, oldest first. */
function storyOf(name: string, head: Head, records: Records, last: HistoryEntry | undefined): LetterStory {
  const leases = head.attemptsStarted ?? 0
  const entries = historyIds(name, leases).flatMap((id) => readEntry(records.get(id)))
  // The slot of the last entry still holds the one it would displace.
  const earlier = entries.filter(({ attempt }) => attempt > leases - HISTORY_ENTRIES)
  const history = last === undefined ? earlier : [...earlier, last]
  let room = ORIGIN_BYTES
  const fitting = <T>(all: readonly T[]): T[] => {
    const kept: T[] = []
    for (const one of all.toReversed()) {
      room -= utf8Bytes(JSON.stringify(one)) + 1
      if (room < 0) break
      kept.unshift(one)
    }
    return kept
  }
  return { history: fitting(history), logs: fitting(linesOf(name, head, records)) }
}

function linesOf(name: string, { opts }: Head, records: Records): string[] {
  const counter = records.get(partId('logs', name))
  if (counter === undefined) return []
  const most = keptLogLines(opts)
  const { written, first } = logOf(counter, most)
  const lines: string[] = []
  for (let line = first; line < written; line++) {
    const record = records.get(partId('log', name, line % most))
    if (record !== undefined) lines.push(unseal(record))
  }
  return lines
}

export const readStory = (record: string): LetterStory => JSON.parse(unseal(record)) as LetterStory
