/** Jobs that are too few for a batch: out of line, so that the next one is heard of, and back when there are enough. */
import { GATHER_JOBS } from '../core/bounds.ts'
import { GATHERED, below } from '../core/keys.ts'
import { commitBlock } from './commit.ts'
import type { Ledger } from './ledger.ts'

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

/** Brings so many back into line, each to its place. */
export async function ungather({ store, lanes }: Ledger, count: number): Promise<void> {
  const from = { ...below(lanes.parked, GATHERED), limit: Math.min(count, GATHER_JOBS) }
  await commitBlock(store, [{ move: { from, to: [{ lane: lanes.ready, drop: 1 }] } }])
}
