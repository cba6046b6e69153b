/** What is asked of `find`, checked; and the place where it goes on, as a text that only the same question takes back. */
import { FIND_JOBS, JOB_NAME_CHARACTERS, TAGS_MOST, TAG_BYTES } from './bounds.ts'
import { type Check, type Checks, checkOptions, integer, refuseOption } from './check.ts'
import { murmur128 } from './fingerprint.ts'
import { timeCheck } from './job-options.ts'
import { escapePart, unescapePart } from './keys.ts'
import { JOB_FILTERS, type JobFilter } from './lifecycle.ts'
import { checkName } from './names.ts'

/** Which jobs `find` looks for. What is not said does not matter. */
export interface FindOptions {
  /** One state, or several; `prioritized` as in `getJobs`. Default: all. */
  state?: JobFilter | readonly JobFilter[]
  /** The jobs' name. */
  name?: string
  /** Tags that a job must have, all of them: one, or up to 8. */
  tags?: string | readonly string[]
  /** Added then or later: a Date or ms since the epoch. */
  from?: Date | number
  /** Added then or earlier: a Date or ms since the epoch. */
  to?: Date | number
  /** Where an earlier call with the same question left off. */
  cursor?: string
  /** The most jobs to give, 1 to 1,000; default 100. */
  limit?: number
  /**
   * Default `newest`. With tags by the time the jobs were added; else state by state, finished ones by the time they ended, the
   * others by their place in the queue, where the first in line is the oldest.
   */
  order?: 'newest' | 'oldest'
}

/** The same, in one form. */
export interface FindQuestion {
  readonly states: readonly JobFilter[] | undefined
  readonly name: string | undefined
  readonly tags: readonly string[]
  readonly from: number | undefined
  readonly to: number | undefined
  readonly newest: boolean
}

/** How far an answer got: which of the things to walk, and the last key of it that was looked at. */
export interface FindPlace {
  readonly walk: number
  readonly key: string
}

const asArray = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [value])

const stateCheck: Check<readonly JobFilter[]> = (value, field) => {
  const states = asArray(value).map(
    (state) =>
      JOB_FILTERS.find((known) => known === state) ??
      refuseOption(field, state, `of ${JOB_FILTERS.join(', ')}`),
  )
  return states.length > 0 ? [...new Set(states)] : refuseOption(field, value, 'at least one state')
}

const tagsCheck: Check<readonly string[]> = (value, field) => {
  const tags = new Set(asArray(value).map((tag) => checkName(tag, field, TAG_BYTES)))
  return tags.size <= TAGS_MOST ? [...tags] : refuseOption(field, `${tags.size} tags`, `at most ${TAGS_MOST}`)
}

const text: Check<string> = (value, field) =>
  typeof value === 'string' && value !== '' && value.length <= JOB_NAME_CHARACTERS
    ? value
    : refuseOption(field, value, `a text of 1 to ${JOB_NAME_CHARACTERS} characters`)

interface Checked {
  state?: readonly JobFilter[]
  name?: string
  tags?: readonly string[]
  from?: number
  to?: number
  cursor?: string
  limit?: number
  order?: 'newest' | 'oldest'
}

const checks: Checks<Checked> = {
  state: stateCheck,
  name: text,
  tags: tagsCheck,
  from: timeCheck,
  to: timeCheck,
  cursor: (value, field) => (typeof value === 'string' ? value : refuseOption(field, value, 'a text')),
  limit: integer(1, FIND_JOBS),
  order: (value, field) =>
    value === 'newest' || value === 'oldest' ? value : refuseOption(field, value, "'newest' or 'oldest'"),
}

/** @throws HoldfastError `OPTION_INVALID` naming the field. */
export function checkFind(given: unknown): {
  readonly question: FindQuestion
  readonly place: FindPlace | undefined
  readonly limit: number
} {
  const {
    state,
    name,
    tags = [],
    from,
    to,
    cursor,
    limit = 100,
    order,
  } = checkOptions<Checked>(given, checks, 'find')
  const question: FindQuestion = { states: state, name, tags, from, to, newest: order !== 'oldest' }
  const place = cursor === undefined ? undefined : readCursor(cursor, question)
  return { question, place, limit }
}

export const writeCursor = (place: FindPlace, question: FindQuestion): string =>
  `${place.walk}.${digest(place, question)}.${escapePart(place.key)}`

function readCursor(cursor: string, question: FindQuestion): FindPlace {
  const [, walk, print, key] = /^(\d{1,3})\.([0-9a-f]{32})\.([\w.%-]*)$/.exec(cursor) ?? []
  try {
    const place = { walk: Number(walk), key: unescapePart(key ?? '') }
    if (digest(place, question) === print) return place
  } catch {
    // It is none of ours.
  }
  return refuseOption('cursor', cursor, 'one that find gave for the same question')
}

const digest = (place: FindPlace, question: FindQuestion): string =>
  murmur128(new TextEncoder().encode(JSON.stringify([place.walk, place.key, question])))
