/**
 * The model: for each queue the set of worlds that are possible after all that was seen. A call whose answer was lost
 * forks them; what is then read from the store removes those that cannot be; none left is a violation.
 */
import type { Head } from '../../src/core/head.ts'
import { isGathered, jobIdOf, scheduleKeyOf } from '../../src/core/keys.ts'
import { readReadyKey } from '../../src/core/ready-key.ts'
import type { Grant } from '../../src/ledger/claim.ts'
import {
  type Dump,
  type QueueView,
  type ShownBulk,
  type ShownHold,
  type ShownJob,
  type ShownKey,
  type ShownSchedule,
} from './dump.ts'
import { type QueueNumber, QUEUES } from './harness.ts'
import { hasLapsed, isOver } from './add-world.ts'
import { Violation } from './invariants.ts'
import type { GroupWait } from './group-world.ts'
import type { ModelSchedule } from './schedule-world.ts'
import { EMPTY, type ModelGroup, type ModelJob, RATE_MS, type World, same } from './world.ts'

/** Every lease that was ever handed out, by its holder's knowledge of it. */
export interface Token {
  readonly claim: string
  readonly grant: Grant
}

/** A claim call and what its holder believes of it. */
export interface Held {
  readonly claim: string
  until: number
  readonly tokens: Token[]
}

/** What a command can lead to from one world: the world after each of its commits, and what it then answers. */
export interface Possible {
  readonly states: readonly World[]
  readonly out: unknown
}

/** What was seen of a command: its answer, or that a fault cut it off, which certainly left its commit undone or may have. */
export type Seen = { readonly out: unknown } | 'refused' | 'cut'

export interface ModelSide {
  worlds: World[]
  /** What was stored when it was last looked at, to see that nothing at all was changed; `view` where that holds of it as it was left. */
  looked: { readonly part: Dump; readonly view: QueueView | undefined; readonly opened: number }
  /** Bulks that dead or failed producers left half stored, as they were last seen; no job of theirs is in a world. */
  staged: readonly ShownBulk[]
  readonly held: Held[]
  /** The highest fence granted per id, and to which of the jobs of that id. */
  /** What groups wait for that have something to give. */
  readonly waits: Map<string, GroupWait>
  readonly fences: Map<string, { readonly incarnation: number; readonly fence: number }>
}

export class Model {
  readonly sides: readonly ModelSide[] = QUEUES.map(() => ({
    worlds: [EMPTY],
    looked: { part: { records: new Map(), lanes: new Map() }, view: undefined, opened: 0 },
    staged: [],
    held: [],
    waits: new Map(),
    fences: new Map(),
  }))
  incarnations = 0

  /** The first of so many numbers for new jobs. */
  incarnate(count: number): number {
    this.incarnations += count
    return this.incarnations - count
  }

  side(q: QueueNumber): ModelSide {
    return this.sides[q]!
  }

  /** The world as it is known; after each command what was read has left only one. */
  world(q: QueueNumber): World {
    return this.side(q).worlds[0]!
  }

  heldClaims(q: QueueNumber): number {
    return this.side(q).held.length
  }

  tokens(q: QueueNumber): Token[] {
    return this.side(q).held.flatMap(({ tokens }) => tokens)
  }

  /** Keeps the worlds in which this could be seen. `unchanged` where none is another than before. */
  observe(
    q: QueueNumber,
    expect: (world: World) => Possible,
    seen: Seen,
    view: QueueView,
    now: number,
  ): { unchanged: boolean } {
    const side = this.side(q)
    const differences: string[] = []
    const left: World[] = []
    let unchanged = true
    for (const world of side.worlds) {
      const { states, out } = expect(world)
      if (typeof seen === 'object' && !same(out, seen.out)) {
        differences.push(`it answered ${JSON.stringify(seen.out)} instead of ${JSON.stringify(out)}`)
        continue
      }
      for (const candidate of candidates(states, seen)) {
        // It was held against this view before.
        if (candidate === world && view === side.looked.view) {
          left.push(world)
          continue
        }
        const learned = learn(candidate, view, now)
        const difference = compare(learned, view)
        if (difference !== undefined) differences.push(difference)
        else {
          left.push(learned)
          if (candidate !== world) unchanged = false
        }
      }
    }
    if (left.length === 0) throw new Violation(`no world is possible any more: ${differences.join('; or ')}`)
    side.worlds = [left[0]!]
    side.staged = view.bulks.filter(({ entry }) => entry !== undefined)
    return { unchanged }
  }
}

