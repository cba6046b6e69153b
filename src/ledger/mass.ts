/**
 * Changing many jobs at once: a lane, or a part of it, is walked page by page, each page in units of its own. Every step
 * leaves the queue whole, so that what was begun can be ended, by the same process or another.
 */
import { PAGE_KEYS } from '../core/bounds.ts'
import { nameOf } from '../core/evaluate.ts'
import { type CheckedFilter, isMeant } from '../core/finished-filter.ts'
import { type Head, encodeHead } from '../core/head.ts'
import { type StateLane, STATE_LANES, jobIdOf, tallyId, throughTime, timeDigits } from '../core/keys.ts'
import { isPrioritized } from '../core/ready-key.ts'
import { lastBulkId } from '../core/bulk-keys.ts'
import { HoldfastError } from '../error.ts'
import { nextTurn } from '../host.ts'
import type { Change, Span } from '../store.ts'
import type { Note } from './audit.ts'
import { releaseBulks, sweepBulk } from './bulk.ts'
import { commitBlock, commitBlocks, following, replan } from './commit.ts'
import { changeOf, planDueTime } from './edit.ts'
import { lapseAll } from './lapse.ts'
import { type Ledger, readHead } from './ledger.ts'
import { planRetry } from './locate.ts'
import { readConfig } from './claim.ts'
import { emptyGroupWindows, removeGroups } from './group.ts'
import { spansDelayed, spansWaiting } from './inspect.ts'
import { emptyWindows } from './rates.ts'
import { planRemoval } from './retain.ts'
import { removeSchedules } from './schedule.ts'
import { changeConfig } from './settings.ts'

/** A job as the walk meets it. */
interface Met {
  readonly lane: string
  readonly key: string
  readonly name: string
  readonly raw: string | undefined
  readonly head: Head | undefined
}

/** Candidates for a job, at most one of which applies; none leaves it as it is. */
type Act = (met: Met) => readonly Change[]

/** How often a page is gone through where jobs were changed meanwhile, before they are left as they are. */
const ROUNDS = 5

/** Walks a span from its head, and gives the ids of the jobs that were changed, page by page. */
async function* walk(
  ledger: Ledger,
  span: Span,
  limit: number,
  act: Act,
  step = PAGE_KEYS,
): AsyncGenerator<string[]> {
  const { store } = ledger
  let left = limit
  for (let from = span.from; left > 0; ) {
    const [keys = []] = await store.scan([{ ...span, from, limit: step }])
    if (keys.length === 0) return
    from = `${keys.at(-1)}!`
    const changed = await changePage(ledger, span.lane, keys, left, act)
    left -= changed.length
    yield changed
    await nextTurn()
  }
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
  while (wanted.length > 0 && changed.length < limit) {
    const some = wanted.splice(0, limit - changed.length)
    changed.push(...(await changeAll(ledger, lane, some, act)))
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

/** A job that somebody changed since it was read is looked at again. Gives the ids of those that are done. */
async function changeAll(ledger: Ledger, lane: string, jobs: readonly Wanted[], act: Act): Promise<string[]> {
  const changed: string[] = []
  let wanted = jobs
  for (let round = 0; round < ROUNDS && wanted.length > 0; round++) {
    const answers = await commitBlocks(
      ledger.store,
      wanted.map(({ changes }) => changes),
    )
    const refused: string[] = []
    for (const [at, answer] of answers.entries()) {
      if (answer instanceof HoldfastError) throw answer
      const { key } = wanted[at]!
      if (answer.some((result) => result !== false)) changed.push(jobIdOf(nameOf(key)))
      else refused.push(key)
    }
    wanted = refused.length === 0 ? [] : await meet(ledger, lane, refused, act)
  }
  return changed
}

const removalFrom =
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
  let drained = 0
  for (const span of spans) drained += await sum(walk(ledger, span, Infinity, removalFrom(ledger)))
  return drained
}

/** States whose jobs can be cleaned. */
export type CleanState = 'completed' | 'failed' | 'waiting' | 'prioritized' | 'delayed'

/** Removes jobs of one state that finished, or were added, at least `grace` ms ago; their ids, page by page, in the order of their lanes. */
export async function* cleanQueue(
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
  let promoted = 0
  for (const span of spans) promoted += await sum(walk(ledger, span, Infinity, promote))
  return promoted
}

async function sum(pages: AsyncGenerator<string[]>): Promise<number> {
  let all = 0
  for await (const ids of pages) all += ids.length
  return all
}

/**
 * Removes the queue with everything in it, its schedules first. The settings say that it is under way, so that no worker claims; they go last, so
 * that what was interrupted can be ended by another call.
 */
export async function obliterateQueue(ledger: Ledger, force: boolean, note?: Note): Promise<void> {
  const { store, lanes } = ledger
  let wasPaused = false
  await changeConfig(ledger, (config) => {
    wasPaused = config.paused === true && config.obliterating !== true
    return { ...config, paused: true, obliterating: true }
  })
  if (!force) {
    const [active = 0] = await store.count([{ lane: lanes.lease }])
    if (active > 0) {
      await changeConfig(ledger, (config) => ({ ...config, paused: wasPaused, obliterating: false }))
      throw new HoldfastError(
        'JOB_STATE',
        `${active} jobs of the queue ${ledger.queue} are being run: wait for them, or obliterate it with { force: true }`,
      )
    }
  }
  await replan(async () => {
    await removeEverything(ledger, force)
    // What was added meanwhile goes too.
    const counts = await store.count(STATE_LANES.map((name) => ({ lane: lanes[name] })))
    return counts.every((count) => count === 0) ? true : undefined
  })
  const tallies = (['done', 'dead'] as const).map((lane) => tallyId(ledger.queue, lane))
  await commitBlock(store, [{ delete: [lastBulkId(ledger.queue), ...tallies] }])
  const { config } = await readConfig(ledger)
  await removeGroups(ledger)
  await emptyGroupWindows(ledger, config)
  await emptyWindows(ledger, config)
  await changeConfig(ledger, () => ({}), note)
}

async function removeEverything(ledger: Ledger, force: boolean): Promise<void> {
  const { store, lanes } = ledger
  await removeSchedules(ledger)
  const [bulks = []] = await store.scan([{ lane: lanes.staged, limit: PAGE_KEYS }])
  for (const entry of bulks) await sweepBulk(ledger, entry)
  await releaseBulks(ledger)
  const removal = removalFrom(ledger)
  const evict: Act = (met) => [...removal(met), { after: 0, hint: [lanes.evicted] }]
  const kept: readonly StateLane[] = force ? [] : ['lease']
  for (const name of STATE_LANES.filter((lane) => !kept.includes(lane))) {
    const act = name === 'lease' ? evict : removal
    for await (const _ of walk(ledger, { lane: lanes[name] }, Infinity, act));
  }
  await removeEntries(ledger)
  await lapseAll(ledger)
  const trim: Change = { move: { from: { lane: lanes.ttl, limit: PAGE_KEYS }, to: [] } }
  while ((await commitBlock(store, [trim]))[0] !== false);
}

/** Entries of claims that have no leases any more. */
async function removeEntries({ store, lanes }: Ledger): Promise<void> {
  const [active = 0] = await store.count([{ lane: lanes.lease }])
  if (active > 0) return
  for (const lane of [lanes.claims, lanes.reap]) {
    for (;;) {
      const [keys = []] = await store.scan([{ lane, limit: PAGE_KEYS }])
      if (keys.length === 0) break
      await commitBlock(
        store,
        keys.map((key) => ({ remove: [[lane, key]] })),
      )
    }
  }
}
