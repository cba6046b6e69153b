/**
 * Finding jobs by tag, name, state and age, page by page. A call looks at a bounded number of keys and says where the next one
 * goes on. Tags have an index; everything else is a walk through the lanes of the states.
 */
import { CONCURRENCY_MOST, FIND_KEYS, PAGE_KEYS } from '../core/bounds.ts'
import { nameOf } from '../core/evaluate.ts'
import { type FindPlace, type FindQuestion, writeCursor } from '../core/find-options.ts'
import type { Head } from '../core/head.ts'
import { below, escapePart, exactly, finishedKey, throughTime, timeDigits, waitingKey } from '../core/keys.ts'
import { isPrioritized } from '../core/ready-key.ts'
import { JOB_STATES, type JobFilter } from '../core/lifecycle.ts'
import type { Key, Page, Span } from '../store.ts'
import { hasArrived, releaseBulks } from './bulk.ts'
import { type JobRecord, readListed, spansOf } from './inspect.ts'
import { type Ledger, readHead } from './ledger.ts'
import { placesOf, stateIn } from './locate.ts'

/** Jobs that were found, and where to go on: there may be none here and some there. */
export interface FoundJobs {
  readonly jobs: readonly JobRecord[]
  readonly cursor: string | undefined
}

/** A key of the walk, and the state key of the job that it names. */
interface Met {
  readonly key: string
  readonly place: Key
}

export async function findJobs(
  ledger: Ledger,
  question: FindQuestion,
  from: FindPlace | undefined,
  limit: number,
): Promise<FoundJobs> {
  const isTagged = question.tags.length > 0
  if (!isTagged) await releaseBulks(ledger)
  const spans = isTagged ? tagSpans(ledger, question) : await stateSpans(ledger, question)
  const found: Met[] = []
  let at: FindPlace | undefined = from ?? { walk: await rarest(ledger, spans, isTagged), key: '' }
  for (let left = FIND_KEYS; left > 0 && at !== undefined; ) {
    const { walk, key: last }: FindPlace = at
    const span = spans[walk]
    if (span === undefined) break
    const page = pageAfter(span, last, Math.min(PAGE_KEYS, left), question.newest)
    const [keys = []] = await ledger.store.scan([page])
    const met = isTagged
      ? await meetTagged(ledger, question, keys)
      : await meetIn(ledger, question, span, keys)
    const more = met.slice(0, limit - found.length)
    found.push(...more)
    if (more.length < met.length)
      return answer(ledger, question, found, { walk, key: more.at(-1)?.key ?? last })
    left -= keys.length + 1
    const isOver = keys.length < page.limit
    if (!isOver) at = { walk, key: keys.at(-1)! }
    else at = isTagged || walk + 1 === spans.length ? undefined : { walk: walk + 1, key: '' }
  }
  return answer(ledger, question, found, at)
}

async function answer(
  ledger: Ledger,
  question: FindQuestion,
  found: readonly Met[],
  next: FindPlace | undefined,
): Promise<FoundJobs> {
  const jobs = await readListed(
    ledger,
    found.map(({ place }) => place),
  )
  return { jobs, cursor: next && writeCursor(next, question) }
}

/** What has each tag, of the time that is asked for. */
const tagSpans = ({ lanes }: Ledger, { tags, from = 0, to }: FindQuestion): Span[] =>
  tags.map((tag) => ({
    lane: lanes.tag,
    from: `${escapePart(tag)}/${timeDigits(from)}`,
    until:
      to === undefined ? below(lanes.tag, escapePart(tag)).until : `${escapePart(tag)}/${throughTime(to)}`,
  }))

/** The lanes of the states. What has finished by a time was added by then, unless the clock was set back in between. */
async function stateSpans(ledger: Ledger, { states, from = 0 }: FindQuestion): Promise<Span[]> {
  const { done, dead } = ledger.lanes
  const spans = await Promise.all((states ?? JOB_STATES).map((state) => spansOf(ledger, state)))
  return spans.flat().map((span) => {
    const isFinished = span.lane === done || span.lane === dead
    return isFinished ? { ...span, from: timeDigits(from) } : span
  })
}

/** Of several tags the one to walk: the others are looked for in the heads. One page tells which is the rarest, or that none is rare. */
async function rarest({ store }: Ledger, spans: readonly Span[], isTagged: boolean): Promise<number> {
  if (!isTagged || spans.length < 2) return 0
  const pages = await store.scan(spans.map((span) => ({ ...span, limit: PAGE_KEYS })))
  const sizes = pages.map((keys) => keys.length)
  return sizes.indexOf(Math.min(...sizes))
}

function pageAfter(span: Span, last: string, limit: number, descending: boolean): Page {
  if (last === '') return { ...span, limit, descending }
  return descending
    ? { ...span, until: last, limit, descending }
    : { ...span, from: `${last}!`, limit, descending }
}

/** Jobs in a lane of a state. */
async function meetIn(
  ledger: Ledger,
  question: FindQuestion,
  { lane }: Span,
  keys: readonly string[],
): Promise<Met[]> {
  const all = keys.map((key): Met => ({ key, place: [lane, key] }))
  if (question.name === undefined && question.from === undefined && question.to === undefined) return all
  const records = await ledger.store.read(keys.map(nameOf))
  return all.filter((_, at) => isMeant(readHead(records[at]).head, question))
}

