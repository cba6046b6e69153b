/**
 * What follows from the end of a lease besides the job's own change: a fixed list of pure functions. Each is
 * applied only if the settle applied, in the same unit. A feature adds one entry; plain jobs pay nothing.
 */
import type { Change } from '../store.ts'
import { type Records, letterName, letterRecords } from './dead-letter.ts'
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
  /** The records that `materialOf` asks for. */
  readonly records: Records
}

type Consequence = (end: LeaseEnd) => readonly Change[]

const NOTHING: readonly Change[] = []

/** Every end but a completion leaves an entry in the job's history, if the job is kept. */
const remember: Consequence = ({ name, departure, grant, ending, now }) => {
  if (ending.kind === 'completed' || departure.lane === 'gone' || departure.lane === 'moved') return NOTHING
  const attempt = departure.head.attemptsStarted ?? 1
  return [{ set: [[historyId(name, attempt), encodeEntry(historyEntry(attempt, grant, ending, now))]] }]
}

/** With its last lease a job gives back what it held in common with others. */
const handBack: Consequence = ({ lanes, name, before, departure }) =>
  isEnd(departure) ? handedBack(lanes, name, before, 'ended') : NOTHING

const isEnd = ({ lane }: Departure): boolean =>
  lane === 'done' || lane === 'dead' || lane === 'gone' || lane === 'moved'

const CONSEQUENCES: readonly Consequence[] = [remember, handBack]

export function consequencesOf(end: LeaseEnd): Change[] {
  const changes: Change[] = []
  for (const consequence of CONSEQUENCES) changes.push(...consequence(end))
  return changes
}

const NO_RECORDS: readonly string[] = []

/**
 * Records that must be read before a job can end so: what a dead letter is made of, and who has its id. A feature whose consequence
 * needs to know more than the head adds its own; jobs that need none pay nothing.
 */
export function materialOf(name: string, before: Head, { lane, head }: Departure): readonly string[] {
  if (lane !== 'moved') return NO_RECORDS
  return [letterName(name, head.opts.deadLetter!), ...letterRecords(name, before)]
}
