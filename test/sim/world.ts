/**
 * A simulated world: the store, the places where processes live, the books and the witness, and what connects them. It knows
 * how things are wired; what is done with it is `simulate.ts`'s business.
 */
import type { Store } from 'holdfast'
import { MemoryContent, memoryStore } from 'holdfast/memory'
import type { Host } from '../../src/host.ts'
import { FaultStore } from '../faults/fault-store.ts'
import { Violation } from '../model/invariants.ts'
import { Announcements } from './announcements.ts'
import { AuditedStore } from './audited.ts'
import { Books } from './books.ts'
import { BoundsBook } from './bounds-book.ts'
import { Chance, hashOf } from './chance.ts'
import { type Tally, count } from './counters.ts'
import { DepthBook } from './depth-book.ts'
import { FaultSource } from './fault-source.ts'
import { IdsBook, type Moment } from './ids-book.ts'
import { KeysBook } from './keys-book.ts'
import { Link } from './link.ts'
import { Machine } from './machine.ts'
import { SAFETY_POLL_MS, healedLatency } from './options.ts'
import { type Plan, sitesOf } from './plan.ts'
import { Rules } from './rules.ts'
import { type Process, Site } from './site.ts'
import { SlotsBook } from './slots-book.ts'
import { BEGINNING, Timeline } from './timeline.ts'
import { Trace } from './trace.ts'
import { Witness } from './witness.ts'

export class World {
  readonly plan: Plan
  readonly timeline: Timeline
  readonly trace: Trace
  readonly tally: Tally = new Map()
  readonly content = new MemoryContent()
  readonly witness: Witness
  readonly books: Books
  readonly bounds: BoundsBook
  readonly slots: SlotsBook
  readonly keys: KeysBook
  readonly ids: IdsBook
  readonly depth: DepthBook
  readonly announcements: Announcements
  readonly sites: Site[]
  readonly faults: FaultSource
  /** Machines whose processes ended in good order: nothing of them may come to life again. */
  readonly closed: Machine[] = []
  violation: Error | undefined
  /** No more faults, crashes and pauses from here on. */
  healed = false
  healedAt = Infinity
  /** When the last consequence of a fault is over; Infinity while there are faults. */
  calmAt = Infinity
  /** Something happened after which everything is to be looked at. */
  dirty = false
  /** The store that all share, where they do. */
  readonly #server: AuditedStore | undefined
  /** The store of the process that has it open, or had it open last. */
  #own: AuditedStore | undefined

  constructor(plan: Plan, keepTrace: boolean) {
    const { seed, options } = plan
    this.plan = plan
    this.timeline = new Timeline(new Chance(seed, 'ties'))
    this.trace = new Trace(this.timeline, keepTrace)
    this.witness = new Witness(plan.jobs)
    const surroundings = {
      options,
      now: () => this.storeTime(),
      storeTime: () => this.storeTime(),
      moment: () => this.moment(),
      jobs: () => this.books.jobs,
      epoch: () => (options.shape === 'own' ? String(this.content.opened) : undefined),
      isCalm: () => this.timeline.now > this.calmAt,
      isWell: (by: string) => this.#isWell(by),
      isUp: (by: string) => this.#processOf(by) !== undefined,
      holdsLeases: (claim: string) => this.books.held().some(({ lease }) => lease!.claim === claim),
      isPaused: (queue: string) => this.books.paused.has(queue),
      prunesByBytes: plan.jobs.some(
        ({ options: { removeOnComplete: kept } }) => typeof kept === 'object' && kept.maxBytes !== undefined,
      ),
      sizeOf: (lane: string) => this.content.lanes.get(lane)?.size ?? 0,
      entryOf: (claim: string) => this.books.claims.get(claim),
      mayGiveWay: (n: number) =>
        plan.schedules?.some(({ job, repeat }) => job === n && repeat.overlap === 'cancel-previous') === true,
      count: (what: string) => this.count(what),
    }
    this.bounds = new BoundsBook({
      ...surroundings,
      content: this.content,
      now: () => this.timeline.now,
      maxSizeOf: (n) => plan.jobs[n]!.options.group?.maxSize,
    })
    this.depth = new DepthBook(options.maxDepth, surroundings.count)
    this.ids = new IdsBook(surroundings, this.witness)
    const rules = new Rules(surroundings, this.witness, this.ids)
    this.slots = new SlotsBook({
      ...surroundings,
      trace: this.trace,
      mayRemove: (record) => this.witness.mayUnschedule(record),
    })
    this.keys = new KeysBook(surroundings)
    this.books = new Books(this.trace, rules, this, () => this.timeline.now)
    this.announcements = new Announcements(this)
    this.faults = new FaultSource(plan, (what) => this.count(what), this.books)
    this.sites = Array.from({ length: sitesOf(options) }, (_, index) => {
      const error = (new Chance(seed, 'wall', index).next() * 2 - 1) * options.wallErrorMs
      return new Site(this, index, Math.round(error))
    })
    if (options.shape === 'shared')
      this.#server = this.#audited(memoryStore({ host: this.#network(), content: this.content }))
  }

  heal(): void {
    this.healed = true
    this.healedAt = this.timeline.now
  }

  count(what: string, by = 1): void {
    count(this.tally, what, by)
  }

