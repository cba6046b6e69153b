/**
 * What a script is played in: a virtual host, a memory store that outlives its openings, processes with faults counted over
 * all of them, and calls that are made again until they are answered.
 */
import { Queue, type Store } from 'holdfast'
import { MemoryContent, memoryStore } from 'holdfast/memory'
import { virtualHost } from 'holdfast/testing'
import type { Dump } from '../model/dump.ts'
import { viewOf } from '../model/queue-view.ts'
import { checkQueue } from '../model/invariants.ts'
import { FaultStore } from './fault-store.ts'
import type { Ground } from './ground.ts'
import { overStore } from './over-store.ts'
import { type Fault, type FaultPlan, type LookFault, faultAt } from './plan.ts'
import { Witness } from './witness.ts'

/** Faults of a run; calls are counted over all of its processes. */
export interface ScriptPlan {
  readonly commits?: readonly Fault[]
  readonly looks?: readonly LookFault[]
  readonly hints?: FaultPlan['hints']
}

export const QUEUE = 'q'
/** Of dead letters; nobody works on it. */
export const LETTERS = 'letters'
/** What faults take: below the length of a lease, and above it. */
export const SHORT_MS = 800
export const LONG_MS = 15_000
const TRIES = 6
/** Time that passes at once where calls take real time. */
const STEP_MS = 50
/** Longer than any fault, a lease and a reaper's verdict together. */
const PATIENCE_MS = 60_000

export class Setting {
  readonly host = virtualHost()
  readonly content = new MemoryContent()
  readonly witness = new Witness()
  /** Where it is not the memory above. */
  readonly #ground: Ground | undefined
  /** One for each process there was. */
  readonly stores: FaultStore[] = []
  commits = 0
  looks = 0
  inner!: Store
  /** As the process has it that adds jobs and works on most of them. */
  store!: FaultStore
  queue!: Queue
  protected readonly plan: ScriptPlan
  readonly #watchful: boolean

  constructor(
    plan: ScriptPlan = {},
    { watched = true, ground }: { readonly watched?: boolean; readonly ground?: Ground | undefined } = {},
  ) {
    this.plan = plan
    this.#watchful = watched
    this.#ground = ground
  }

