/**
 * A store that tears its units: it applies the first half of a call, and the rest a moment later. Nothing else is wrong with it,
 * so only who looks in between, or after a kill there, can tell; a campaign that does not is blind.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Store } from 'holdfast'
import type { Change, Result } from '../../src/store.ts'

const LATE_MS = 100

/** Fails wherever it is put: it moves nothing. */
const REFUSED: Change = { move: { from: { lane: 'nothing', limit: 1 }, to: [] } }

export function tearingStore(store: Store): Store {
  const commit = async (changes: readonly Change[]): Promise<readonly Result[]> => {
    const cut = changes.length >> 1
    if (cut === 0) return store.commit(changes)
    const first = await store.commit(changes.slice(0, cut))
    await sleep(LATE_MS)
    const rest = changes.slice(cut).map((change): Change => {
      const { after, ...alone } = change
      if (after === undefined) return change
      if (after >= cut) return { ...alone, after: after - cut }
      return first[after] === false ? REFUSED : alone
    })
    return [...first, ...(await store.commit(rest))]
  }
  return new Proxy(store, {
    get(target, member) {
      const value: unknown = member === 'commit' ? commit : Reflect.get(target, member, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
