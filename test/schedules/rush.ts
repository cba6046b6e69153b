/**
 * Five schedulers on one store, each a process that may end at any of its calls, before or after it arrived, and whose units may
 * arrive late: every slot makes one job, and none is left out. Jobs are removed as they come, so that it is not their ids that
 * keep a second one away.
 */
import type { Host, Result, Store } from 'holdfast'
import { Queue } from 'holdfast'
import { almanacOf } from '../../src/almanac.ts'
import { decodeHead } from '../../src/core/head.ts'
import { jobIdOf } from '../../src/core/keys.ts'
import { slotJobId, slotsOf } from '../../src/core/schedule.ts'
import { openLedger } from '../../src/ledger/ledger.ts'
import { cronOf, readSchedule } from '../../src/ledger/schedule.ts'
import { lookOut } from '../../src/ledger/tick.ts'
import { Tick } from '../../src/loops/tick.ts'
import type { Change } from '../../src/store.ts'
import { FaultStore } from '../faults/fault-store.ts'

/** Where the processes run. */
export interface Site {
  readonly host: Host
  /** The store, as one process has it, and what is left of it when that ends. */
  readonly connect: () => Promise<Connection>
  /** Lets time pass. */
  readonly pass: (ms: number) => Promise<void>
  /** Milliseconds between the slots of the fastest schedule. */
  readonly period: number
  /** What else happens when all processes end at once. */
  readonly restart: () => Promise<void>
}

interface Connection {
  readonly store: Store
  readonly drop: () => void
}

export interface Rushed {
  readonly slots: number
  readonly crashes: number
  /** Units that came too late. */
  readonly lost: number
}

const QUEUE = 'q'
const SEATS = 5
const STEPS_OF_CRASH = 6
/** Times at which processes may be told to end, at least. */
const ROUNDS = 30
/** A slot that is so late has been forgotten, where time is real. */
const BEHIND_MS = 500
/** Periods in which schedulers that catch up may make nothing. */
const PATIENCE = 500

/** Counts the jobs that units make, and those units that somebody else was faster than. */
class Book {
  readonly made = new Map<string, number>()
  lost = 0

  note(changes: readonly Change[], results: readonly Result[]): void {
    if (results[0] === false && changes.some(({ remove }) => remove?.[0]?.[0] === `schedules:${QUEUE}`))
      this.lost++
    for (const [at, { add = [], set = [] }] of changes.entries()) {
      if (results[at] === false || add[0]?.[0] === `schedules:${QUEUE}`) continue
      for (const [id, record] of set) {
        if (!id.startsWith(`${QUEUE}:`) || decodeHead(record).schedule === undefined) continue
        const job = jobIdOf(id)
        this.made.set(job, (this.made.get(job) ?? 0) + 1)
      }
    }
  }
}

/** From one end of all processes to the next: units that are on their way when it is over are lost. */
interface Era {
  isOver: boolean
}

/** The store as it is, with what it applied written down. */
const witnessed = (store: Store, book: Book, era: Era): Store => ({
  ready: () => store.ready(),
  read: (ids) => store.read(ids),
  scan: (pages) => store.scan(pages),
  count: (spans) => store.count(spans),
  watch: (lanes, wake) => store.watch(lanes, wake),
  now: () => store.now(),
  close: () => store.close(),
  [Symbol.asyncDispose]: () => store.close(),
  get skewMs() {
    return store.skewMs
  },
  host: store.host,
  durability: store.durability,
  epoch: store.epoch,
  async commit(changes) {
    if (era.isOver) return new Promise(() => undefined)
    const results = await store.commit(changes)
    book.note(changes, results)
    return results
  },
})

/** A process that ticks, until it ends at the call it is told. */
class Seat {
  crashes = 0
  #store: FaultStore | undefined
  #drop: (() => void) | undefined
  #late: () => number = () => 0
  #tick: Tick | undefined

