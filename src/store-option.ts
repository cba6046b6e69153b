/** Checking the `store` option: anything with the contract's methods is a store, whatever copy of the package made it. */
import { type Check, refuseOption } from './core/check.ts'
import type { Store } from './store.ts'

const METHODS = ['ready', 'read', 'scan', 'count', 'commit', 'watch', 'now', 'close'] as const

export const storeCheck: Check<Store> = (value, field) => {
  const store = value as Partial<Record<string, unknown>> | null
  if (
    typeof store === 'object' &&
    store !== null &&
    METHODS.every((method) => typeof store[method] === 'function')
  ) {
    return value as Store
  }
  return refuseOption(field, value, 'a store, such as memoryStore() or levelStore(path)')
}
