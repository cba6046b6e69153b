/** Jobs that are too few for a batch: out of line, so that the next one is heard of, and back with the claim that takes them. */
import { GATHER_JOBS } from '../core/bounds.ts'
import { GATHERED, below } from '../core/keys.ts'
import type { Change, Move, Result } from '../store.ts'
import { commitBlock } from './commit.ts'
import type { Ledger } from './ledger.ts'

/** A claim that waits for enough jobs. */
export interface Gathering {
  /** So many have to be in line. */
  readonly least: number
  /** Whether jobs that gathered come back into line with it, as many as it may take. */
  readonly back: boolean
}

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

/**
 * The part of a claim before it takes anything: whether the queue has room for a job, then what gathered comes back, each to its
 * place in line, then whether there are enough. `at`: where in the block it begins.
 */
export function planEnough(
  { lanes }: Ledger,
  { least, back }: Gathering,
  { limit, room = [], at }: { readonly limit: number; readonly room: Move['room']; readonly at: number },
): Change[] {
  const enough: Change = { after: 0, expect: { size: [[{ lane: lanes.ready }, least, Infinity]] } }
  if (!back) return [enough]
  const from = { ...below(lanes.parked, GATHERED), limit }
  return [
    { after: 0, expect: { size: room.map(([span, most]) => [span, 0, most - 1] as const) } },
    { after: at, move: { from, to: [{ lane: lanes.ready, drop: 1 }] } },
    enough,
  ]
}

/** Whether a claim took none as there are too few in line, and not as the queue has no room for those that gathered. */
export const isTooFew = (gathering: Gathering | undefined, results: readonly Result[]): boolean =>
  gathering !== undefined && results.at(-2) === false && !(gathering.back && results.at(-4) === false)
