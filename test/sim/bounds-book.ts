/**
 * What the store was told of limits and groups, and every start: whether a grant is within all bounds (invariants 15 and 16), since
 * when they would allow one, and what must not be left of them in the end. Of rates it knows only what users say of them.
 */
import {
  boundsOf,
  decodeGroup,
  isRemembered,
  type GroupBounds,
  type GroupState,
} from '../../src/core/group.ts'
import { type QueueConfig, decodeConfig } from '../../src/core/config.ts'
import { groupOf, readClaimName } from '../../src/core/keys.ts'
import { type RateLimit, type RateWindow, lateOf, windowsOf } from '../../src/core/limits.ts'
import type { MemoryContent } from 'holdfast/memory'
import type { Change } from '../../src/store.ts'
import { must } from '../model/invariants.ts'
import type { BookedJob, Lease } from './booked.ts'
import type { Options } from './options.ts'

/** A grant, by the time in its claim's name. */
interface Grant {
  readonly at: number
  /** Limits that it was made under, and must keep. */
  readonly limits: readonly RateLimit[]
  readonly windows: readonly RateWindow[]
}

/** A queue, or a group of one. */
interface Bounded {
  /** On the timeline: when it was last told something, and when a lease of it last ended. */
  toldAt: number
  roomAt: number
  readonly grants: Grant[]
  /** Grants whose handlers began, by limit: their times, and by how much the store's clock was ahead of the timeline. */
  readonly starts: Map<string, { readonly at: number; readonly ahead: number }[]>
}

interface Surroundings {
  readonly options: Options
  readonly content: MemoryContent
  /** On the timeline. */
  readonly now: () => number
  /** Ms since the epoch. */
  readonly storeTime: () => number
  /** What a job says of the size of its group. */
  readonly maxSizeOf: (n: number) => number | undefined
  readonly count: (what: string) => void
}

const groupAt = ({ head }: BookedJob): string | undefined => groupOf(head.key)

export class BoundsBook {
  readonly #world: Surroundings
  readonly #configs = new Map<string, QueueConfig>()
  readonly #groups = new Map<string, GroupState>()
  /** The latest time of a claim in this opening of the store, whatever it got. */
  #newestClaim = { epoch: '', at: 0 }
  readonly #bounded = new Map<string, Bounded>()
  /** What was granted under a claim, to be found again when its handler begins. */
  readonly #byLease = new Map<Lease, readonly (readonly [Bounded, Grant])[]>()

  constructor(world: Surroundings) {
    this.#world = world
  }

  /** Takes note of what a change says of queues and groups. */
  note({ set = [], delete: gone = [] }: Change): void {
    for (const [id, value] of set) this.#told(id, value)
    for (const id of gone) this.#told(id, undefined)
  }

  /** A claim was tried; what starts left its windows by its time is forgotten, whatever it got. */
  tried(claim: string): void {
    const { epoch, grantedAt: at } = readClaimName(claim)
    if (epoch !== this.#newestClaim.epoch || at > this.#newestClaim.at) this.#newestClaim = { epoch, at }
  }

  #told(id: string, value: string | undefined): void {
    const [kind, queue = '', group = ''] = id.split(':')
    if (kind === 'queue' && group === 'config') {
      this.#configs.set(queue, decodeConfig(value))
      this.#of(queue).toldAt = this.#world.now()
    } else if (kind === 'group') {
      if (value === undefined) this.#groups.delete(id)
      else this.#groups.set(id, decodeGroup(value))
      this.#of(queue, group).toldAt = this.#world.now()
    }
  }

  /** A job comes into a group, or is on its way there. */
  added(name: string, n: number, group: string | undefined, all: Iterable<BookedJob>): void {
    const maxSize = this.#world.maxSizeOf(n)
    if (maxSize === undefined) return
    const queue = name.slice(0, name.indexOf(':'))
    const before = [...all].filter(
      (job) => job.lane === `grouped:${queue}` && groupAt(job) === group && job.name !== name,
    )
    must(before.length < maxSize, `invariant 16: ${name} joins ${before.length} in a group of ${maxSize}`)
  }

