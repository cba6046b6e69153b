/** Jobs that are too few for a batch: out of line, so that the next one is heard of, and back when there are enough. */
import { GATHER_JOBS, UNGATHER_JOBS } from '../core/bounds.ts'
import { GATHERED, below } from '../core/keys.ts'
import type { Limits } from '../core/limits.ts'
import { commitBlock } from './commit.ts'
import type { Ledger } from './ledger.ts'
import { planWithin } from './rates.ts'

/** How many jobs are in line, and how many gather beside it. */
export async function countGathering({ store, lanes }: Ledger): Promise<{ ready: number; gathered: number }> {
  const [ready = 0, gathered = 0] = await store.count([{ lane: lanes.ready }, below(lanes.parked, GATHERED)])
  return { ready, gathered }
}

/** Takes jobs out of line, which wait as before; how many. Workers that do not wait for a batch hear of it. */
export async function gather({ store, lanes }: Ledger): Promise<number> {
  const [moved] = await commitBlock(store, [
    {
      move: {
        from: { lane: lanes.ready, limit: GATHER_JOBS },
        to: [{ lane: lanes.parked, prefix: `${GATHERED}/` }],
      },
      hint: [lanes.parked],
    },
  ])
  return moved === false ? 0 : moved!.length
}

/** Brings so many back into line, each to its place, as the limits of the queue have room for; whether any. */
export async function ungather(ledger: Ledger, count: number, limits: Limits): Promise<boolean> {
  const { store, lanes } = ledger
  const from = { ...below(lanes.parked, GATHERED), limit: Math.min(count, UNGATHER_JOBS) }
  const results = await commitBlock(
    store,
    planWithin(ledger, limits, { from, to: [{ lane: lanes.ready, drop: 1 }] }),
  )
  return results.at(-1) !== false
}