  async open(): Promise<void> {
    this.inner =
      (await this.#ground?.open(this.host)) ??
      this.#watched(memoryStore({ host: this.host, content: this.content }))
    this.store = this.process()
    this.queue = new Queue(QUEUE, { store: this.store })
  }

  /** The store as one more process has it. */
  process(): FaultStore {
    const { commits, looks, hints } = this.plan
    const store = new FaultStore(this.inner, {
      commits: (_, changes) => faultAt(commits, this.commits++, changes),
      looks: (_, look) => faultAt(looks, this.looks++, look),
      hints,
    })
    this.stores.push(store)
    return store
  }

  /** Whether a unit of this run is applied when others have followed it. */
  get comesLate(): boolean {
    const isLate = ({ kind, ms = 0 }: Fault): boolean => kind === 'ghost' || (kind === 'double' && ms > 0)
    return this.plan.commits?.some(isLate) === true
  }

  /** Whether the first fault of the plan is under way: up to there all runs of the script are the same. */
  get hasBegun(): boolean {
    const { commits = [], looks = [], hints } = this.plan
    const isUnderWay =
      commits.some(({ call }) => call < this.commits) || looks.some(({ call }) => call < this.looks)
    return isUnderWay || hints !== undefined || commits.length + looks.length === 0
  }

  async pass(ms: number): Promise<void> {
    if (this.#ground === undefined) return this.host.advance(ms)
    await this.#ground.settle(this.host)
    for (let passed = 0; passed < ms; passed += STEP_MS) {
      await this.host.advance(Math.min(STEP_MS, ms - passed))
      await this.#ground.settle(this.host)
    }
    await this.#ground.look()
  }

  /** Lets time pass until a promise is settled. */
  async passing<T>(promise: Promise<T>): Promise<T> {
    const call = { answered: false }
    const answer = (): void => void (call.answered = true)
    promise.then(answer, answer)
    await this.pass(0)
    for (let waited = 0; !call.answered && waited < 60_000; waited += 200) await this.pass(200)
    if (!call.answered) throw new Error('a call is not answered within a minute')
    return promise
  }

  /** Lets time pass until something holds, which it has to in time, unless hints stay lost. */
  async until(what: string, holds: () => boolean): Promise<void> {
    await this.pass(0)
    for (let waited = 0; !holds() && waited < PATIENCE_MS; waited += 250) {
      await this.pass(250)
      if (waited % 5000 === 0 && this.#isPausedLate())
        await this.call('resume', [], () => this.queue.resume())
    }
    this.witness.must(this.plan.hints === 'drop' || holds(), `${what}: not within ${PATIENCE_MS} ms`)
  }

  /**
   * Makes a call until it is answered; false where it makes no sense (any more). One that failed for certain changed nothing
   * of these jobs and of the queue's settings.
   */
  async call(what: string, ids: readonly string[], act: () => Promise<unknown>): Promise<boolean> {
    const { witness } = this
    for (let tries = 0; tries < TRIES; tries++) {
      const before = this.#traceOf(ids)
      try {
        await this.passing(act())
        return true
      } catch (error) {
        const { code, outcome } = witness.rejected(what, error) ?? {}
        if (code === undefined || !code.startsWith('STORE_')) return false
        const left = outcome === 'failed' && this.#traceOf(ids) !== before
        witness.must(!left, `${what} of ${ids.join()} failed and left a trace`)
        await this.pass(200)
      }
    }
    witness.must(false, `${what} of ${ids.join()} was not answered ${TRIES} times`)
    return false
  }

  dump(): Dump {
    if (this.#ground !== undefined) return this.#ground.dump()
    const { records, lanes } = this.content
    const all = [...lanes].map(([lane, keys]) => [lane, keys.head(undefined, undefined, Infinity)] as const)
    return { records: new Map(records), lanes: new Map(all) }
  }

  keysIn(lane: string, queue = QUEUE): readonly string[] {
    const name = `${lane}:${queue}`
    if (this.#ground !== undefined) return this.#ground.dump().lanes.get(name) ?? []
    return this.content.lanes.get(name)?.head(undefined, undefined, Infinity) ?? []
  }

  isFinal(id: string): boolean {
    return [...this.keysIn('done'), ...this.keysIn('dead')].some((key) => key.endsWith(`:${id}`))
  }

  began(id: string): boolean {
    return this.witness.starts.some((start) => start.id === id)
  }

  /**
   * A pause that applies after the resume which followed it holds, as to the store nothing has changed in between. Somebody
   * who looks ends it.
   */
  #isPausedLate(): boolean {
    const { records } = this.#ground?.dump() ?? this.content
    return this.comesLate && records.has(`queue:${QUEUE}:config`)
  }

  /** Holds the invariants against what each commit leaves once something went wrong; it takes as long as all the rest. */
  #watched(store: Store): Store {
    if (!this.#watchful) return store
    return overStore(store, {
      commit: async (changes) => {
        const results = await store.commit(changes)
        if (!this.hasBegun) return results
        try {
          const dump = this.dump()
          checkQueue(dump, viewOf(dump, QUEUE), store.epoch)
        } catch (error) {
          this.witness.must(false, `after a commit: ${(error as Error).message}`)
        }
        return results
      },
    })
  }

  #traceOf(ids: readonly string[]): string {
    const { records, lanes } = this.dump()
    const isOfThese = (text: string): boolean =>
      text.startsWith('queue:') || ids.some((id) => text.endsWith(`:${id}`) || text.includes(`:${id}:`))
    return JSON.stringify([
      [...records].filter(([id]) => isOfThese(id)),
      [...lanes].flatMap(([lane, keys]) => keys.filter(isOfThese).map((key) => [lane, key])),
    ])
  }
}
