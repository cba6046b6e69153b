/**
 * Changing many jobs at once: a lane, or a part of it, is walked page by page, each page in units of its own. Every step
 * leaves the queue whole, so that what was begun can be ended, by the same process or another.
 */
import { PAGE_KEYS } from '../core/bounds.ts'
import { nameOf } from '../core/evaluate.ts'
import { type CheckedFilter, isMeant } from '../core/finished-filter.ts'
import { type Head, encodeHead } from '../core/head.ts'
import { jobIdOf, throughTime, timeDigits } from '../core/keys.ts'
import { isPrioritized } from '../core/ready-key.ts'
import { HoldfastError } from '../error.ts'
import { nextTurn } from '../host.ts'
import type { Change, Span } from '../store.ts'
import { releaseBulks } from './bulk.ts'
import { commitBlocks, following } from './commit.ts'
import { changeOf, planDueTime } from './edit.ts'
import { asInterrupted, inSteps } from './in-steps.ts'
import { type Ledger, readHead } from './ledger.ts'
import { planRetry } from './locate.ts'
import { spansDelayed, spansWaiting } from './inspect.ts'
import { planRemoval } from './retain.ts'
import { recallTurns } from './turns.ts'

/** A job as the walk meets it. */
interface Met {
  readonly lane: string
  readonly key: string
  readonly name: string
  readonly raw: string | undefined
  readonly head: Head | undefined
}

/** Candidates for a job, at most one of which applies; none leaves it as it is. */
export type Act = (met: Met) => readonly Change[]

/** How often a page is gone through where jobs were changed meanwhile, before they are left as they are. */
const ROUNDS = 5

/** Walks a span from its head, and gives the ids of the jobs that were changed, page by page. */
export async function* walk(
  ledger: Ledger,
  span: Span,
  limit: number,
  act: Act,
  step = PAGE_KEYS,
): AsyncGenerator<string[]> {
  const { store, lanes } = ledger
  let left = limit
  let isAny = false
  for (let from = span.from; left > 0; ) {
    const [keys = []] = await store.scan([{ ...span, from, limit: step }])
    if (keys.length === 0) break
    from = `${keys.at(-1)}!`
    const changed = await changePage(ledger, span.lane, keys, left, act)
    left -= changed.length
    isAny ||= changed.length > 0
    yield changed
    await nextTurn()
  }
  // Groups may have their turn only when one of these would have been due.
  if (isAny && span.lane === lanes.penned) await recallTurns(ledger)
}

/** A job of a page, and what is to be done to it. */
interface Wanted {
  readonly key: string
  readonly changes: readonly Change[]
}

/** One page: where some of its jobs are gone by the time they would be changed, others of it come in their place. */
async function changePage(
  ledger: Ledger,
  lane: string,
  page: readonly string[],
  limit: number,
  act: Act,
): Promise<string[]> {
  const changed: string[] = []
  const wanted = await meet(ledger, lane, page, act)
  try {
    while (wanted.length > 0 && changed.length < limit) {
      const some = wanted.splice(0, limit - changed.length)
      await changeAll(ledger, lane, some, act, changed)
    }
  } catch (error) {
    throw asInterrupted(error, changed.length)
  }
  return changed
}

/** Reads jobs; gives those to which something is to be done. */
async function meet(ledger: Ledger, lane: string, keys: readonly string[], act: Act): Promise<Wanted[]> {
  const records = await ledger.store.read(keys.map(nameOf))
  return keys
    .map((key, at): Wanted => {
      const raw = records[at]
      return { key, changes: act({ lane, key, name: nameOf(key), raw, head: readHead(raw).head }) }
    })
    .filter(({ changes }) => changes.length > 0)
}

/** A job that somebody changed since it was read is looked at again. `changed` gets the ids of those that are done. */
async function changeAll(
  ledger: Ledger,
  lane: string,
  jobs: readonly Wanted[],
  act: Act,
  changed: string[],
): Promise<void> {
  let wanted = jobs
  for (let round = 0; round < ROUNDS && wanted.length > 0; round++) {
    const answers = await commitBlocks(
      ledger.store,
      wanted.map(({ changes }) => changes),
    )
    const refused: string[] = []
    for (const [at, answer] of answers.entries()) {
      const { key } = wanted[at]!
      if (answer instanceof HoldfastError) continue
      if (answer.some((result) => result !== false)) changed.push(jobIdOf(nameOf(key)))
      else refused.push(key)
    }
    for (const answer of answers) if (answer instanceof HoldfastError) throw answer
    wanted = refused.length === 0 ? [] : await meet(ledger, lane, refused, act)
  }
}

export const removalFrom =
  (ledger: Ledger): Act =>
  ({ lane, key, raw }) =>
    planRemoval(ledger, lane, key, raw)

