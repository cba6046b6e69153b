/**
 * A state for the reference evaluator as plain as can be: a map and sorted arrays, every question answered by
 * looking at everything. It shares no line with the stores it is compared with, and is slow. A step back is a copy.
 */
import type { State } from '../../src/core/evaluate.ts'
import type { Page, Span } from '../../src/store.ts'

/** Which of two keys comes first; negative when `a` does. */
export type Order = (a: string, b: string) => number

export const byteOrder: Order = (a, b) => (a < b ? -1 : a > b ? 1 : 0)

export class NaiveState implements State {
  serial = 0
  records = new Map<string, string>()
  /** Sorted, and never altered in place: a copy of the map is a copy of the lanes. */
  lanes = new Map<string, readonly string[]>()
  readonly #order: Order

  constructor(order: Order = byteOrder) {
    this.#order = order
  }

  keys(lane: string): readonly string[] {
    return this.lanes.get(lane) ?? []
  }

  record(id: string): string | undefined {
    return this.records.get(id)
  }

  has(lane: string, key: string): boolean {
    return this.keys(lane).includes(key)
  }

  span({ lane, from, until }: Span): string[] {
    const order = this.#order
    return this.keys(lane).filter(
      (key) =>
        (from === undefined || order(key, from) >= 0) && (until === undefined || order(key, until) < 0),
    )
  }

  head(span: Span, limit: number): string[] {
    return this.span(span).slice(0, limit)
  }

  page(page: Page): string[] {
    const keys = this.span(page)
    return (page.descending === true ? keys.toReversed() : keys).slice(0, page.limit)
  }

  size(span: Span): number {
    return this.span(span).length
  }

  put(id: string, value: string | undefined): string | undefined {
    const before = this.records.get(id)
    if (value === undefined) this.records.delete(id)
    else this.records.set(id, value)
    return before
  }

  restore(id: string, before: string | undefined): void {
    this.put(id, before)
  }

  insert(lane: string, key: string): void {
    const keys = this.keys(lane)
    const at = keys.findIndex((other) => this.#order(other, key) > 0)
    this.lanes.set(lane, at === -1 ? [...keys, key] : keys.toSpliced(at, 0, key))
  }

  erase(lane: string, key: string): void {
    this.lanes.set(
      lane,
      this.keys(lane).filter((other) => other !== key),
    )
  }

  copy(): NaiveState {
    const copy = new NaiveState(this.#order)
    copy.take(this)
    return copy
  }

  /** Becomes what the other state is. */
  take(other: NaiveState): void {
    this.serial = other.serial
    this.records = new Map(other.records)
    this.lanes = new Map(other.lanes)
  }
}