/** A command of one commit that was refused did nothing; of several, some may have been made before. */
function candidates(states: readonly World[], seen: Seen): Iterable<World> {
  if (typeof seen === 'object') return [states.at(-1)!]
  return seen === 'refused' && states.length <= 2 ? [states[0]!] : new Set(states)
}

/**
 * Takes the order keys of new jobs from the store, once their readable parts are as they should be. Whether an idempotency key is
 * still there whose time is over and whose job is too, or a deduplication id that has lapsed, makes no difference to anybody.
 */
function learn(world: World, view: QueueView, now: number): World {
  let jobs: Map<string, ModelJob> | undefined
  for (const job of world.jobs.values()) {
    const key = view.jobs.get(job.id)?.head.key
    if (job.key !== undefined || key === undefined) continue
    const { priority, lifo, dueAt, aging } = readReadyKey(key)
    const expected = {
      priority: job.options.priority ?? 0,
      lifo: job.options.lifo ?? false,
      dueAt: job.dueAt,
      aging: job.options.aging,
    }
    if (!same({ priority, lifo, dueAt, aging }, expected)) continue
    jobs ??= new Map(world.jobs)
    jobs.set(job.id, { ...job, key })
  }
  const keys = [...(world.keys ?? [])].filter(
    ([name, key]) => view.keys.has(name) || !isOver(world, key, now),
  )
  const ids = [...(world.ids ?? [])].filter(([id, hold]) => view.ids.has(id) || !hasLapsed(hold, now))
  const isKnown =
    jobs === undefined && keys.length === (world.keys?.size ?? 0) && ids.length === (world.ids?.size ?? 0)
  const known = isKnown
    ? world
    : { ...world, jobs: jobs ?? world.jobs, keys: new Map(keys), ids: new Map(ids) }
  // How much of the window, and of the groups, an obliteration that was cut off has removed, nobody can say.
  if (world.obliterating === true) return { ...known, starts: view.starts, groups: view.groups }
  return forget(known, view.starts, now)
}

/** A start that has left the window may be forgotten, and then does not count either when the clock is set back. */
function forget(world: World, remembered: readonly number[], now: number): World {
  const starts = world.starts ?? []
  const isSound =
    remembered.every((at) => starts.includes(at)) &&
    starts.every((at) => at <= now - RATE_MS || remembered.includes(at))
  return isSound && starts.length !== remembered.length ? { ...world, starts: remembered } : world
}

/** How a world differs from what the store holds, as a sentence. */
function compare(world: World, view: QueueView): string | undefined {
  if (world.paused !== view.paused) return `paused is ${view.paused}`
  if ((world.obliterating ?? false) !== view.obliterating) return `obliterating is ${view.obliterating}`
  if (world.concurrency !== view.concurrency) return `the global concurrency is ${view.concurrency}`
  if (world.rate !== view.rate) return `the rate limit is ${view.rate}`
  const starts = (world.starts ?? []).toSorted((a, b) => a - b)
  if (!same(starts, view.starts)) return `starts are ${view.starts.join()} instead of ${starts.join()}`
  const expected = [...world.jobs.keys()].sort()
  const found = [...view.jobs.keys()].sort()
  if (!same(expected, found)) return `jobs are ${found.join()} instead of ${expected.join()}`
  for (const job of world.jobs.values()) {
    const [want, have] = [wanted(job), shown(view.jobs.get(job.id)!)]
    for (const [field, value] of Object.entries(want)) {
      const got = (have as Record<string, unknown>)[field]
      if (!same(value, got))
        return `${field} of ${job.id} is ${JSON.stringify(got)} instead of ${JSON.stringify(value)}`
    }
  }
  const schedules = [...(world.schedules ?? [])].map(([key, schedule]) => wantedSchedule(key, schedule))
  const kept = [...view.schedules].map(([name, schedule]) => shownSchedule(name, schedule))
  if (!same(schedules.toSorted(), kept.toSorted()))
    return `schedules are ${kept.join()} instead of ${schedules.join()}`
  const wantedKeys = [...(world.keys ?? [])].map(shownKey).sort()
  const foundKeys = [...view.keys].map(shownKey).sort()
  if (!same(wantedKeys, foundKeys))
    return `idempotency keys are ${foundKeys.join()} instead of ${wantedKeys.join()}`
  const wantedIds = [...(world.ids ?? [])].map(shownHold).sort()
  const foundIds = [...view.ids].map(shownHold).sort()
  if (!same(wantedIds, foundIds))
    return `deduplication ids are ${foundIds.join()} instead of ${wantedIds.join()}`
  if (!same(world.audit ?? [], view.audit))
    return `the audit says ${view.audit.join()} instead of ${(world.audit ?? []).join()}`
  const wantedGroups = [...(world.groups ?? [])].map(shownGroup).sort()
  const foundGroups = [...view.groups].map(shownGroup).sort()
  if (!same(wantedGroups, foundGroups))
    return `groups are ${foundGroups.join()} instead of ${wantedGroups.join()}`
  // Those of jobs that a bulk had which was given up are there too.
  const missing = world.expiries?.find(({ id, at }) => !view.expiries.has(`${at}/${id}`))
  if (missing !== undefined) return `nobody looks at ${missing.id} at ${missing.at}`
  const entries = [...world.claims].map(([claim, { lane, until }]) => `${lane} ${claim} ${until}`).sort()
  const seen = view.claims.map(({ lane, claim, until }) => `${lane} ${claim} ${until}`).sort()
  return same(entries, seen) ? undefined : `claims are ${seen.join()} instead of ${entries.join()}`
}

