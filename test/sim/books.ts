/**
 * What the store was told, kept a second time: every unit that applies is read as steps of jobs from lane to lane, and each
 * step is held against the rules. So a violation is seen in the commit that makes it, at the cost of that commit alone.
 */
import { decodeHead } from '../../src/core/head.ts'
import { decodeConfig } from '../../src/core/config.ts'
import { claimOfLease, groupOf, readClaimName } from '../../src/core/keys.ts'
import type { Change, Moved, Result } from '../../src/store.ts'
import { must } from '../model/invariants.ts'
import type { BookedJob, Departed, Lease } from './booked.ts'
import type { BoundsBook } from './bounds-book.ts'
import type { DepthBook } from './depth-book.ts'
import { Entries, type Entry } from './entries.ts'
import type { IdsBook } from './ids-book.ts'
import type { KeysBook } from './keys-book.ts'
import { isLetter } from './letters.ts'
import type { Rules } from './rules.ts'
import type { SlotsBook } from './slots-book.ts'
import { type Step, isRemaking } from './step.ts'
import { type Touched, kindOf, readChange } from './touched.ts'
import type { Trace } from './trace.ts'

/** Books that are kept of what is not a job. */
export interface Beside {
  readonly bounds: BoundsBook
  readonly slots: SlotsBook
  readonly keys: KeysBook
  readonly ids: IdsBook
  readonly depth: DepthBook
}

const queueOf = (lane: string): string => lane.slice(lane.indexOf(':') + 1)

export class Books {
  readonly jobs = new Map<string, BookedJob>()
  readonly leases = new Map<string, Lease>()
  readonly paused = new Set<string>()
  /** Progress that was written, by job. */
  readonly progress = new Map<string, Set<string>>()
  /** Until when a machine has something to do for a queue at least, on the timeline; a lease that lives makes it busy besides. */
  readonly busyUntil = new Map<string, number>()
  commits = 0
  claimsMade = 0
  claimsThatGot = 0
  readonly #trace: Trace
  readonly #rules: Rules
  readonly #beside: Beside
  readonly #now: () => number
  readonly #entries: Entries
  readonly #births = new Set<string>()
  readonly #numbers = new Set<number>()
  #born = 0

  constructor(trace: Trace, rules: Rules, beside: Beside, now: () => number) {
    this.#beside = beside
    this.#trace = trace
    this.#rules = rules
    this.#now = now
    this.#entries = new Entries(trace, rules)
  }

  /** Entries of claims, by claim. */
  get claims(): ReadonlyMap<string, Entry> {
    return this.#entries.claims
  }

  /** A unit was applied by an incarnation of a machine. */
  apply(by: string, changes: readonly Change[], results: readonly Result[]): void {
    this.commits++
    this.#beside.slots.note(changes, (at) => results[at] !== false)
    changes.forEach((change, at) => {
      const result = results[at]!
      const claim = change.move?.to.find(({ lane }) => lane.startsWith('lease:'))?.mark
      if (claim !== undefined) this.#countClaim(results, at)
      if (result !== false) this.#change(by, change, result)
      if (claim !== undefined) this.#beside.bounds.tried(claim)
    })
    this.#beside.ids.applied()
  }

  isBusy(by: string, queue: string, until: number): void {
    const key = `${by} ${queue}`
    this.busyUntil.set(key, Math.max(this.busyUntil.get(key) ?? 0, until))
  }

  wasBorn(name: string): boolean {
    return this.#births.has(name)
  }

  wasNumberBorn(n: number): boolean {
    return this.#numbers.has(n)
  }

  leaseOf(claim: string, name: string): Lease | undefined {
    return this.leases.get(`${claim}/${name}`)
  }

  /** The lease of a job under which handlers get this fence. */
  leaseOfFence(name: string, fence: number): Lease | undefined {
    return [...this.leases.values()].find((lease) => lease.name === name && lease.fence === fence)
  }

  /** Leases that live, of a machine or of all. */
  held(by?: string, queue?: string): BookedJob[] {
    return [...this.jobs.values()].filter(
      (job) =>
        job.lease !== undefined &&
        (by === undefined || job.lease.by === by) &&
        (queue === undefined || job.queue === queue),
    )
  }

