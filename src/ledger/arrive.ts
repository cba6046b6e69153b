/** Bringing jobs into their groups: those that were delayed, and those that a bulk released. */
import { ARRIVALS } from '../core/bounds.ts'
import { nameOf } from '../core/evaluate.ts'
import { throughTime } from '../core/keys.ts'
import { readyKeyBehind } from '../core/group-keys.ts'
import { toWait } from '../core/places.ts'
import { HoldfastError } from '../error.ts'
import { type Block, commitBlocks, following } from './commit.ts'
import type { Ledger } from './ledger.ts'

/** One step; whether there may be more. Any number of processes may do this. */
export async function bringToGroups(ledger: Ledger): Promise<boolean> {
  const { store, lanes } = ledger
  const until = throughTime(store.now() - store.skewMs)
  const [keys = []] = await store.scan([{ lane: lanes.arrive, until, limit: ARRIVALS }])
  const blocks = keys.map((key): Block => {
    const place = toWait(lanes, readyKeyBehind(key), nameOf(key), store.now())
    return [
      { remove: [[lanes.arrive, key]], add: [place.key] },
      ...place.visits.map((visit) => following(visit, 0)),
    ]
  })
  for (const answer of await commitBlocks(store, blocks)) if (answer instanceof HoldfastError) throw answer
  return keys.length === ARRIVALS
}
