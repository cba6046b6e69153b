/** One life of a process on a LevelDB directory, on a virtual host that waits for the database: time passes when it is quiet. */
import { Queue, Worker } from 'holdfast'
import { levelStore } from 'holdfast/level'
import { type VirtualHost, virtualHost } from 'holdfast/testing'
import { claimOfLease, readClaimName } from '../../src/core/keys.ts'
import type { Job } from '../../src/job.ts'
import type { Dump } from '../model/dump.ts'
import type { Chronicle, What } from './chronicle.ts'
import { FaultStore } from './fault-store.ts'
import { RecordingLevel } from './recording-level.ts'
import { resultOf } from './script.ts'
import { QUEUE } from './setting.ts'

const STEP_MS = 100
const PATIENCE_MS = 120_000
const OPEN_LANES = ['ready', 'due', 'suspect', 'lease', 'blocked', 'claims', 'reap'] as const

export class Life {
  readonly host: VirtualHost
  readonly store: FaultStore
  readonly queue: Queue
  readonly chronicle: Chronicle
  /** What handlers of this life that do not complete wait for, or throw. */
  mended = false
  readonly #level: RecordingLevel
  #worker: Worker | undefined

  private constructor(level: RecordingLevel, host: VirtualHost, chronicle: Chronicle) {
    this.#level = level
    this.host = host
    this.chronicle = chronicle
    this.store = new FaultStore(levelStore(level.db, { durability: 'process', host }))
    this.queue = new Queue(QUEUE, { store: this.store })
  }

  /** Opens a directory; `past` is written first, where it is empty. */
  static async begin(path: string, chronicle: Chronicle, past: Chronicle | undefined): Promise<Life> {
    const start = chronicle.moments.at(-1)?.wall
    const host = virtualHost(start === undefined ? {} : { start })
    const level = new RecordingLevel(path, (batch) => chronicle.moments.push({ batch, wall: host.wall() }))
    await level.replay(past?.moments.map(({ batch }) => batch) ?? [])
    const life = new Life(level, host, chronicle)
    await life.answered(life.store.ready())
    return life
  }

  /** A call from its beginning to its answer, noted the moment it comes. */
  async call(begins: What, ends: What | undefined, ids: readonly string[], act: () => Promise<unknown>) {
    for (const id of ids) this.chronicle.note(begins, id)
    const known = act().then(() => {
      if (ends !== undefined) for (const id of ids) this.chronicle.note(ends, id)
    })
    await this.answered(known)
  }

  work(): Worker {
    const worker = new Worker(QUEUE, (job) => this.#handle(job), {
      store: this.store,
      concurrency: 2,
      name: 'w',
    })
    worker.on('completed', ({ id }) => this.chronicle.note('completed', id))
    worker.on('error', () => {})
    this.#worker = worker
    return worker
  }

  /** The process ends: no more calls, no more timers. What was given to the database is there. */
  async kill(): Promise<void> {
    this.store.die()
    await this.#level.close()
  }

  async close(): Promise<void> {
    if (this.#worker !== undefined) await this.answered(this.#worker.close())
    await this.answered(this.store.close())
    await this.#level.close()
  }

  async pass(ms: number): Promise<void> {
    await this.#settle()
    for (let passed = 0; passed < ms; passed += STEP_MS) {
      await this.host.advance(STEP_MS)
      await this.#settle()
    }
  }

  async answered<T>(promise: Promise<T>): Promise<T> {
    const call = { open: true }
    const close = (): void => void (call.open = false)
    promise.then(close, close)
    await this.#settle()
    for (let waited = 0; call.open && waited < PATIENCE_MS; waited += STEP_MS) await this.pass(STEP_MS)
    if (call.open) throw new Error('a call is not answered')
    return promise
  }

  async until(what: string, holds: () => Promise<boolean>): Promise<void> {
    for (let waited = 0; !(await holds()); waited += STEP_MS) {
      if (waited > PATIENCE_MS) throw new Error(`${what}: not within ${PATIENCE_MS} ms`)
      await this.pass(STEP_MS)
    }
  }

  async untilFinal(...ids: readonly string[]): Promise<void> {
    const isFinal = async (id: string): Promise<boolean> => {
      const job = await this.queue.getJob(id)
      return job === undefined || job.finishedOn !== undefined
    }
    await this.until(`the ends of ${ids.join()}`, async () =>
      (await Promise.all(ids.map(isFinal))).every(Boolean),
    )
  }

  /** Until no job has a way to go, and nothing is kept of claims. */
  async untilAllFinal(): Promise<void> {
    const lanes = OPEN_LANES.map((lane) => ({ lane: `${lane}:${QUEUE}` }))
    await this.until('the end of everything', async () =>
      (await this.store.count(lanes)).every((held) => held === 0),
    )
  }

  /** Jobs on lease: how many by this life, how many by earlier ones. */
  async leases(): Promise<{ own: number; others: number }> {
    const keys = (await this.dump()).lanes.get(`lease:${QUEUE}`) ?? []
    const own = keys.filter((key) => readClaimName(claimOfLease(key)).epoch === this.store.epoch).length
    return { own, others: keys.length - own }
  }

  async dump(): Promise<Dump> {
    const records = new Map<string, string>()
    const lanes = new Map<string, string[]>()
    for (const [key, value] of await this.#level.entries('r')) records.set(key, value)
    for (const [text] of await this.#level.entries('k')) {
      const [lane = '', key = ''] = text.split(' ')
      lanes.set(lane, [...(lanes.get(lane) ?? []), key])
    }
    return { records, lanes }
  }

  async #handle(job: Job): Promise<unknown> {
    const { id } = job
    if (id === 'flaky' && job.attemptsMade === 0) throw new Error('the first time')
    if (id === 'broken' && !this.mended) throw new Error('broken')
    if (id === 'orphan' && !this.mended) await new Promise(() => {})
    if (id === 'chatty') {
      await job.updateProgress('half')
      await job.log('one')
      await job.log('two')
    }
    this.chronicle.note('finished', id)
    return resultOf(id)
  }

  /** Until neither the program nor the database has anything to do. */
  async #settle(): Promise<void> {
    do await this.host.idle()
    while (await this.#level.quiet())
  }
}
