/** Everything a store holds, read raw from its engine: whose a record is, and whether two dumps hold the same. */
import { headId } from '../../src/core/keys.ts'

/** Only records and keys; what a store keeps about itself is its own. */
export interface Dump {
  readonly records: ReadonlyMap<string, string>
  readonly lanes: ReadonlyMap<string, readonly string[]>
}

/** What is counted for retention says nothing of jobs that they do not say themselves. */
const isTally = (id: string): boolean => id.startsWith('queue:') && /^queue:[^:]*:tally\./.test(id)

export const textOf = ({ records, lanes }: Dump): string =>
  JSON.stringify([
    [...records].filter(([id]) => !isTally(id)).sort(byFirst),
    [...lanes].filter(([, keys]) => keys.length > 0).sort(byFirst),
  ])

/** Whether two dumps hold the same. */
export const sameDump = (one: Dump, other: Dump): boolean =>
  sameIn(one.records, other.records, isTally, (a, b) => a === b) &&
  sameIn(one.lanes, other.lanes, (_, keys) => keys.length === 0, sameKeys)

function sameIn<Value>(
  one: ReadonlyMap<string, Value>,
  other: ReadonlyMap<string, Value>,
  passOver: (id: string, value: Value) => boolean,
  isSame: (a: Value, b: Value) => boolean,
): boolean {
  let left = 0
  for (const [id, value] of other) if (!passOver(id, value)) left++
  for (const [id, value] of one) {
    if (passOver(id, value)) continue
    const its = other.get(id)
    if (its === undefined || !isSame(value, its)) return false
    left--
  }
  return left === 0
}

const sameKeys = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((key, at) => key === other[at])

const byFirst = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number => (a < b ? -1 : 1)

/** `<queue>:<id>` has one colon; every other record a kind before it. */
export const queuePartOf = (recordId: string): string | undefined => {
  const parts = recordId.split(':')
  return parts.length === 2 ? parts[0] : parts[1]
}

export const headNameOf = (queue: string) => (id: string) => headId(queue, id)
