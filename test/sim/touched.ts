/** A change as an outsider reads it once it is applied: which keys left, which came, and what that was for each job. */
import { nameOf, placedKey } from '../../src/core/evaluate.ts'
import { STATE_LANES } from '../../src/core/keys.ts'
import type { Change, Key, Moved } from '../../src/store.ts'
import { must } from '../model/invariants.ts'

/** What a change does to one job. */
export interface Touched {
  removed?: { lane: string; key: string }
  added?: { lane: string; key: string }
  /** As it is written. */
  head?: string | undefined
}

export interface ReadChange {
  readonly removed: readonly Key[]
  readonly added: readonly Key[]
  /** By name, those with a state key that came or went, or a head that was written or deleted. */
  readonly jobs: ReadonlyMap<string, Touched>
}

const STATES: ReadonlySet<string> = new Set(STATE_LANES)

export const kindOf = (lane: string): string => lane.slice(0, lane.indexOf(':'))

const isHead = (id: string): boolean => id.split(':').length === 2

export function readChange(change: Change, result: readonly Moved[]): ReadChange {
  const removed: Key[] = [...(change.remove ?? [])]
  const added: Key[] = [...(change.add ?? [])]
  for (const { key } of result) {
    removed.push([change.move!.from.lane, key])
    for (const place of change.move!.to) added.push([place.lane, placedKey(key, place)])
  }
  const jobs = new Map<string, Touched>()
  const touch = (name: string): Touched => {
    let found = jobs.get(name)
    if (found === undefined) jobs.set(name, (found = {}))
    return found
  }
  for (const [lane, key] of removed) if (STATES.has(kindOf(lane))) touch(nameOf(key)).removed = { lane, key }
  for (const [lane, key] of added) {
    if (!STATES.has(kindOf(lane))) continue
    const job = touch(nameOf(key))
    must(job.added === undefined, `invariant 5: ${nameOf(key)} is placed twice by one change`)
    job.added = { lane, key }
  }
  for (const [id, value] of change.set ?? []) if (isHead(id)) touch(id).head = value
  for (const id of change.delete ?? []) if (isHead(id)) touch(id)
  return { removed, added, jobs }
}
