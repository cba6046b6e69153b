/** Jobs that are too few for a batch: out of line, so that the next one is heard of, and back when there are enough. */
import { GATHER_JOBS, TRIM_KEYS } from '../core/bounds.ts'
import { GATHERED, below } from '../core/keys.ts'
import type { Limits } from '../core/limits.ts'
import type { Move } from '../store.ts'
import { type Block, commitBlock } from './commit.ts'
import type { Ledger } from './ledger.ts'
import { planTrim, roomOf } from './rates.ts'

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

/** Brings so many back into line, each to its place, where the limits of the queue let any of them start. Its last result is what came. */
export function planUngather(ledger: Ledger, limit: number, limits: Limits): Block {
  const { store, lanes } = ledger
  const at = store.now()
  const trims = limits.windows.map((window) => planTrim(ledger, window, at, TRIM_KEYS))
  const size = (roomOf(ledger, limits, at) ?? []).map(([span, most]) => [span, 0, most - 1] as const)
  const move: Move = {
    from: { ...below(lanes.parked, GATHERED), limit },
    to: [{ lane: lanes.ready, drop: 1 }],
  }
  return [{ expect: {} }, ...trims, { expect: { size }, move }]
}