  /** Runs something whose violations are this world's: they must not end up in the library, which would take them for errors. */
  guard<T>(doing: () => T): T | undefined {
    try {
      return doing()
    } catch (error) {
      if (!(error instanceof Violation)) throw error
      this.violation ??= error
      return undefined
    }
  }

  /** The one clock of the store, ms since the epoch. */
  storeTime(): number {
    return this.plan.options.shape === 'shared'
      ? this.timeline.time
      : (this.#own?.inner.now() ?? this.timeline.time)
  }

  moment(): Moment {
    return { at: this.timeline.now, time: this.storeTime() }
  }

  /** Machine, store and faults of a new incarnation. */
  connect(site: Site, name: string): { machine: Machine; link: Link; store: FaultStore } {
    const { seed, options } = this.plan
    const machine = new Machine(name, this.timeline, new Chance(seed, name), site.wallError)
    const audited = this.#server ?? this.#open(machine)
    const tagged = this.#taggedBy(audited, name)
    const store = new FaultStore(tagged, this.healed ? this.faults.healed() : this.faults.planFor(name))
    store.onFault = (happened) => {
      this.dirty = true
      this.trace.say(`${name} ${happened.kind}@${happened.call}: ${happened.effect}`)
      this.faults.happened(name, happened)
    }
    const link = new Link({
      machine,
      store,
      trace: this.trace,
      chance: new Chance(seed, name, 'link'),
      now: options.shape === 'shared' ? this.#sampledClock(site.index) : () => audited.inner.now(),
      skewMs: options.skewMs,
      epoch: options.shape === 'own' ? audited.epoch : undefined,
      latencyMs: () => (this.healed ? healedLatency(options) : options.latencyMs),
      pollMs: options.hintsLost > 0 ? SAFETY_POLL_MS : undefined,
      dies: (commit) => (this.healed ? undefined : this.faults.deathAt(name, commit)),
      die: () => {
        const death = this.faults.lastDeath!
        site.kill(death.applied ? 'crash after a commit' : 'crash before a commit', death.downMs)
      },
      count: (what) => this.count(what),
      toldUntil: (claim, until) => this.announcements.toldUntil(claim, until),
      told: (changes, results) => this.depth.told(changes, results),
      lostClaim: (claim) => this.announcements.lostClaim(claim),
      close: async () => (options.shape === 'own' ? audited.close() : undefined),
    })
    return { machine, link, store }
  }

  disconnect({ link, machine }: Process, inOrder: boolean): void {
    this.guard(() => this.depth.ended(machine.name, inOrder))
    this.count('store calls', link.calls)
    this.count('store calls that succeeded', link.calls - link.failures)
    if (this.#own !== undefined) this.#own.gone = true
    this.dirty = true
  }

  /** Handlers under way in an incarnation. */
  runningOn(name: string): number {
    return this.books.held(name).filter(({ lease }) => this.witness.isRunning(lease!.claim)).length
  }

  /** One life of a job: from its adding or its last retry on. */
  lifeOf(name: string): string {
    const job = this.books.jobs.get(name)
    return `${name} ${job?.born} ${job?.head.generation ?? 0}`
  }

  /** A process died; did it die before it had ended what an earlier one left behind? */
  countRecovery(): void {
    const epoch = `.${this.content.opened}.`
    const left =
      this.plan.options.shape === 'own' &&
      this.books.held().some(({ lease }) => !lease!.claim.slice(13).startsWith(epoch))
    if (left) this.count('crash during recovery')
  }

  #open(machine: Machine): AuditedStore {
    this.#own = this.#audited(memoryStore({ host: machine, content: this.content }))
    return this.#own
  }

  #audited(inner: Store): AuditedStore {
    return new AuditedStore(inner, this.#network())
  }

  /** The store as one incarnation reaches it, so that the books know who sent what. */
  #taggedBy(audited: AuditedStore, name: string): Store {
    const { books } = this
    const tagged = Object.create(audited) as AuditedStore
    tagged.applied = (changes, results) => this.guard(() => books.apply(name, changes, results))
    return tagged
  }

  /** A sample of the store's clock, never going back; two of them differ by `skewMs` at most. */
  #sampledClock(index: number): () => number {
    const { skewMs, leaseMs } = this.plan.options
    if (skewMs === 0) return () => this.timeline.time
    let last = 0
    return () => {
      const period = Math.floor(this.timeline.now / (leaseMs * 3 + 1000))
      const error = (hashOf(this.plan.seed, 'skew', index, period) / 2 ** 32) * 2 - 1
      last = Math.max(last, this.timeline.time + Math.trunc((error * skewMs) / 2))
      return last
    }
  }

  #network(): Host {
    const { timeline } = this
    const chance = new Chance(this.plan.seed, 'network')
    return {
      wall: () => BEGINNING + timeline.now,
      monotonic: () => timeline.now,
      timer: (ms, wake) => timeline.after(ms, wake),
      random: () => chance.next(),
      warn: () => undefined,
    }
  }

  #processOf(by: string): Process | undefined {
    return this.sites.find(({ process }) => process?.machine.name === by)?.process
  }

  /** It is up and was so, without standing still, for longer than a lease. */
  #isWell(by: string): boolean {
    const process = this.#processOf(by)
    if (process === undefined || process.closing || process.machine.frozen) return false
    return (
      this.timeline.now - Math.max(process.since, process.thawedAt, this.calmAt) >
      this.plan.options.leaseMs * 2
    )
  }
}
