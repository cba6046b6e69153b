/** The store itself, behind all faults: what is applied here goes into the books. */
import { HoldfastError, type Store } from 'holdfast'
import type { Change, Page, Result, Span } from '../../src/store.ts'
import type { Host } from '../../src/host.ts'

export class AuditedStore implements Store {
  /** Called with every unit that the store judged. */
  applied: (changes: readonly Change[], results: readonly Result[]) => void = () => undefined
  /** Its process is gone, and it was inside of it: nothing arrives any more. */
  gone = false
  readonly inner: Store
  /** Of the network between store and processes: their deaths and pauses do not concern it. */
  readonly host: Host

  constructor(inner: Store, host: Host) {
    this.inner = inner
    this.host = host
  }

  async commit(changes: readonly Change[]): Promise<readonly Result[]> {
    if (this.gone) throw new HoldfastError('STORE_CLOSED', 'the process is gone')
    const results = await this.inner.commit(changes)
    this.applied(changes, results)
    return results
  }

  ready(): Promise<void> {
    return this.inner.ready()
  }

  read(ids: readonly string[]): Promise<readonly (string | undefined)[]> {
    return this.inner.read(ids)
  }

  scan(pages: readonly Page[]): Promise<readonly (readonly string[])[]> {
    return this.inner.scan(pages)
  }

  count(spans: readonly Span[]): Promise<readonly number[]> {
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
}
