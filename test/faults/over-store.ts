/** A store with some of its members replaced, for what no plan of faults can say. */
import type { Store } from 'holdfast'

export const overStore = (store: Store, members: Partial<Store>): Store =>
  new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(Object.hasOwn(members, name) ? members : target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
