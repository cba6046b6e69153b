/**
 * What a script is played in: a virtual host, a memory store that outlives its openings, processes with faults counted over
 * all of them, and calls that are made again until they are answered.
 */
import { Queue, type Store } from 'holdfast'
import { MemoryContent, memoryStore } from 'holdfast/memory'
import { virtualHost } from 'holdfast/testing'
import type { Dump } from '../model/dump.ts'
import { FaultStore } from './fault-store.ts'
import { type Fault, type FaultPlan, type LookFault, faultAt } from './plan.ts'
import { Witness } from './witness.ts'

/** Faults of a run; calls are counted over all of its processes. */
export interface ScriptPlan {
  readonly commits?: readonly Fault[]
  readonly looks?: readonly LookFault[]
  readonly hints?: FaultPlan['hints']
}

export const QUEUE = 'q'
const TRIES = 6

export class Setting {
  readonly host = virtualHost()
  readonly content = new MemoryContent()
  readonly witness = new Witness()
  /** One for each process there was. */
  readonly stores: FaultStore[] = []
  commits = 0
  looks = 0
  inner!: Store
  /** As the process has it that adds jobs and works on most of them. */
  store!: FaultStore
  queue!: Queue
  protected readonly plan: ScriptPlan

  constructor(plan: ScriptPlan = {}) {
    this.plan = plan
    this.open()
  }

  open(): void {
    this.inner = memoryStore({ host: this.host, content: this.content })
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

  pass(ms: number): Promise<void> {
    return this.host.advance(ms)
  }

  /** Lets time pass until a promise is settled. */
  async passing<T>(promise: Promise<T>): Promise<T> {
    const call = { answered: false }
    const answer = (): void => void (call.answered = true)
    promise.then(answer, answer)
    await this.host.idle()
    for (let waited = 0; !call.answered && waited < 60_000; waited += 200) await this.host.advance(200)
    if (!call.answered) throw new Error('a call is not answered within a minute')
    return promise
  }

  /** Lets time pass until something holds; where faults hold it up for too long, the script goes on without. */
  async until(holds: () => boolean, ms = 20_000): Promise<void> {
    await this.host.idle()
    for (let waited = 0; !holds() && waited < ms; waited += 250) await this.host.advance(250)
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
    const { records, lanes } = this.content
    const all = [...lanes].map(([lane, keys]) => [lane, keys.head(undefined, undefined, Infinity)] as const)
    return { records: new Map(records), lanes: new Map(all) }
  }

  keysIn(lane: string): readonly string[] {
    return this.content.lanes.get(`${lane}:${QUEUE}`)?.head(undefined, undefined, Infinity) ?? []
  }

  isFinal(id: string): boolean {
    return [...this.keysIn('done'), ...this.keysIn('dead')].some((key) => key.endsWith(`:${id}`))
  }

  began(id: string): boolean {
    return this.witness.starts.some((start) => start.id === id)
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
