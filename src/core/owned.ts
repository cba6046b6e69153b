/**
 * What belongs to a job besides its head and its state key, and must go when it goes: records of its own, keys in indexes, and
 * what it holds in common with others. A feature with any of these adds a line.
 */
import type { Change, Key } from '../store.ts'
import { HISTORY_ENTRIES, LOG_LINES_MOST } from './bounds.ts'
import { type Leaving, followOn, releaseId } from './deduplication.ts'
import { type Head, owns } from './head.ts'
import { historyIds } from './history.ts'
import { keptLogLines } from './job-options.ts'
import { type Lanes, expiryKey, partId, tagKey } from './keys.ts'
import { ulidIn } from './ready-key.ts'

/** Records of its own; of a job whose head cannot be read: all that it may have. */
export function ownedRecords(name: string, head: Head | undefined): string[] {
  const ids = [...historyIds(name, head === undefined ? HISTORY_ENTRIES : historyLeases(head))]
  for (const part of ['payload', 'result', 'progress', 'origin'] as const) {
    if (head === undefined || owns(head, part)) ids.push(partId(part, name))
  }
  if (head === undefined || owns(head, 'logs')) {
    ids.push(partId('logs', name))
    const slots = head === undefined ? LOG_LINES_MOST : keptLogLines(head.opts)
    for (let slot = 0; slot < slots; slot++) ids.push(partId('log', name, slot))
  }
  return ids
}

/** Index keys that are there exactly as long as the job is: added with it, removed in the unit that removes it. */
export const ownedKeys = (lanes: Lanes, name: string, head: Head | undefined): Key[] =>
  (head?.opts.tags ?? []).map((tag) => [lanes.tag, tagKey(tag, head!.timestamp, name)])

/** The key that says when a job expires that was given a new place; it may outlive the job, or that time, and goes when it has come. */
export const ttlKeys = (lanes: Lanes, name: string, { expiresAt, key, generation = 0 }: Head): Key[] =>
  expiresAt === undefined ? [] : [[lanes.ttl, expiryKey(expiresAt, ulidIn(key), generation, name)]]

const NOTHING: Change[] = []

/**
 * What a job gives back when it ends or is removed, each as a change of its own: it applies only where the job still has
 * what it says.
 */
export const handedBack = (
  lanes: Lanes,
  name: string,
  head: Head | undefined,
  leaving: Leaving,
): Change[] => {
  if (head === undefined) return [followOn(lanes, name)]
  return head.opts.deduplication === undefined ? NOTHING : releaseId(lanes, name, head, leaving)
}

/** Leases that left an entry of their own: none for a job that completed at its first. */
const historyLeases = (head: Head): number => {
  const leases = head.attemptsStarted ?? 0
  const completed = head.finishedOn !== undefined && head.failedCode === undefined
  return completed && leases === 1 ? 0 : leases
}
