/** Retention: removing the oldest finished jobs beyond what is kept, by number or age, in bounded steps, off the hot path. */
import { PAGE_KEYS } from '../core/bounds.ts'
import { nameOf } from '../core/evaluate.ts'
import { type Head, decodeHead } from '../core/head.ts'
import { type Kept, keptOf } from '../core/kept.ts'
import { throughTime, timeOf } from '../core/keys.ts'
import { handedBack, ownedKeys, ownedRecords } from '../core/owned.ts'
import { missedIn } from '../core/places.ts'
import type { Change, Page } from '../store.ts'
import { HoldfastError } from '../error.ts'
import { type Block, commitBlocks, following } from './commit.ts'
import type { Ledger } from './ledger.ts'

/** The lanes of finished jobs. */
export type FinishedLane = 'done' | 'dead'

/** Removes up to one page of the oldest jobs of a lane that are beyond what is kept; whether there may be more of them. */
export async function pruneStep(ledger: Ledger, lane: FinishedLane, kept: Kept): Promise<boolean> {
  const { store, lanes } = ledger
  const tooOld = store.now() - kept.ageMs
  const keys = await keysBeyond(ledger, lanes[lane], kept.count, tooOld)
  if (keys.length === 0) return false
  const records = await store.read(keys.map(nameOf))
  const answers = await commitBlocks(
    store,
    keys.map((key, at) => {
      // Others may be pruning too, and have got here first: what is not too old goes only while there are more than are kept.
      const size: Sizes = timeOf(key) <= tooOld ? [] : [[{ lane: lanes[lane] }, kept.count + 1, Infinity]]
      return prune(ledger, lanes[lane], key, records[at], size)
    }),
  )
  const rejected = answers.find((answer) => answer instanceof HoldfastError)
  if (rejected !== undefined) throw rejected
  return keys.length === PAGE_KEYS
}

/** The rule of the job of a lane that finished last, which holds for all of them; `undefined` where nobody can say. */
export async function lastRule(ledger: Ledger, lane: FinishedLane): Promise<Kept | undefined> {
  const { store, lanes } = ledger
  const [[newest] = []] = await store.scan([{ lane: lanes[lane], descending: true, limit: 1 }])
  if (newest === undefined) return undefined
  const [record] = await store.read([nameOf(newest)])
  const head = headIn(record)
  return head && keptOf(head.opts, lane === 'done' ? 'completed' : 'failed')
}

/** The oldest keys of a lane, as many as there are more than `count`, or as ended at `tooOld` or before: whichever is more. */
async function keysBeyond(
  ledger: Ledger,
  lane: string,
  count: number,
  tooOld: number,
): Promise<readonly string[]> {
  const { store } = ledger
  const pages: Page[] = []
  if (count < Infinity) {
    const [size = 0] = await store.count([{ lane }])
    if (size > count) pages.push({ lane, limit: Math.min(size - count, PAGE_KEYS) })
  }
  if (tooOld >= 0) pages.push({ lane, until: throughTime(tooOld), limit: PAGE_KEYS })
  if (pages.length === 0) return []
  const [some = [], others = []] = await store.scan(pages)
  return some.length > others.length ? some : others
}

type Sizes = NonNullable<NonNullable<Change['expect']>['size']>

/** A job goes with everything that is its own as it was read; what changed it meanwhile was faster, and keeps it. */
export function planRemoval(
  { lanes }: Ledger,
  lane: string,
  key: string,
  record: string | undefined,
): [Change, ...Change[]] {
  const name = nameOf(key)
  const head = headIn(record)
  const own: Change = {
    expect: record === undefined ? { absent: [name] } : { equal: [[name, record]] },
    remove: [[lane, key], ...ownedKeys(lanes, name, head)],
    delete: [name, ...ownedRecords(name, head)],
    hint: missedIn(lanes, [lane, key]),
  }
  return [own, ...handedBack(lanes, name, head, 'removed').map((change) => following(change, 0))]
}

/** The same, unless others who prune too have got here first. */
function prune(ledger: Ledger, lane: string, key: string, record: string | undefined, size: Sizes): Block {
  const [own, ...rest] = planRemoval(ledger, lane, key, record)
  return [{ ...own, expect: { ...own.expect, size } }, ...rest]
}

function headIn(record: string | undefined): Head | undefined {
  try {
    return decodeHead(record)
  } catch {
    return undefined
  }
}
