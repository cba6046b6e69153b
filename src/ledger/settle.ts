/**
 * Ending leases: the job's own change, its consequences, and, with the last lease of a claim, the claim's entry. A
 * settle whose lease is gone is refused whole and nothing happens.
 */
import { seal } from '../core/codec.ts'
import { consequencesOf } from '../core/consequences.ts'
import { type Head, RESULT, draftOf, fitsInline, withOwned } from '../core/head.ts'
import { claimsKey, exactly, partId } from '../core/keys.ts'
import {
  type Circumstances,
  type Departure,
  type Ending,
  decidedEnding,
  endOfLease,
} from '../core/lifecycle.ts'
import type { Change, Key } from '../store.ts'
import { type Grant, adoptHead, fenceOf } from './claim.ts'
import { type Block, following } from './commit.ts'
import { planDeparture, recordAfter } from './depart.ts'
import type { Ledger } from './ledger.ts'

/** The end of one lease, planned: what is to be committed, and what the job will be then. */
export interface SettlePlan {
  readonly grant: Grant
  /** As it was asked for, unless the job was cancelled before. */
  readonly ending: Ending
  readonly departure: Departure
  /** The head record as it will be; `undefined` where nothing is kept. */
  readonly raw: string | undefined
  readonly changes: Block
}

/** `hint`: who is to hear of it. @throws Error where the grant's head cannot be read: see `set-aside.ts`. */
export function planSettle(
  ledger: Ledger,
  grant: Grant,
  wanted: Ending,
  at: Circumstances,
  hint?: readonly string[],
): SettlePlan {
  const before = grant.head
  if (before === undefined || grant.raw === undefined)
    throw new Error(`the head of ${grant.name} cannot be read`)
  const facts = { startedAt: grant.startedAt, worker: grant.worker, fence: fenceOf(grant) }
  const ending = decidedEnding(before, wanted)
  const decided = endOfLease(before, facts, ending, at)
  const { head, parts } = withResult(decided.head, ending, grant.name)
  const departure: Departure = head === decided.head ? decided : { head, lane: decided.lane }
  const raw = recordAfter(departure)
  const seen = { name: grant.name, raw: grant.raw, head: before }
  const lease: Key = [ledger.lanes.lease, grant.leaseKey]
  const own = planDeparture(ledger, seen, lease, departure, raw, parts, hint)
  const end = { lanes: ledger.lanes, name: grant.name, before, departure, grant: facts, ending, now: at.now }
  const consequences = consequencesOf(end).map((change) => following(change, 0))
  return { grant, ending, departure, raw, changes: [own, ...consequences] }
}

const NO_PARTS: readonly [] = []

/** The head with a completed job's result, inside it or as a record beside it. */
function withResult(
  head: Head,
  ending: Ending,
  name: string,
): { head: Head; parts: readonly (readonly [id: string, value: string])[] } {
  if (ending.kind !== 'completed' || ending.result === '') return { head, parts: NO_PARTS }
  if (fitsInline(ending.result)) {
    const withIt = draftOf(head)
    withIt[RESULT] = ending.result
    return { head: withIt, parts: NO_PARTS }
  }
  return { head: withOwned(head, 'result'), parts: [[partId('result', name), seal(ending.result)]] }
}

/**
 * The ends of several leases of one claim as one block. With `entry`, when these are all the leases the claim still has, the
 * claim's entry goes too: each change then waits for the one before, so that no lease can be left without the entry
 * that makes it expire.
 */
export function joinSettles(
  { lanes }: Ledger,
  settles: readonly Block[],
  entry?: { claim: string; until: number },
): Block {
  const changes: Change[] = []
  let last: number | undefined
  for (const settle of settles) {
    const offset = changes.length
    settle.forEach((change, index) => {
      const after =
        change.after === undefined ? (entry === undefined ? undefined : last) : change.after + offset
      changes.push(after === undefined ? change : following(change, after))
      if (index === 0) last = offset
    })
  }
  if (entry !== undefined) {
    changes.push({ after: last, remove: [[lanes.claims, claimsKey(entry.until, entry.claim)]] })
  }
  return changes
}

/** What became of a settle that was refused. */
export type Verdict = 'applied' | 'lost' | 'again'

/**
 * Looks at the store: `again` means that the lease still lives and the grant's head was read anew. `applied` can only be when
 * an earlier answer for the same settle was lost, which is what `unknown` says.
 */
export async function judgeRefusal(
  { store, lanes }: Ledger,
  grant: Grant,
  intended: string | undefined,
  unknown: boolean,
): Promise<Verdict> {
  const [keys = []] = await store.scan([{ ...exactly(lanes.lease, grant.leaseKey), limit: 1 }])
  const [raw] = await store.read([grant.name])
  if (keys.length > 0) {
    adoptHead(grant, raw)
    return 'again'
  }
  return unknown && raw === intended ? 'applied' : 'lost'
}
