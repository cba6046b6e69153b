/** A store whose commits can be delayed or fail around their effect, as those over a network do. */
import { type Change, HoldfastError, type Store } from 'holdfast'

export interface Faults {
  /** Before the call reaches the store: what throws here was not applied. */
  readonly before?: (changes: readonly Change[]) => unknown
  /** Once the store has it: what throws here was applied, and only the answer is lost. */
  readonly after?: (changes: readonly Change[]) => unknown
}

export const faultyStore = (store: Store, { before, after }: Faults): Store =>
  overStore(store, {
    commit: async (changes) => {
      await before?.(changes)
      const results = await store.commit(changes)
      await after?.(changes)
      return results
    },
  })

/** A store with some of its members replaced. */
export const overStore = (store: Store, members: Partial<Store>): Store =>
  new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(Object.hasOwn(members, name) ? members : target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })

/** Thrown by `after`, it stands for an answer that did not arrive. */
export const noAnswer = (): HoldfastError =>
  new HoldfastError('STORE_FAILED', 'the connection broke', { outcome: 'unknown' })

/** Whether a call takes jobs that are ready. */
export const claims = (changes: readonly Change[]): boolean =>
  changes.some(({ move }) => move?.from.lane.startsWith('ready:') === true)

/** Whether a call moves a claim's entry to a later time. */
export const renews = (changes: readonly Change[]): boolean =>
  changes.some(
    ({ remove, add }) =>
      remove?.some(([lane]) => lane.startsWith('claims:')) === true &&
      add?.some(([lane]) => lane.startsWith('claims:')) === true,
  )
