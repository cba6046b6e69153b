/** Calls that only add. Nothing is taken away by them, so whoever looks behind one sees what it brings. */
import type { Change } from '../src/store.ts'

/** Whether a call adds and takes nothing away. */
export function onlyGrows(changes: readonly Change[]): boolean {
  let grows = false
  for (const { move, remove, add, append, set, delete: deleted } of changes) {
    if (move !== undefined || isSome(remove) || isSome(deleted)) return false
    grows ||= isSome(add) || isSome(append) || isSome(set)
  }
  return grows
}

const isSome = (list: readonly unknown[] | undefined): boolean => list !== undefined && list.length > 0
