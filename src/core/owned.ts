/** Which records belong to a job besides its head: what must go when it goes. A feature with records adds a line. */
import { type Head, owns } from './head.ts'
import { historyIds } from './history.ts'
import { keptLogLines } from './job-options.ts'
import { partId } from './keys.ts'

export function ownedRecords(name: string, head: Head): string[] {
  const ids = [...historyIds(name, historyLeases(head))]
  for (const part of ['payload', 'result', 'progress'] as const) {
    if (owns(head, part)) ids.push(partId(part, name))
  }
  if (owns(head, 'logs')) {
    ids.push(partId('logs', name))
    for (let slot = 0; slot < keptLogLines(head.opts); slot++) ids.push(partId('log', name, slot))
  }
  return ids
}

/** Leases that left an entry of their own: none for a job that completed at its first. */
const historyLeases = (head: Head): number => {
  const leases = head.attemptsStarted ?? 0
  const completed = head.finishedOn !== undefined && head.failedCode === undefined
  return completed && leases === 1 ? 0 : leases
}
