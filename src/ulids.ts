/** Monotonic ULIDs, one series per store, so that jobs of one process keep the order in which they were added. */
import { monotonicFactory } from 'ulid'
import type { Store } from './store.ts'

const series = new WeakMap<Store, (now: number) => string>()

/** The next ULID of a store's series, by the store's clock and its host's randomness. */
export function nextUlid(store: Store): string {
  let next = series.get(store)
  if (next === undefined) {
    next = monotonicFactory(() => store.host.random())
    series.set(store, next)
  }
  return next(store.now())
}
