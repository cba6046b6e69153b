/**
 * A store in front of another that carries out a plan of faults. What its faults say is what real stores say, its times are
 * the host's timers, and it writes down every fault that happened with what came of it.
 */
import { HoldfastError, type Store } from 'holdfast'
import type { Change, Page, Result, Span } from '../../src/store.ts'
import { MortalHost } from './mortal-host.ts'
import {
  type Fault,
  type FaultKind,
  type FaultPlan,
  type HintFault,
  type Look,
  type LookFaultKind,
  faultAt,
} from './plan.ts'

/** What came of a fault. `refused`: the store judged the unit, and nothing of it was to be written. */
export type Effect =
  | 'failed'
  | 'unknown applied'
  | 'unknown refused'
  | 'unknown not applied'
  | 'ghost applied'
  | 'ghost refused'
  | 'double applied'
  | 'double refused'
  | 'delayed'
  | 'answered late'
  | 'look failed'
  | 'look delayed'
  | 'hint dropped'
  | 'hint doubled'
  | 'hint storm'

export interface Happened {
  readonly kind: FaultKind | LookFaultKind | HintFault
  /** The commit, look or hint it happened to, counted from when the plan was armed. */
  readonly call: number
  readonly effect: Effect
}

/** How a process is gone: calls are never answered, or reject, so that whoever waits for them finds out. */
export type Death = 'silent' | 'refusing'

const WAIT_MS = 1000
const STORM = 100

/** An answer that did not arrive. */
const noAnswer = (): HoldfastError =>
  new HoldfastError('STORE_FAILED', 'the answer is lost', { outcome: 'unknown' })

export class FaultStore implements Store {
  readonly inner: Store
  /** That of the store behind it, but timers set by it end with the process. */
  readonly host: MortalHost
  /** Calls that reached the store, those that got no answer included. */
  calls = 0
  /** Every fault since the store was made, in the order in which their effects came. */
  readonly happened: Happened[] = []
  /** Told of each as it is written down, before the answer is given. */
  onFault: ((happened: Happened) => void) | undefined
  #plan: FaultPlan
  #commits = 0
  #looks = 0
  #hints = 0
  #death: Death | undefined
  /** Those who wait until the store is healed. */
  readonly #held = new Set<() => void>()
  /** Watchers whose hints were dropped. */
  readonly #missed = new Set<() => void>()

  constructor(inner: Store, plan: FaultPlan = {}) {
    this.inner = inner
    this.host = new MortalHost(inner.host)
    this.#plan = plan
  }

  /** Commits since the plan was armed. */
  get commits(): number {
    return this.#commits
  }

  /** Reads, scans, counts and openings since the plan was armed. */
  get looks(): number {
    return this.#looks
  }

  get dead(): boolean {
    return this.#death !== undefined
  }

  /** From now on this plan holds, counted from here. What earlier faults still owe is kept. */
  arm(plan: FaultPlan = {}): void {
    this.#plan = plan
    this.#commits = 0
    this.#looks = 0
    this.#hints = 0
  }