  /** A job was granted; `running` are all leases of its queue, itself among them. */
  granted(job: BookedJob, lease: Lease, running: readonly BookedJob[], penned: number): void {
    const { name, queue } = job
    const at = readClaimName(lease.claim).grantedAt
    const config = this.#configOf(queue)
    const { concurrency = Infinity, heldUntil = 0 } = config
    must(
      running.length <= concurrency,
      `invariant 16: ${name} is granted, and ${running.length} of ${concurrency} run in ${queue}`,
    )
    must(at >= heldUntil, `invariant 15: ${name} is granted ${heldUntil - at} ms before its queue may go on`)
    if (running.length === concurrency) this.#world.count('queue as full as it may be')
    const limits = [config.rateLimit, this.#world.options.flow?.limiter]
    const grants = [this.#grant(this.#of(queue), at, limits)]
    const group = groupAt(job)
    if (group !== undefined) {
      const own = running.filter((other) => groupAt(other) === group).length
      grants.push(this.#grantedInGroup(name, queue, group, { at, own, penned }))
    }
    this.#byLease.set(lease, grants)
  }

  #grantedInGroup(
    name: string,
    queue: string,
    group: string,
    { at, own, penned }: { readonly at: number; readonly own: number; readonly penned: number },
  ): readonly [Bounded, Grant] {
    const state = this.#stateOf(queue, group)
    const { concurrency = Infinity, strict } = this.#boundsOf(state)
    must(own <= concurrency, `invariant 16: ${name} is granted, and ${own} of ${concurrency} run in ${group}`)
    must(state.paused !== true, `invariant 16: ${name} is granted while ${group} is paused`)
    must((state.notBefore ?? 0) <= at, `invariant 15: ${name} is granted before ${group} may go on`)
    must(!strict || penned === 0, `invariant 14: ${name} is granted while one before it in ${group} waits`)
    this.#world.count(strict ? 'granted in strict order' : 'granted in a group')
    if (own === concurrency) this.#world.count('group as full as it may be')
    return this.#grant(this.#of(queue, group), at, [this.#rateOf(state)])
  }

  #grant(to: Bounded, at: number, all: readonly (RateLimit | undefined)[]): readonly [Bounded, Grant] {
    const limits = all.filter((limit) => limit !== undefined)
    // A store that one process owns takes its calls in the order in which they are made, and rates count on it; faults do not.
    const isJudged = this.#world.options.shape === 'shared' || at >= this.#newestClaim.at
    const grant = { at, limits: isJudged ? limits : [], windows: windowsOf(limits) }
    to.grants.push(grant)
    return [to, grant]
  }

  /** Its handler begins: only then does a grant count as a start. */
  began(lease: Lease): void {
    for (const [bounded, { at, limits }] of this.#byLease.get(lease) ?? [])
      for (const limit of limits) this.#start(bounded, at, limit, lease)
  }

  #start({ starts }: Bounded, at: number, limit: RateLimit, { name }: Lease): void {
    const { max, duration, smooth = false } = limit
    const key = `${max} ${duration} ${smooth}`
    // Across a clock that was set back, how far apart they are cannot be told from their times.
    const ahead = this.#world.storeTime() - this.#world.now()
    const before = (starts.get(key) ?? []).filter((start) => start.ahead < ahead + 1)
    const all = [...before, { at, ahead }].sort((one, other) => one.at - other.at)
    starts.set(key, all)
    const times = all.map((start) => start.at)
    times.forEach((last, index) => {
      const first = times[index - max]
      must(
        first === undefined || last - first >= duration,
        `invariant 15: with ${name} ${max + 1} starts within ${last - first!} ms, at most ${max} in ${duration} are allowed`,
      )
    })
    const [newest, first] = [times.at(-1)!, times.at(-max)]
    if (first !== undefined && newest - first < duration) this.#world.count('rate used up')
  }

  /** A lease has ended, or a wait for which its group waited, and there may be room. */
  ended(job: BookedJob): void {
    const { queue } = job
    const group = groupAt(job)
    for (const bounded of [this.#of(queue), ...(group === undefined ? [] : [this.#of(queue, group)])])
      bounded.roomAt = this.#world.now()
  }

  /** Milliseconds for which the bounds have let a job run that waits, at least; 0 where they do not. */
  letsRunFor(job: BookedJob, running: readonly BookedJob[], penned: number): number {
    const { queue } = job
    const { concurrency = Infinity, rateLimit, heldUntil = 0 } = this.#configOf(queue)
    const limits = [rateLimit, this.#world.options.flow?.limiter]
    let ms = Math.min(
      this.#since(this.#of(queue), limits, running.length < concurrency),
      this.#world.storeTime() - heldUntil,
    )
    const group = groupAt(job)
    if (group === undefined) return Math.max(0, ms)
    const state = this.#stateOf(queue, group)
    const bounds = this.#boundsOf(state)
    const own = running.filter((other) => groupAt(other) === group).length
    const hasRoom = own < (bounds.concurrency ?? Infinity) && state.paused !== true
    ms = Math.min(
      ms,
      this.#since(this.#of(queue, group), [this.#rateOf(state)], hasRoom),
      this.#world.storeTime() - (state.notBefore ?? 0),
    )
    return bounds.strict && penned > 0 ? 0 : Math.max(0, ms)
  }

  #since(
    { toldAt, roomAt, grants }: Bounded,
    limits: readonly (RateLimit | undefined)[],
    hasRoom: boolean,
  ): number {
    if (!hasRoom) return 0
    const opened = windowsOf(limits).map(({ max, ms }) => {
      const counted = grants.filter(({ windows }) => windows.some((window) => window.ms === ms))
      const times = counted.map(({ at }) => at).sort((a, b) => a - b)
      const last = times.at(-max)
      return last === undefined ? Infinity : this.#world.storeTime() - last - ms
    })
    return Math.min(this.#world.now() - Math.max(toldAt, roomAt), ...opened)
  }

  /** What is kept of limits and groups although nothing asks for it any more. */
  leftovers(queue: string): string[] {
    const { lanes, records } = this.#world.content
    const left: string[] = []
    const config = this.#configOf(queue)
    for (const { ms } of windowsOf([config.rateLimit, this.#world.options.flow?.limiter]))
      if ((lanes.get(`win.${ms}:${queue}`)?.size ?? 0) > 0) left.push(`starts in win.${ms}:${queue}`)
    for (const lane of ['turn', 'full', 'halted'])
      if ((lanes.get(`${lane}:${queue}`)?.size ?? 0) > 0) left.push(`pointers in ${lane}:${queue}`)
    for (const id of records.keys()) {
      if (!id.startsWith(`group:${queue}:`)) continue
      if (!isRemembered(this.#groups.get(id) ?? {})) left.push(id)
    }
    return left
  }

  /** Milliseconds within which all of that is gone once nothing runs. */
  get forgetsWithin(): number {
    const lengths = [...this.#bounded.values()].flatMap(({ grants }) =>
      grants.flatMap(({ windows }) => windows.map(({ ms }) => ms + Math.ceil(ms / 8) + lateOf(ms))),
    )
    return Math.max(0, ...lengths)
  }

  #configOf = (queue: string): QueueConfig => this.#configs.get(queue) ?? {}
  #stateOf = (queue: string, group: string): GroupState => this.#groups.get(`group:${queue}:${group}`) ?? {}
  #boundsOf = (state: GroupState): GroupBounds => boundsOf(state, this.#world.options.flow?.group ?? {})
  #rateOf = (state: GroupState): RateLimit | undefined =>
    state.rateLimit ?? this.#world.options.flow?.group.limit

  #of(queue: string, group?: string): Bounded {
    const key = group === undefined ? queue : `${queue}:${group}`
    let found = this.#bounded.get(key)
    if (found === undefined) {
      found = { toldAt: -Infinity, roomAt: -Infinity, grants: [], starts: new Map() }
      this.#bounded.set(key, found)
    }
    return found
  }
}
