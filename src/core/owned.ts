/** Which records belong to a job besides its head: what must go when it goes. A feature with records adds a line. */
import { HISTORY_ENTRIES, LOG_LINES_MOST } from './bounds.ts'
import { type Head, owns } from './head.ts'
import { historyIds } from './history.ts'
import { keptLogLines } from './job-options.ts'
import { partId } from './keys.ts'

/** Of a job whose head cannot be read: all that it may have. */
export function ownedRecords(name: string, head: Head | undefined): string[] {
  const ids = [...historyIds(name, head === undefined ? HISTORY_ENTRIES : historyLeases(head))]
  for (const part of ['payload', 'result', 'progress'] as const) {
    if (head === undefined || owns(head, part)) ids.push(partId(part, name))
  }
  if (head === undefined || owns(head, 'logs')) {
    ids.push(partId('logs', name))
    const slots = head === undefined ? LOG_LINES_MOST : keptLogLines(head.opts)
    for (let slot = 0; slot < slots; slot++) ids.push(partId('log', name, slot))
  }
  return ids
}

/** Leases that left an entry of their own: none for a job that completed at its first. */
const historyLeases = (head: Head): number => {
  const leases = head.attemptsStarted ?? 0
  const completed = head.finishedOn !== undefined && head.failedCode === undefined
  return completed && leases === 1 ? 0 : leases
}
