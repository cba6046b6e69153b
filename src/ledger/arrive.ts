/** Bringing jobs into their groups: those that were delayed, and those that a bulk released. */
import { ARRIVALS, ARRIVALS_AT_ONCE } from '../core/bounds.ts'
import { nameOf } from '../core/evaluate.ts'
import { readyKeyBehind } from '../core/group-keys.ts'
import { throughTime } from '../core/keys.ts'
import { toWait } from '../core/places.ts'
import { HoldfastError } from '../error.ts'
import { type Block, commitBlocks, following } from './commit.ts'
import type { Ledger } from './ledger.ts'

/** Where a walk through the lane goes on. */
export interface Walk {
  readonly from?: string | undefined
  /** Jobs of groups with many were left for later. */
  readonly skipped: boolean
}

export const WALK_BEGINS: Walk = { skipped: false }

/**
 * One step: some jobs of one group after the other, so that a group with many does not keep the others out of line. Gives where
 * the next step begins; `undefined` where nothing is left. Any number of processes may do this.
 */
export async function bringToGroups(ledger: Ledger, walk = WALK_BEGINS): Promise<Walk | undefined> {
  const { store, lanes } = ledger
  const until = throughTime(store.now() - store.skewMs)
  const keys: string[] = []
  let { from, skipped } = walk
  let isOver = false
  while (keys.length < ARRIVALS && !isOver) {
    const [page = []] = await store.scan([{ lane: lanes.arrive, from, until, limit: ARRIVALS_AT_ONCE }])
    keys.push(...page)
    isOver = page.length < ARRIVALS_AT_ONCE
    if (isOver) break
    const last = page.at(-1)!
    const group = groupIn(last)
    const isAlone = groupIn(page[0]!) === group
    if (isAlone) skipped = true
    from = isAlone ? `${group}0` : `${last}!`
  }
  const blocks = keys.map((key): Block => {
    const place = toWait(lanes, readyKeyBehind(key), nameOf(key), store.now())
    return [
      { remove: [[lanes.arrive, key]], add: [place.key] },
      ...place.visits.map((visit) => following(visit, 0)),
    ]
  })
  for (const answer of await commitBlocks(store, blocks)) if (answer instanceof HoldfastError) throw answer
  if (!isOver) return { from, skipped }
  return skipped ? WALK_BEGINS : undefined
}

/** The time of a key and its group. */
const groupIn = (key: string): string => key.slice(0, key.indexOf('/', key.indexOf('/') + 1))