/** Removes every job that waits, and those that are delayed too where asked to; those that run go on. How many went. */
export async function drainQueue(ledger: Ledger, delayed: boolean): Promise<number> {
  const { lanes, store } = ledger
  await releaseBulks(ledger)
  const now = store.now()
  // In `penned` the time is not first, so that what is delayed there stays unless all of it goes.
  const spans = delayed
    ? [...spansWaiting(lanes, now), ...spansDelayed(lanes, now)]
    : spansWaiting(lanes, now)
  return sum(walkAll(ledger, spans, removalFrom(ledger)))
}

/** States whose jobs can be cleaned. */
export type CleanState = 'completed' | 'failed' | 'waiting' | 'prioritized' | 'delayed'

/** Removes jobs of one state that finished, or were added, at least `grace` ms ago; their ids, page by page, in the order of their lanes. */
export const cleanQueue = (
  ledger: Ledger,
  grace: number,
  limit: number,
  state: CleanState,
): AsyncGenerator<readonly string[]> => inSteps(clean(ledger, grace, limit, state))

async function* clean(
  ledger: Ledger,
  grace: number,
  limit: number,
  state: CleanState,
): AsyncGenerator<string[]> {
  const { store, lanes } = ledger
  const removal = removalFrom(ledger)
  const before = store.now() - grace
  await releaseBulks(ledger)
  if (state === 'completed' || state === 'failed') {
    const lane = state === 'completed' ? lanes.done : lanes.dead
    yield* walk(ledger, { lane, until: throughTime(before) }, limit, removal)
    return
  }
  const old: Act = (met) =>
    (met.head?.timestamp ?? 0) <= before && (state !== 'prioritized' || hasPriority(met)) ? removal(met) : []
  const spans = state === 'delayed' ? spansDelayed(lanes, store.now()) : spansWaiting(lanes, store.now())
  let left = limit
  for (const span of spans) {
    for await (const ids of walk(ledger, span, left, old)) {
      left -= ids.length
      yield ids
    }
  }
}

const hasPriority = ({ head }: Met): boolean => head !== undefined && isPrioritized(head.key)

/** Which finished jobs are retried, and how. */
export interface Retrying {
  readonly state: 'completed' | 'failed'
  readonly filter: CheckedFilter
  readonly resetAttempts: boolean
  /** Jobs that a step looks at, at most. */
  readonly step: number
  readonly ulid: () => string
}

/** Puts finished jobs back in line; how many. One that ends again meanwhile stays as it ends. */
export async function retryQueue(ledger: Ledger, retrying: Retrying): Promise<number> {
  const { state, filter, resetAttempts, step, ulid } = retrying
  const { lanes, store } = ledger
  const now = store.now()
  const span: Span = {
    lane: state === 'completed' ? lanes.done : lanes.dead,
    from: filter.from === undefined ? undefined : timeDigits(filter.from),
    until: throughTime(Math.min(filter.to ?? Infinity, now)),
  }
  // What is retried in the millisecond in which this began may end in it once more, and is met again as another generation.
  const atOnce = new Map<string, number>()
  const isDone = (name: string, { generation = 0 }: Head): boolean =>
    generation > (atOnce.get(name) ?? generation)
  const retry: Act = ({ name, raw, head }) => {
    if (raw === undefined || head?.finishedOn === undefined) return []
    if (!isMeant(filter, head) || isDone(name, head)) return []
    if (store.now() <= now) atOnce.set(name, head.generation ?? 0)
    return planRetry(ledger, { name, raw, head }, ulid(), resetAttempts).block
  }
  return sum(walk(ledger, span, Infinity, retry, step))
}

/** Makes every delayed job due now; how many. */
export async function promoteQueue(ledger: Ledger, ulid: () => string): Promise<number> {
  const { lanes, store } = ledger
  await releaseBulks(ledger)
  const promote: Act = ({ lane, name, raw, head }) =>
    raw === undefined || head === undefined
      ? []
      : planDueTime(ledger, { name, head }, ulid(), 0)
          .filter(({ from }) => from[0] === lane)
          .flatMap((candidate) => [
            changeOf(name, raw, candidate, encodeHead(candidate.head)),
            ...(candidate.visits ?? []).map((visit) => following(visit, 0)),
          ])
  // A suspect that is promoted stays in its lane, so the walk ends where those that are due begin.
  const suspects: Span = { lane: lanes.suspect, from: throughTime(store.now()) }
  const spans = [{ lane: lanes.due }, suspects, { lane: lanes.arrive }, { lane: lanes.penned }]
  return sum(walkAll(ledger, spans, promote))
}

/** One span after the other. */
async function* walkAll(ledger: Ledger, spans: readonly Span[], act: Act): AsyncGenerator<string[]> {
  for (const span of spans) yield* walk(ledger, span, Infinity, act)
}

async function sum(pages: AsyncGenerator<string[]>): Promise<number> {
  let all = 0
  for await (const ids of inSteps(pages)) all += ids.length
  return all
}
