/**
 * The model: for each queue the set of worlds that are possible after all that was seen. A call whose answer was lost
 * forks them; what is then read from the store removes those that cannot be; none left is a violation.
 */
import { readReadyKey } from '../../src/core/ready-key.ts'
import type { Grant } from '../../src/ledger/claim.ts'
import { hasLapsed, isOver } from './add-world.ts'
import { difference } from './difference.ts'
import type { Dump } from './dump.ts'
import type { GroupWait } from './group-world.ts'
import { type QueueNumber, QUEUES } from './harness.ts'
import { Violation } from './invariants.ts'
import type { QueueView } from './queue-view.ts'
import type { ShownBulk } from './shown-bulk.ts'
import { EMPTY, type ModelJob, RATE_MS, type World, same } from './world.ts'

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
  /** What groups wait for that have something to give. */
  readonly waits: Map<string, GroupWait>
  /** The highest fence granted per id, and to which of the jobs of that id. */
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
        const found = difference(learned, view)
        if (found !== undefined) differences.push(found)
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
