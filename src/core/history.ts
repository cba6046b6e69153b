/**
 * A job's history: one entry per lease that ended. The entry of a completion is what the head says; every other
 * entry is a record in a ring of slots, so that writing one needs no reading.
 */
import { HISTORY_ENTRIES } from './bounds.ts'
import { seal, unseal } from './codec.ts'
import type { Head } from './head.ts'
import { partId } from './keys.ts'
import type { Ending, GrantFacts } from './lifecycle.ts'

/** What became of one lease of a job. */
export interface HistoryEntry {
  /** 1 for the job's first lease, and so on. */
  readonly attempt: number
  /** ms since the epoch. */
  readonly startedAt: number
  /** ms since the epoch. */
  readonly endedAt: number
  /** The worker's name. */
  readonly worker: string
  /** How it ended. */
  readonly outcome: 'completed' | 'failed' | 'stalled' | 'released' | 'snoozed' | 'cancelled' | 'expired'
  /** Why it failed or stalled; both texts together at most 8 KiB. */
  readonly error?: {
    /** The error's own, or what was thrown as text. */
    readonly message: string
    /** Where it has one. */
    readonly stack?: string
  }
}

/** The record of the lease that was a job's `attempt`th. */
export const historyId = (name: string, attempt: number): string =>
  partId('history', name, attempt % HISTORY_ENTRIES)

/** The records of all entries a job with so many leases may have, oldest first. */
export function historyIds(name: string, leases: number): string[] {
  const ids: string[] = []
  for (let attempt = Math.max(1, leases - HISTORY_ENTRIES + 1); attempt <= leases; attempt++) {
    ids.push(historyId(name, attempt))
  }
  return ids
}

export function historyEntry(
  attempt: number,
  grant: GrantFacts,
  ending: Ending,
  endedAt: number,
): HistoryEntry {
  return {
    attempt,
    startedAt: grant.startedAt,
    endedAt,
    worker: grant.worker,
    outcome: ending.kind,
    error: 'failure' in ending ? ending.failure : undefined,
  }
}

/** The entry that a completed job's head stands for. */
export function completionEntry(head: Head): HistoryEntry | undefined {
  if (head.finishedOn === undefined || head.failedCode !== undefined) return undefined
  return {
    attempt: head.attemptsStarted ?? 0,
    startedAt: head.processedOn ?? head.finishedOn,
    endedAt: head.finishedOn,
    worker: head.processedBy ?? '',
    outcome: 'completed',
  }
}

export const encodeEntry = (entry: HistoryEntry): string => seal(JSON.stringify(entry))
const decodeEntry = (record: string): HistoryEntry => JSON.parse(unseal(record)) as HistoryEntry

/** An entry that is there and can be read. */
export function readEntry(record: string | undefined): HistoryEntry[] {
  try {
    return record === undefined ? [] : [decodeEntry(record)]
  } catch {
    return []
  }
}
