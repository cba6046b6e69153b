/** Retention: removing the oldest finished jobs beyond what is kept, in bounded steps, off the hot path. */
import { PAGE_KEYS } from '../core/bounds.ts'
import { nameOf } from '../core/evaluate.ts'
import { type Head, decodeHead } from '../core/head.ts'
import { ownedRecords } from '../core/owned.ts'
import type { Change } from '../store.ts'
import { HoldfastError } from '../error.ts'
import { commitBlocks } from './commit.ts'
import type { Ledger } from './ledger.ts'

/** Removes up to one page of the oldest jobs of `done` or `dead` beyond `keep`; how many more there are to remove. */
export async function pruneStep(ledger: Ledger, lane: 'done' | 'dead', keep: number): Promise<number> {
  const { store, lanes } = ledger
  const [size = 0] = await store.count([{ lane: lanes[lane] }])
  const excess = size - keep
  if (excess <= 0) return 0
  const [keys = []] = await store.scan([{ lane: lanes[lane], limit: Math.min(excess, PAGE_KEYS) }])
  const records = await store.read(keys.map(nameOf))
  const answers = await commitBlocks(
    store,
    keys.map((key, at) => [prune(lanes[lane], key, records[at], keep)]),
  )
  const rejected = answers.find((answer) => answer instanceof HoldfastError)
  if (rejected !== undefined) throw rejected
  return excess - keys.length
}

/** A job goes with everything that is its own as it was read; what changed it meanwhile was faster, and keeps it. */
function prune(lane: string, key: string, record: string | undefined, keep: number): Change {
  const name = nameOf(key)
  return {
    expect: {
      ...(record === undefined ? { absent: [name] } : { equal: [[name, record]] }),
      // Others may be pruning too, and have got here first.
      size: [[{ lane }, keep + 1, Infinity]],
    },
    remove: [[lane, key]],
    delete: [name, ...ownedOf(name, record)],
  }
}

function ownedOf(name: string, record: string | undefined): string[] {
  let head: Head | undefined
  try {
    head = decodeHead(record)
  } catch {
    head = undefined
  }
  return ownedRecords(name, head)
}
