/**
 * The store as one process sees it: calls take time on both ways, answers wait while the process is frozen and never reach a
 * dead one, the clock is the process's own sample of the store's, and the process can die at a commit.
 */
import { HoldfastError, type Store } from 'holdfast'
import { nameOf } from '../../src/core/evaluate.ts'
import { timeOf } from '../../src/core/keys.ts'
import type { Change, Page, Result, Span } from '../../src/store.ts'
import type { FaultStore } from '../faults/fault-store.ts'
import { settles } from '../faults/units.ts'
import type { Chance } from './chance.ts'
import type { Machine } from './machine.ts'
import type { Trace } from './trace.ts'

export interface LinkFacts {
  readonly machine: Machine
  readonly store: FaultStore
  readonly trace: Trace
  readonly chance: Chance
  readonly now: () => number
  readonly skewMs: number
  readonly epoch: string | undefined
  /** Milliseconds that a call may take now, both ways together. */
  readonly latencyMs: () => number
  /** Milliseconds between two wake-ups of all watchers, for what hints may have been lost. */
  readonly pollMs: number | undefined
  /** Whether the process dies at a commit, and whether that is applied. */
  readonly dies: (commit: number) => { readonly applied: boolean } | undefined
  readonly die: () => void
  readonly count: (what: string) => void
  /** The process was told that it has a claim until then. */
  readonly toldUntil: (claim: string, until: number) => void
  /** The process was told what became of changes. */
  readonly told: (changes: readonly Change[], results: readonly Result[]) => void
  /** A claim was sent and its answer lost. */
  readonly lostClaim: (claim: string) => void
  /** The store is closed: the one of a server lives on. */
  readonly close: () => Promise<void>
}

export class Link implements Store {
  readonly durability = 'memory'
  readonly host: Machine
  calls = 0
  failures = 0
  #commits = 0
  #closed = false
  #stopPolling: (() => void) | undefined
  readonly #facts: LinkFacts
  readonly #wakes = new Set<() => void>()

  constructor(facts: LinkFacts) {
    this.#facts = facts
    this.host = facts.machine
    if (facts.pollMs !== undefined) this.#poll(facts.pollMs)
  }

  get skewMs(): number {
    return this.#facts.skewMs
  }

  get epoch(): string | undefined {
    return this.#facts.epoch
  }

  now(): number {
    return this.#facts.now()
  }

  commit(changes: readonly Change[]): Promise<readonly Result[]> {
    const { dies, die, store } = this.#facts
    const death = dies(this.#commits++)
    if (death === undefined) return this.#call('commit', () => store.commit(changes), changes)
    if (death.applied) store.commit(changes).catch(() => undefined)
    die()
    return new Promise(() => {})
  }

  ready(): Promise<void> {
    return this.#call('ready', () => this.#facts.store.ready())
  }

  read(ids: readonly string[]): Promise<readonly (string | undefined)[]> {
    return this.#call('read', () => this.#facts.store.read(ids))
  }

  scan(pages: readonly Page[]): Promise<readonly (readonly string[])[]> {
    return this.#call('scan', () => this.#facts.store.scan(pages))
  }

  count(spans: readonly Span[]): Promise<readonly number[]> {
    return this.#call('count', () => this.#facts.store.count(spans))
  }

  watch(lanes: readonly string[], wake: () => void): () => void {
    const arrive = (): void => this.host.deliver(() => void (this.#wakes.has(arrive) && wake()))
    const end = this.#facts.store.watch(lanes, arrive)
    this.#wakes.add(arrive)
    return () => {
      this.#wakes.delete(arrive)
      end()
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#stopPolling?.()
    await this.#facts.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #poll(ms: number): void {
    this.#stopPolling = this.host.timeline.after(ms, () => {
      if (this.host.dead) return
      for (const wake of this.#wakes) wake()
      this.#poll(ms)
    })
  }

  #call<T>(what: string, ask: () => Promise<T>, changes: readonly Change[] = []): Promise<T> {
    if (this.#closed) return Promise.reject(new HoldfastError('STORE_CLOSED', 'the store is closed'))
    if (this.host.dead) return new Promise(() => {})
    const number = ++this.calls
    const { trace } = this.#facts
    const back = (outcome: string, go: () => void): void =>
      this.#travel(() =>
        this.host.deliver(() => {
          trace.say(`${this.host.name} ${what} ${number} ${outcome}`)
          go()
        }),
      )
    return new Promise((resolve, reject) => {
      this.#travel(() => {
        ask().then(
          (answer) => {
            if (what === 'commit') this.#note(changes, answer as readonly Result[])
            back(what === 'commit' ? marks(answer as readonly Result[]) : 'ok', () => {
              if (what === 'commit') this.#tell(changes, answer as readonly Result[])
              resolve(answer)
            })
          },
          (error: HoldfastError) => {
            this.failures++
            if (error.outcome === 'unknown')
              for (const claim of claimsIn(changes)) this.#facts.lostClaim(claim)
            back(`${error.code} ${error.outcome}`, () => reject(error))
          },
        )
      })
    })
  }

  #travel(go: () => void): void {
    const { latencyMs, chance } = this.#facts
    const most = latencyMs() / 2
    if (most === 0) go()
    else this.host.timeline.after(Math.ceil(most * chance.next()), go)
  }

  /** The process learns until when it has its claims. */
  #tell(changes: readonly Change[], results: readonly Result[]): void {
    this.#facts.told(changes, results)
    changes.forEach(({ add = [] }, at) => {
      if (results[at] === false) return
      for (const [lane, key] of add)
        if (lane.startsWith('claims:')) this.#facts.toldUntil(nameOf(key), timeOf(key))
    })
  }

  #note(changes: readonly Change[], results: readonly Result[]): void {
    if (!settles(changes)) return
    const refused = changes.some((change, at) => results[at] === false && settles([change]))
    if (refused) this.#facts.count('settle refused')
  }
}

/** A commit's results in a few signs. */
const marks = (results: readonly Result[]): string =>
  results
    .map((result) => (result === false ? '-' : result.length === 0 ? '+' : String(result.length)))
    .join('')

const claimsIn = (changes: readonly Change[]): string[] =>
  changes.flatMap(({ move }) => (move?.to ?? []).flatMap(({ mark }) => (mark === undefined ? [] : [mark])))