const text = (value: unknown): string => (value === undefined ? '' : `j${JSON.stringify(value)}`)

const shownKey = ([name, { id, born, until, lapsesAt }]: readonly [string, ShownKey]): string =>
  `${name} of ${id} of ${born} until ${until}, looked at ${lapsesAt}`

const shownGroup = ([id, { paused = false, concurrency }]: readonly [string, ModelGroup]): string =>
  `${id} ${paused} ${concurrency}`

const shownHold = ([id, { job, until }]: readonly [string, ShownHold]): string =>
  `${id} of ${job} until ${until}`

const wantedSchedule = (key: string, schedule: ModelSchedule): string => {
  const { every, missed, limit, next, last, runs, passed, data } = schedule
  return JSON.stringify([key, every, missed, limit, next, last, runs, passed, text(data)])
}

const shownSchedule = (name: string, { schedule, data }: ShownSchedule): string => {
  const { timing, next, last, runs = 0, missed: passed = 0 } = schedule
  const { every, missed = 'one', limit } = timing
  return JSON.stringify([scheduleKeyOf(name), every, missed, limit, next, last, runs, passed, data])
}

const wanted = (job: ModelJob) => ({
  lane: job.place,
  addedAt: job.addedAt,
  key: job.key,
  claim: job.claim,
  gathered: job.place === 'parked' ? (job.gathered ?? false) : undefined,
  after: job.after,
  heldUntil: job.heldUntil,
  expiresAt: job.expiresAt,
  attemptsMade: job.attemptsMade,
  attemptsStarted: job.attemptsStarted,
  stalledCounter: job.stalledCounter,
  generation: job.generation,
  runAt: job.runAt,
  finishedOn: job.finishedOn,
  failedCode: job.failedCode,
  cancelled: job.cancelled,
  fence: job.fence,
  data: text(job.data),
  result: text(job.result),
  progress: text(job.progress),
  logs: job.logs,
  origin: job.origin && {
    id: job.origin.job.id,
    code: job.origin.code,
    at: job.origin.at,
    addedAt: job.origin.job.addedAt,
    generation: job.origin.job.generation,
    logs: job.origin.job.logs,
  },
})

/** Whose end it waits for. */
const leaderOf = ({ blocked = '' }: Head): string =>
  jobIdOf(blocked.slice(blocked.indexOf(':') + 1, blocked.indexOf('/')))

function shown(job: ShownJob): ReturnType<typeof wanted> {
  const { lane, claim, head, data, result, progress, logs, originLogs } = job

  const timed = ['due', 'suspect', 'arrive', 'penned'].includes(lane)
  return {
    lane,
    addedAt: head.timestamp,
    key: head.key,
    claim,
    gathered: lane === 'parked' ? isGathered(job.stateKey) : undefined,
    after: lane === 'blocked' ? leaderOf(head) : undefined,
    heldUntil: head.heldUntil,
    expiresAt: head.expiresAt,
    attemptsMade: head.attemptsMade ?? 0,
    attemptsStarted: head.attemptsStarted ?? 0,
    stalledCounter: head.stalledCounter ?? 0,
    generation: head.generation ?? 0,
    runAt: timed ? head.runAt : undefined,
    finishedOn: head.finishedOn,
    failedCode: head.failedCode,
    cancelled: head.cancelled === undefined ? undefined : true,
    fence: head.fence,
    data,
    result,
    progress,
    logs: [...logs],
    origin: head.origin && {
      id: head.origin.id,
      code: head.origin.code,
      at: head.origin.at,
      addedAt: head.origin.timestamp,
      generation: head.origin.generation,
      logs: [...originLogs],
    },
  }
}