  /** `late`: how many ms a unit is on its way. */
  async begin({ store: inner, drop }: Connection, late: () => number): Promise<void> {
    const store = new FaultStore(inner)
    this.#late = late
    await store.ready()
    this.#drop = drop
    this.#store = store
    this.calm()
    this.#tick = new Tick(openLedger(store, QUEUE), almanacOf(store), (error) => {
      throw error
    })
    this.#tick.start()
  }

  get isDown(): boolean {
    return this.#store?.dead ?? true
  }

  /** Ends at the nth call from now; `arrives`: what it asks for then is done all the same. */
  crashAt(call: number, arrives: boolean): void {
    const store = this.#store!
    let left = call
    const ends = (): boolean => {
      if (left-- > 0) return false
      this.end()
      return true
    }
    store.arm({
      commits: () => (ends() && !arrives ? { kind: 'lost' } : this.#delay()),
      looks: () => {
        ends()
        return undefined
      },
    })
  }

  /** No more crashes. */
  calm(): void {
    this.#store?.arm({ commits: () => this.#delay() })
  }

  #delay(): { kind: 'delay'; ms: number } | undefined {
    const ms = this.#late()
    return ms === 0 ? undefined : { kind: 'delay', ms }
  }

  end(): void {
    if (this.isDown) return
    this.crashes++
    this.#store!.die('silent')
    // What it had sent is on its way.
    setTimeout(this.#drop!, 50)
  }

  async stop(): Promise<void> {
    if (!this.isDown) await this.#tick!.stop()
  }
}

/** Until so many slots have come and gone. Throws a sentence for a slot with two jobs, or none. */
export async function rush(site: Site, ticks: number, random: () => number): Promise<Rushed> {
  const book = new Book()
  let era: Era = { isOver: false }
  const connect = async (): Promise<Connection> => {
    const { store: inner, drop } = await site.connect()
    return { store: witnessed(inner, book, era), drop }
  }
  const below = (most: number): number => Math.floor(random() * most)
  let { store } = await connect()
  await store.ready()
  let queue = new Queue(QUEUE, { store })
  const { period } = site
  await queue.upsertJobScheduler('fast', { every: period, missed: 'all' })
  await queue.upsertJobScheduler('slow', { every: 7 * period, offset: 3, missed: 'all' })
  await queue.upsertJobScheduler('cron', { pattern: '* * * * * *', tz: 'UTC', missed: 'all' })
  const seats = Array.from({ length: SEATS }, () => new Seat())
  for (let round = 0; book.made.size < ticks || round < ROUNDS; round++) {
    for (const seat of seats) {
      if (seat.isDown && below(3) > 0)
        await seat.begin(await connect(), () => (below(8) === 0 ? below(3 * period) : 0))
      else if (!seat.isDown && below(4) === 0) seat.crashAt(below(STEPS_OF_CRASH), below(2) === 0)
    }
    await site.pass(below(6 * period))
    await queue.drain()
    if (below(40) > 0) continue
    for (const seat of seats) seat.end()
    era.isOver = true
    era = { isOver: false }
    await site.restart()
    store = (await connect()).store
    await store.ready()
    queue = new Queue(QUEUE, { store })
  }
  for (const seat of seats) {
    seat.calm()
    if (seat.isDown) await seat.begin(await connect(), () => 0)
  }
  for (let idle = 0, made = 0; idle < PATIENCE && (await isBehind(store)); idle++) {
    await site.pass(period)
    if (book.made.size > made) idle = 0
    made = book.made.size
    if (idle === PATIENCE - 1) throw new Error('schedules stand still')
  }
  // What is on its way arrives only as time passes.
  const stops = { left: seats.length }
  const stopping = seats.map((seat) => seat.stop().finally(() => stops.left--))
  while (stops.left > 0) await site.pass(period)
  await Promise.all(stopping)
  const slots = await audit(store, book)
  const crashes = seats.reduce((sum, seat) => sum + seat.crashes, 0)
  return { slots, crashes, lost: book.lost }
}

/** Whether a slot is due that nobody has decided. */
async function isBehind(store: Store): Promise<boolean> {
  const { due } = await lookOut(openLedger(store, QUEUE), store.now() - BEHIND_MS)
  return due.length > 0
}

/** Holds what was made against the slots of each schedule, from its first to its last; how many there were. */
async function audit(store: Store, { made }: Book): Promise<number> {
  const ledger = openLedger(store, QUEUE)
  const left = new Map(made)
  for (const key of ['fast', 'slow', 'cron']) {
    const { schedule } = (await readSchedule(ledger, key))!
    const slots = slotsOf(schedule, await cronOf(schedule, almanacOf(store)))
    const first = Math.min(...[...made.keys()].filter((id) => id.split(':')[1] === key).map(slotOf))
    for (let slot = first; slot <= schedule.last!; slot = slots.after(slot)!) {
      const id = slotJobId(key, slot)
      if (left.get(id) !== 1) throw new Error(`the slot ${id} made ${left.get(id) ?? 0} jobs`)
      left.delete(id)
    }
  }
  for (const id of left.keys()) throw new Error(`${id} is no slot`)
  return made.size
}

const slotOf = (id: string): number => Number(id.split(':')[2])