/** Jobs that a tag's keys name: where they are is looked up, once more for those that were on their way. */
async function meetTagged(ledger: Ledger, question: FindQuestion, keys: readonly string[]): Promise<Met[]> {
  const places = new Map<string, Key | undefined>()
  let left: readonly string[] = keys
  for (let look = 0; look < LOOKS && left.length > 0; look++) {
    const records = await ledger.store.read(left.map(nameOf))
    const meant = await arrived(
      ledger,
      left.flatMap((key, at) => {
        const { head } = readHead(records[at])
        return head !== undefined && isMeant(head, question) ? [{ key, name: nameOf(key), head }] : []
      }),
    )
    const found = await placesNow(ledger, meant, question.states)
    for (const [at, { key, head }] of meant.entries()) {
      const place = found[at]
      if (place !== undefined && place !== NOWHERE && isIn(ledger, place, head, question.states))
        places.set(key, place)
    }
    left = meant.filter((_, at) => found[at] === undefined).map(({ key }) => key)
  }
  return keys.flatMap((key) => {
    const place = places.get(key)
    return place === undefined ? [] : [{ key, place }]
  })
}

/** A job that a tag's key names. */
interface Tagged {
  readonly key: string
  readonly name: string
  readonly head: Head
}

/** Those that are there for others. What one job of a bulk says holds for all of it, once it is stored. */
async function arrived(ledger: Ledger, jobs: readonly Tagged[]): Promise<Tagged[]> {
  const stored = new Set<string>()
  const there: Tagged[] = []
  for (const job of jobs) {
    const { bulk } = job.head
    if (bulk === undefined || stored.has(bulk)) there.push(job)
    else if (await hasArrived(ledger, job.name, job.head)) {
      stored.add(bulk)
      there.push(job)
    }
  }
  return there
}

/** How often a job is looked for that was in none of its places. */
const LOOKS = 2

/**
 * Where jobs are; `undefined` for one that moves. A head says where a finished job is; of the others it matters which of them
 * run, and only where states are asked for, in which lane they wait: that takes a look at each.
 */
async function placesNow(
  ledger: Ledger,
  jobs: readonly Tagged[],
  states: readonly JobFilter[] | undefined,
): Promise<(Key | undefined)[]> {
  const places = jobs.map(({ name, head }) => placeOfFinished(ledger, name, head))
  const open = jobs.filter((_, at) => places[at] === undefined)
  const asksOpen = states?.some((state) => state !== 'completed' && state !== 'failed') ?? true
  if (open.length === 0 || !asksOpen) return jobs.map((_, at) => places[at] ?? NOWHERE)
  const found = states === undefined ? await leasesOf(ledger, open) : await lookFor(ledger, open)
  let next = 0
  return places.map((place) => place ?? found[next++])
}

/** Of a job that has not finished, where only finished ones are asked for. */
const NOWHERE: Key = ['', '']

function placeOfFinished({ lanes }: Ledger, name: string, head: Head): Key | undefined {
  if (head.finishedOn === undefined) return undefined
  return [head.failedCode === undefined ? lanes.done : lanes.dead, finishedKey(head.finishedOn, name)]
}

/** Leases of those that run; of the others the place they have in line. */
async function leasesOf({ store, lanes }: Ledger, jobs: readonly Tagged[]): Promise<Key[]> {
  const [leases = []] = await store.scan([{ lane: lanes.lease, limit: CONCURRENCY_MOST }])
  const byName = new Map(leases.map((key) => [nameOf(key), key]))
  return jobs.map(({ name, head }) => {
    const lease = byName.get(name)
    return lease === undefined ? [lanes.ready, waitingKey(head.key, name)] : [lanes.lease, lease]
  })
}

/** All in one scan. */
async function lookFor(ledger: Ledger, jobs: readonly Tagged[]): Promise<(Key | undefined)[]> {
  const { store, lanes } = ledger
  const wanted = jobs.map(({ name, head }) => placesOf(ledger, name, head))
  const pages = jobs.flatMap(({ head }, at): Page[] => [
    ...wanted[at]!.map(([lane, key]) => ({ ...exactly(lane, key), limit: 1 })),
    { ...below(lanes.lease, head.key), limit: 1 },
  ])
  const found = await store.scan(pages)
  let next = 0
  return wanted.map((places) => {
    const mine = found.slice(next, (next += places.length + 1))
    const at = mine.findIndex((keys) => keys.length > 0)
    return at < 0 ? undefined : [places[at]?.[0] ?? lanes.lease, mine[at]![0]!]
  })
}

function isMeant(head: Head | undefined, { name, tags, from = 0, to = Infinity }: FindQuestion): boolean {
  if (head === undefined) return false
  if (name !== undefined && head.name !== name) return false
  return (
    head.timestamp >= from &&
    head.timestamp <= to &&
    tags.every((tag) => head.opts.tags?.includes(tag) === true)
  )
}

function isIn(ledger: Ledger, place: Key, head: Head, states: readonly JobFilter[] | undefined): boolean {
  if (states === undefined) return true
  const state = stateIn(ledger, ...place)
  if (states.includes(state)) return true
  return state === 'waiting' && states.includes('prioritized') && isPrioritized(head.key)
}