  /** No more faults; ends what waits for this, and the gap in which hints were lost. */
  heal(): void {
    this.arm()
    this.release()
    const missed = [...this.#missed]
    this.#missed.clear()
    for (const wake of missed) queueMicrotask(() => this.#alive(wake))
  }

  /** Ends what waits until the store is healed, and changes nothing else. */
  release(): void {
    const held = [...this.#held]
    this.#held.clear()
    for (const go of held) go()
  }

  /** The process is gone: nothing is answered any more, nothing new applied, no timer wakes it. What it had sent may still arrive. */
  die(death: Death = 'silent'): void {
    this.#death = death
    this.host.die()
  }

  /** How often each effect came. */
  tally(): Map<Effect, number> {
    const counts = new Map<Effect, number>()
    for (const { effect } of this.happened) counts.set(effect, (counts.get(effect) ?? 0) + 1)
    return counts
  }

  commit(changes: readonly Change[]): Promise<readonly Result[]> {
    this.calls++
    if (this.#death !== undefined) return this.#gone('failed')
    const call = this.#commits++
    const fault = faultAt(this.#plan.commits, call, changes)
    return this.#answer(
      fault === undefined ? this.inner.commit(changes) : this.#goWrong({ ...fault, call }, changes),
    )
  }

  ready(): Promise<void> {
    return this.#look('ready', () => this.inner.ready())
  }

  read(ids: readonly string[]): Promise<readonly (string | undefined)[]> {
    return this.#look('read', () => this.inner.read(ids))
  }

  scan(pages: readonly Page[]): Promise<readonly (readonly string[])[]> {
    return this.#look('scan', () => this.inner.scan(pages))
  }

  count(spans: readonly Span[]): Promise<readonly number[]> {
    return this.#look('count', () => this.inner.count(spans))
  }

  watch(lanes: readonly string[], wake: () => void): () => void {
    const end = this.inner.watch(lanes, () => this.#hint(wake))
    return () => {
      this.#missed.delete(wake)
      end()
    }
  }

  now(): number {
    return this.inner.now()
  }

  get skewMs(): number {
    return this.inner.skewMs
  }

  get durability() {
    return this.inner.durability
  }

  get epoch(): string | undefined {
    return this.inner.epoch
  }

  close(): Promise<void> {
    return this.#death === undefined ? this.inner.close() : this.#gone('failed')
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #goWrong({ kind, call, ms }: Fault, changes: readonly Change[]): Promise<readonly Result[]> {
    const note = (effect: Effect): void => this.#note({ kind, call, effect })
    switch (kind) {
      case 'before':
        note('failed')
        throw new HoldfastError('STORE_FULL', 'no room')
      case 'after':
        note((await this.#apply(changes)) ? 'unknown applied' : 'unknown refused')
        throw noAnswer()
      case 'lost':
        note('unknown not applied')
        throw noAnswer()
      case 'ghost':
        void this.#wait(ms).then(async () =>
          note((await this.#apply(changes)) ? 'ghost applied' : 'ghost refused'),
        )
        throw noAnswer()
      case 'double':
        return this.#double(changes, ms, note)
      case 'delay':
        await this.#wait(ms)
        note('delayed')
        return this.inner.commit(changes)
      case 'late':
        return this.#answerLate(this.inner.commit(changes), ms, note)
      default:
        await this.#wait(ms)
        note('unknown not applied')
        throw noAnswer()
    }
  }

  async #double(
    changes: readonly Change[],
    ms: number | undefined,
    note: (effect: Effect) => void,
  ): Promise<readonly Result[]> {
    const results = await this.inner.commit(changes)
    const again = async (): Promise<void> =>
      note((await this.#apply(changes)) ? 'double applied' : 'double refused')
    if (ms === undefined) await again()
    else void this.#wait(ms).then(again)
    return results
  }

  async #answerLate(
    answer: Promise<readonly Result[]>,
    ms: number | undefined,
    note: (effect: Effect) => void,
  ): Promise<readonly Result[]> {
    answer.catch(() => undefined)
    await this.#wait(ms)
    note('answered late')
    return answer
  }

  /** Whether the store wrote any of it. */
  async #apply(changes: readonly Change[]): Promise<boolean> {
    try {
      const results = await this.inner.commit(changes)
      return results.some((result, at) => result !== false && writes(changes[at]!))
    } catch {
      return false
    }
  }

  async #look<T>(look: Look, ask: () => Promise<T>): Promise<T> {
    this.calls++
    if (this.#death !== undefined) return this.#gone('failed')
    const call = this.#looks++
    const fault = faultAt(this.#plan.looks, call, look)
    if (fault === undefined) return this.#answer(ask())
    const { kind, ms } = fault
    if (kind !== 'fail') await this.#wait(ms)
    this.#note({ kind, call, effect: kind === 'delay' ? 'look delayed' : 'look failed' })
    if (kind !== 'delay') throw new HoldfastError('STORE_FAILED', 'it cannot be read now')
    return this.#answer(ask())
  }

  #hint(wake: () => void): void {
    const { hints } = this.#plan
    const call = this.#hints++
    const kind = typeof hints === 'function' ? hints(call) : hints
    this.#alive(wake, kind === 'drop' ? 0 : kind === 'storm' ? STORM : kind === 'double' ? 2 : 1)
    if (kind === undefined || this.#death !== undefined) return
    if (kind === 'drop') this.#missed.add(wake)
    const effect = kind === 'drop' ? 'hint dropped' : kind === 'double' ? 'hint doubled' : 'hint storm'
    this.#note({ kind, call, effect })
  }

  /** Hints reach only those who are still there. */
  #alive(wake: () => void, times = 1): void {
    for (let time = 0; time < times && this.#death === undefined; time++) wake()
  }

  /** What a call answers, unless the process is gone by then. */
  async #answer<T>(answer: Promise<T>): Promise<T> {
    try {
      const given = await answer
      return this.#death === undefined ? given : await this.#gone('unknown')
    } catch (error) {
      if (this.#death === undefined) throw error
      return this.#gone('unknown')
    }
  }

  #gone(outcome: 'failed' | 'unknown'): Promise<never> {
    if (this.#death === 'silent') return new Promise(() => {})
    return Promise.reject(new HoldfastError('STORE_CLOSED', 'the process is gone', { outcome }))
  }

  #wait(ms = WAIT_MS): Promise<void> {
    return new Promise((resolve) => {
      if (ms === Infinity) this.#held.add(resolve)
      else this.inner.host.timer(ms, resolve)
    })
  }

  #note(happened: Happened): void {
    this.happened.push(happened)
    this.onFault?.(happened)
  }
}

/** Whether a change does anything once it applies. */
const writes = ({ move, remove, add, append, set, delete: deleted }: Change): boolean =>
  move !== undefined ||
  [remove, add, append, set, deleted].some((list) => list !== undefined && list.length > 0)
