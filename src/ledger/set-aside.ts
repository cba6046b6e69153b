/**
 * Jobs that are put out of the way: parked, where their worker runs enough of their name, or set aside, where their heads cannot
 * be read. Of those nothing is rewritten and nothing dropped: a damaged one goes to the dead lane with its raw bytes, one that
 * needs a newer version waits in `blocked` until a worker knows it.
 */
import { NAME_WAIT, PAGE_KEYS } from '../core/bounds.ts'
import { nameOf } from '../core/evaluate.ts'
import { followOn } from '../core/deduplication.ts'
import { decodeHead } from '../core/head.ts'
import { below, blockedKey, finishedKey, groupOf, parkedKey } from '../core/keys.ts'
import { readyKeyBehind } from '../core/group-keys.ts'
import type { Ending } from '../core/lifecycle.ts'
import { roomInGroup, toWait } from '../core/places.ts'
import { HoldfastError } from '../error.ts'
import type { Change } from '../store.ts'
import type { Grant } from './claim.ts'
import { type Block, commitBlocks, following } from './commit.ts'
import type { Ledger } from './ledger.ts'

/** The reason under which jobs that need a newer version wait in `blocked`. */
export const TOO_NEW = 'too-new'

/** Ends the lease of a job whose head cannot be read. */
export function planSetAside(
  { lanes, store }: Ledger,
  { name, raw, key, leaseKey, unreadable }: Grant,
): Block {
  const isTooNew = unreadable?.tooNew === true
  const own: Change = {
    expect: raw === undefined ? { absent: [name] } : { equal: [[name, raw]] },
    remove: [[lanes.lease, leaseKey]],
    add: [
      isTooNew
        ? [lanes.blocked, blockedKey(TOO_NEW, key, name)]
        : [lanes.dead, finishedKey(store.now(), name)],
    ],
    // Workers may wait for the room that this makes.
    hint: [lanes.ready],
  }
  const after = [...(isTooNew ? [] : [followOn(lanes, name)]), ...roomInGroup(lanes, key, name, store.now())]
  return [own, ...after.map((change) => following(change, 0))]
}

/** Ends the lease of a job that its worker has no room for: it never ran, so nothing of it changes but its place. `hint`: who else is to hear of it. */
export const planPark = (
  { lanes }: Ledger,
  { name, raw, key, leaseKey, head }: Grant,
  hint: readonly string[] = [],
): Block => [
  {
    // Who cancels it while it is on lease counts on the end of the lease to say so.
    expect: { equal: [[name, raw!]] },
    remove: [[lanes.lease, leaseKey]],
    add: [[lanes.parked, parkedKey(head!.name, key, name)]],
    // Of the lane's own accord only the first of all names would be heard of.
    hint: [lanes.parked, ...hint],
  },
]

/** Puts those back in line that this version knows. */
export async function takeBack({ store, lanes }: Ledger): Promise<void> {
  const span = below(lanes.blocked, TOO_NEW)
  for (let from = span.from; ; ) {
    const [keys = []] = await store.scan([{ ...span, from, limit: PAGE_KEYS }])
    if (keys.length === 0) return
    from = `${keys.at(-1)}!`
    const records = await store.read(keys.map(nameOf))
    const blocks = keys
      .filter((_, at) => isKnown(records[at]))
      .map((key) => {
        const back = toWait(lanes, readyKeyBehind(key), nameOf(key), store.now())
        const own: Change = { remove: [[lanes.blocked, key]], add: [back.key] }
        return [own, ...back.visits.map((change) => following(change, 0))]
      })
    for (const answer of await commitBlocks(store, blocks)) if (answer instanceof HoldfastError) throw answer
  }
}

function isKnown(record: string | undefined): boolean {
  try {
    decodeHead(record)
    return true
  } catch {
    return false
  }
}

/** A job whose name has no room is parked; one of a group, which cannot be, comes back after a while. */
export const endOfCrowded = ({ key }: Grant): Ending | 'parked' =>
  groupOf(key) === undefined ? 'parked' : { kind: 'snoozed', ms: NAME_WAIT }
