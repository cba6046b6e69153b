/**
 * Retention where bytes are bounded too. The tally of a lane says how many bytes its jobs have; each step counts the jobs that are
 * not in it yet, or removes the oldest together with what the tally says of them, in one unit. Two that prune at once exclude
 * each other by the tally. What others removed without it shows in the number of jobs, and then it is counted anew.
 */
import { PAGE_KEYS, UNIT_BYTES, UNIT_OPERATIONS } from '../core/bounds.ts'
import { nameOf } from '../core/evaluate.ts'
import type { Kept } from '../core/kept.ts'
import { tallyId, timeOf } from '../core/keys.ts'
import { ownedRecords } from '../core/owned.ts'
import {
  NO_TALLY,
  type Tally,
  decodeTally,
  encodeTally,
  isBeyond,
  withCounted,
  withoutOldest,
} from '../core/tally.ts'
import { utf8Bytes } from '../core/text.ts'
import type { Change } from '../store.ts'
import { type Block, commitBlock, following, sizeOf } from './commit.ts'
import { type Ledger, readHead } from './ledger.ts'
import { type FinishedLane, planRemoval } from './retain.ts'

/** Parts that one read asks for: each may have 256 KiB. */
const PARTS_AT_ONCE = 64

/** A tally as it was read. */
interface Seen {
  readonly id: string
  readonly raw: string | undefined
  readonly tally: Tally
}

/** Counts or removes up to a page of jobs; whether there may be more to do. */
export async function pruneTallied(ledger: Ledger, lane: FinishedLane, kept: Kept): Promise<boolean> {
  const seen = await readTally(ledger, lane)
  const place = { lane: ledger.lanes[lane] }
  const [before = 0] = await ledger.store.count([place])
  const keys = await keysAfter(ledger, place.lane, seen.tally.through)
  const [after = 0] = await ledger.store.count([place])
  const jobs = await weigh(ledger, keys)
  const counted = withCounted(
    seen.tally,
    keys,
    jobs.map(({ bytes }) => bytes),
  )
  if (keys.length === PAGE_KEYS) return rewrite(ledger, seen, counted)
  // Jobs that end meanwhile only add, so what lies outside was removed, or came in below, without the tally.
  if (counted.jobs < before || counted.jobs > after)
    return seen.raw === undefined ? true : rewrite(ledger, seen, undefined)
  return removeOldest(ledger, place.lane, seen, counted, kept)
}

async function readTally({ store, queue }: Ledger, lane: FinishedLane): Promise<Seen> {
  const id = tallyId(queue, lane)
  const [raw] = await store.read([id])
  return { id, raw, tally: decodeTally(raw) }
}

async function keysAfter({ store }: Ledger, lane: string, through: string): Promise<readonly string[]> {
  const from = through === '' ? undefined : `${through}!`
  const [keys = []] = await store.scan([{ lane, from, limit: PAGE_KEYS }])
  return keys
}

const isSeen = ({ id, raw }: Seen): Change['expect'] =>
  raw === undefined ? { absent: [id] } : { equal: [[id, raw]] }

/** Always true: whoever was faster left something to do as well. */
async function rewrite({ store }: Ledger, seen: Seen, next: Tally | undefined): Promise<true> {
  const change: Change = { expect: isSeen(seen) }
  const written =
    next === undefined ? { delete: [seen.id] } : { set: [[seen.id, encodeTally(next)] as const] }
  await commitBlock(store, [{ ...change, ...written }])
  return true
}

/** A finished job, and the bytes of all its records. */
interface Weighed {
  readonly key: string
  readonly raw: string | undefined
  readonly bytes: number
}

async function weigh({ store }: Ledger, keys: readonly string[]): Promise<Weighed[]> {
  if (keys.length === 0) return []
  const records = await store.read(keys.map(nameOf))
  const weighed: { key: string; raw: string | undefined; bytes: number }[] = []
  const parts: { readonly id: string; readonly at: number }[] = []
  for (const [at, key] of keys.entries()) {
    const raw = records[at]
    weighed.push({ key, raw, bytes: utf8Bytes(raw ?? '') })
    const { head } = readHead(raw)
    if (head !== undefined) for (const id of ownedRecords(nameOf(key), head)) parts.push({ id, at })
  }
  for (let from = 0; from < parts.length; from += PARTS_AT_ONCE) {
    const some = parts.slice(from, from + PARTS_AT_ONCE)
    const read = await store.read(some.map(({ id }) => id))
    for (const [index, { at }] of some.entries()) weighed[at]!.bytes += utf8Bytes(read[index] ?? '')
  }
  return weighed
}

/** As many of the oldest jobs as are beyond what is kept and fit one unit with the tally without them. */
async function removeOldest(
  ledger: Ledger,
  lane: string,
  seen: Seen,
  counted: Tally,
  kept: Kept,
): Promise<boolean> {
  const { store } = ledger
  const now = store.now()
  const [keys = []] = await store.scan([{ lane, until: `${counted.through}!`, limit: PAGE_KEYS }])
  let left = counted
  let block: Block | undefined
  for (const key of keys) {
    if (!isBeyond(left, kept, now - timeOf(key))) break
    const [job] = await weigh(ledger, [key])
    const fewer = withoutOldest(left, job!.bytes)
    const wider = joined(seen, fewer, block, planRemoval(ledger, lane, key, job!.raw))
    const { operations, bytes } = sizeOf(wider)
    if (block !== undefined && (operations > UNIT_OPERATIONS || bytes > UNIT_BYTES)) break
    block = wider
    left = fewer
  }
  if (block === undefined) {
    if (counted.through !== seen.tally.through) await rewrite(ledger, seen, counted)
    return false
  }
  await commitBlock(store, block)
  return true
}

/** One change removes all jobs and says what is left, so that neither is without the other; what they give back follows it. */
function joined(seen: Seen, left: Tally, block: Block | undefined, removal: readonly Change[]): Block {
  const [before, ...others] = block ?? []
  const [own, ...rest] = removal
  const expect = isSeen(seen)
  const all = before ?? { expect }
  const change: Change = {
    expect: {
      absent: [...(all.expect?.absent ?? []), ...(own!.expect?.absent ?? [])],
      equal: [...(all.expect?.equal ?? []), ...(own!.expect?.equal ?? [])],
    },
    remove: [...(all.remove ?? []), ...(own!.remove ?? [])],
    delete: [...(all.delete ?? []), ...(own!.delete ?? [])],
    set: [[seen.id, encodeTally(left.jobs === 0 ? NO_TALLY : left)]],
  }
  return [change, ...others, ...rest.map((one) => following(one, 0))]
}
