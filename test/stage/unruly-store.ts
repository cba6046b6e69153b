/** A store in front of another that counts its calls and, when told to, fails, loses answers or never answers. */
import { HoldfastError, type Store } from 'holdfast'
import type { Change, Page, Result, Span } from '../../src/store.ts'

/**
 * `failed`: certainly not applied. `lost before`, `lost after`: commits are not applied, or are, and their answer is lost;
 * looks fail. `hung`: no answer until it ends.
 */
export type Mood = 'well' | 'failed' | 'lost before' | 'lost after' | 'hung'

export class UnrulyStore implements Store {
  readonly inner: Store
  /** Calls that reached the store, hung ones included. */
  calls = 0
  /** Asked before each commit; the first mood that is not `well` holds for it. */
  moodOf: (changes: readonly Change[]) => Mood = () => 'well'
  readonly #hung: (() => void)[] = []
  #mood: Mood = 'well'

  constructor(inner: Store) {
    this.inner = inner
  }

  get mood(): Mood {
    return this.#mood
  }

  set mood(mood: Mood) {
    this.#mood = mood
    if (mood !== 'hung') for (const go of this.#hung.splice(0)) go()
  }

  async commit(changes: readonly Change[]): Promise<readonly Result[]> {
    this.calls++
    const mood = this.#mood === 'well' ? this.moodOf(changes) : this.#mood
    if (mood === 'failed') throw new HoldfastError('STORE_FULL', 'no room')
    if (mood === 'hung') await this.#wait()
    if (mood === 'lost after') await this.inner.commit(changes)
    if (mood === 'lost before' || mood === 'lost after')
      throw new HoldfastError('STORE_FAILED', 'the answer is lost', { outcome: 'unknown' })
    return this.inner.commit(changes)
  }

  async ready(): Promise<void> {
    await this.#look()
    return this.inner.ready()
  }

  async read(ids: readonly string[]): Promise<readonly (string | undefined)[]> {
    await this.#look()
    return this.inner.read(ids)
  }

  async scan(pages: readonly Page[]): Promise<readonly (readonly string[])[]> {
    await this.#look()
    return this.inner.scan(pages)
  }

  async count(spans: readonly Span[]): Promise<readonly number[]> {
    await this.#look()
    return this.inner.count(spans)
  }

  watch(lanes: readonly string[], wake: () => void): () => void {
    return this.inner.watch(lanes, wake)
  }

  now(): number {
    return this.inner.now()
  }

  get skewMs(): number {
    return this.inner.skewMs
  }

  get host() {
    return this.inner.host
  }

  get durability() {
    return this.inner.durability
  }

  get epoch(): string | undefined {
    return this.inner.epoch
  }

  close(): Promise<void> {
    return this.inner.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #look(): Promise<void> {
    this.calls++
    if (this.#mood === 'hung') await this.#wait()
    if (this.#mood !== 'well') throw new HoldfastError('STORE_FAILED', 'it cannot be read now')
  }

  #wait(): Promise<void> {
    return new Promise((resolve) => this.#hung.push(resolve))
  }
}
