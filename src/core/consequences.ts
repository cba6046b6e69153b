/**
 * What follows from the end of a lease besides the job's own change: a fixed list of pure functions. Each is
 * applied only if the settle applied, in the same unit. A feature adds one entry; plain jobs pay nothing.
 */
import type { Change } from '../store.ts'
import type { Head } from './head.ts'
import { encodeEntry, historyEntry, historyId } from './history.ts'
import type { Lanes } from './keys.ts'
import type { Departure, Ending, GrantFacts } from './lifecycle.ts'
import { handedBack } from './owned.ts'

export interface LeaseEnd {
  readonly lanes: Lanes
  /** The job's head record. */
  readonly name: string
  readonly before: Head
  readonly departure: Departure
  readonly grant: GrantFacts
  readonly ending: Ending
  readonly now: number
}

type Consequence = (end: LeaseEnd) => readonly Change[]

const NOTHING: readonly Change[] = []

/** Every end but a completion leaves an entry in the job's history, if the job is kept. */
const remember: Consequence = ({ name, departure, grant, ending, now }) => {
  if (ending.kind === 'completed' || departure.lane === 'gone') return NOTHING
  const attempt = departure.head.attemptsStarted ?? 1
  return [{ set: [[historyId(name, attempt), encodeEntry(historyEntry(attempt, grant, ending, now))]] }]
}

/** With its last lease a job gives back what it held in common with others. */
const handBack: Consequence = ({ lanes, name, before, departure }) =>
  isEnd(departure) ? handedBack(lanes, name, before, 'ended') : NOTHING

const isEnd = ({ lane }: Departure): boolean => lane === 'done' || lane === 'dead' || lane === 'gone'

const CONSEQUENCES: readonly Consequence[] = [remember, handBack]

export function consequencesOf(end: LeaseEnd): Change[] {
  const changes: Change[] = []
  for (const consequence of CONSEQUENCES) changes.push(...consequence(end))
  return changes
}