  /** Only claims that the queue's settings allowed count: the others were not tries to get a job. */
  #countClaim(results: readonly Result[], at: number): void {
    this.claimsMade++
    const got = results[at]
    if (got !== false && got !== undefined && got.length > 0) this.claimsThatGot++
  }

  /** Jobs that their group waits for, besides this one. */
  pennedBeside({ name, queue, head }: BookedJob): number {
    const group = groupOf(head.key)
    return [...this.jobs.values()].filter(
      (other) => other.lane === `penned:${queue}` && groupOf(other.head.key) === group && other.name !== name,
    ).length
  }

  #change(by: string, change: Change, result: readonly Moved[]): void {
    this.#beside.bounds.note(change)
    this.#beside.keys.note(change)
    this.#beside.ids.note(change)
    this.#beside.depth.note(by, change, result)
    const { removed, added, jobs } = readChange(change, result)
    this.#entries.change(by, removed, added)
    for (const [id, value] of change.set ?? []) this.#record(by, id, value)
    for (const id of change.delete ?? []) this.#deleted(id)
    for (const [name, what] of jobs) this.#step(by, name, what, change)
  }

  /** What is written beside heads. */
  #record(by: string, id: string, value: string): void {
    const parts = id.split(':')
    if (parts.length === 2) return
    if (parts[0] === 'queue') {
      if (decodeConfig(value).paused === true) this.paused.add(parts[1]!)
      else this.paused.delete(parts[1]!)
      this.#trace.say(`  ${id} = ${value.slice(-20)}`)
    } else {
      const name = `${parts[1]}:${parts[2]}`
      if (parts[0] === 'progress' || parts[0] === 'logs') this.#rules.talked(by, this.jobs.get(name), name)
      if (parts[0] === 'progress') {
        const seen = this.progress.get(name) ?? new Set()
        this.progress.set(name, seen.add(value))
      }
    }
  }

  #deleted(id: string): void {
    const parts = id.split(':')
    if (parts[0] === 'queue') this.paused.delete(parts[1]!)
  }

  #step(by: string, name: string, { removed, added, head }: Touched, change: Change): void {
    const job = this.jobs.get(name)
    must(
      job === undefined || removed === undefined || removed.key === job.key,
      `invariant 5: ${name} was not at ${removed?.key}`,
    )
    if (removed === undefined && added === undefined) {
      if (head !== undefined && job !== undefined) this.#rewritten(by, job, head)
      return
    }
    const step: Step = {
      by,
      job,
      name,
      from: job === undefined ? undefined : kindOf(job.lane),
      to: added === undefined ? undefined : kindOf(added.lane),
      key: added?.key,
      head: head === undefined ? job?.head : decodeHead(head),
      change,
      written: head !== undefined,
    }
    must(
      job === undefined || removed !== undefined,
      `invariant 5: ${name} is in ${job?.lane} and placed in ${added?.lane}`,
    )
    const departed = this.#rules.step(step)
    if (job !== undefined) job.cameFrom = undefined
    if (job?.lease !== undefined) this.#endLease(job, departed)
    else if (step.from === 'penned') this.#beside.bounds.ended(job!)
    this.#place(step, added)
  }

  #endLease(job: BookedJob, departed: Departed | undefined): void {
    const lease = job.lease!
    lease.end = departed ?? 'gone'
    job.cameFrom = lease
    this.isBusy(lease.by, job.queue, this.#now())
    this.#beside.bounds.ended(job)
    job.lease = undefined
  }

  #place(step: Step, added: { lane: string; key: string } | undefined): void {
    const { job, name, by, from, to, head } = step
    this.#trace.say(`  ${by} ${name} ${from ?? '-'} > ${to ?? '-'}`)
    if (added === undefined) {
      this.jobs.delete(name)
      return
    }
    const placed: BookedJob = job ?? this.#newJob(step, added.lane)
    if (placed.lane !== added.lane) placed.since = this.#now()
    placed.lane = added.lane
    placed.key = added.key
    placed.head = head!
    if (isRemaking(step)) this.#becomes(placed, this.#rules.numberOf(step))
    this.jobs.set(name, placed)
    if (to === 'lease') this.#lease(placed, by)
  }

  /** It is there under another's name. */
  #becomes(job: BookedJob, n: number): void {
    job.n = n
    this.#numbers.add(n)
  }

  #newJob(step: Step, lane: string): BookedJob {
    const n = this.#rules.numberOf(step)
    // One that is sent back has its place, as one that is tried again.
    if (step.head!.generation === undefined && !isLetter(step.name)) {
      this.#beside.bounds.added(step.name, n, groupOf(step.head!.key), this.jobs.values())
      this.#beside.keys.added(step.name, this.#rules.keyOf(n))
      this.#beside.ids.added(step.name, n)
    }
    this.#births.add(step.name)
    this.#numbers.add(n)
    return {
      name: step.name,
      n,
      queue: queueOf(lane),
      born: ++this.#born,
      lane: '',
      key: '',
      head: step.head!,
      since: this.#now(),
      lease: undefined,
      fence: 0,
      cameFrom: undefined,
    }
  }

  #lease(job: BookedJob, by: string): void {
    const claim = claimOfLease(job.key)
    const fence = Math.max(job.head.fence, readClaimName(claim).grantedAt)
    must(fence > job.fence, `invariant 7: the fence of ${job.name} goes from ${job.fence} to ${fence}`)
    const lease: Lease = { name: job.name, claim, by, fence, n: job.n }
    must(!this.leases.has(`${claim}/${job.name}`), `invariant 7: ${job.name} is granted twice under ${claim}`)
    this.leases.set(`${claim}/${job.name}`, lease)
    job.lease = lease
    job.fence = fence
    this.#beside.bounds.granted(job, lease, this.held(undefined, job.queue), this.pennedBeside(job))
  }

  /** A head that is rewritten where it is: what the job owns may change, nothing else. */
  #rewritten(by: string, job: BookedJob, raw: string): void {
    const head = decodeHead(raw)
    const same = (
      [
        'attemptsMade',
        'attemptsStarted',
        'stalledCounter',
        'generation',
        'finishedOn',
        'key',
        'fence',
      ] as const
    ).every((field) => head[field] === job.head[field])
    must(same, `invariant 11: the head of ${job.name} is rewritten by ${by} while it is in ${job.lane}`)
    job.head = head
  }
}
