/**
 * Ending leases: the job's own change, its consequences, and, with the last lease of a claim, the claim's entry. A
 * settle whose lease is gone is refused whole and nothing happens.
 */
import { seal } from '../core/codec.ts'
import { type LeaseEnd, consequencesOf } from '../core/consequences.ts'
import { type Head, RESULT, draftOf, fitsInline, withOwned } from '../core/head.ts'
import { historyEntry } from '../core/history.ts'
import { claimsKey, exactly, groupOf, partId } from '../core/keys.ts'
import {
  type Circumstances,
  type Departure,
  type Ending,
  type GrantFacts,
  decidedEnding,
  endOfLease,
} from '../core/lifecycle.ts'
import { placeOfDeparture, roomInGroup } from '../core/places.ts'
import type { Change, Key } from '../store.ts'
import { type Grant, adoptHead, fenceOf } from './claim.ts'
import { type Block, following } from './commit.ts'
import { type Depth, type Manner, planDeparture, planMove, recordAfter } from './depart.ts'
import type { Ledger } from './ledger.ts'
import { type Material, NO_MATERIAL, needsMaterial, readMaterial } from './material.ts'

/** The end of one lease, planned: what is to be committed, and what the job will be then. */
export interface SettlePlan {
  readonly grant: Grant
  /** As it was asked for, unless the job was cancelled before. */
  readonly ending: Ending
  readonly departure: Departure
  /** The head record as it will be; `undefined` where nothing is kept. */
  readonly raw: string | undefined
  readonly changes: Block
  /** What the second change stands for, where its job goes to dead letters that may get too many. */
  readonly depth?: Depth | undefined
}

/** What a lease's end is planned with that had to be read before; see `material.ts`. */
export interface Prepared {
  readonly at: Circumstances
  readonly material: Material
}

interface Decision {
  readonly ending: Ending
  readonly facts: GrantFacts
  readonly before: Head
  readonly raw: string
  readonly departure: Departure
}

/** @throws Error where the grant's head cannot be read: see `set-aside.ts`. */
function decide(grant: Grant, wanted: Ending, at: Circumstances): Decision {
  const { head: before, raw } = grant
  if (before === undefined || raw === undefined) throw new Error(`the head of ${grant.name} cannot be read`)
  const facts = { startedAt: grant.startedAt, worker: grant.worker, fence: fenceOf(grant) }
  const ending = decidedEnding(before, wanted)
  return { ending, facts, before, raw, departure: endOfLease(before, facts, ending, at) }
}

/** Whether a lease's end has to be prepared; it never has for jobs that do not ask for more. */
export const mayNeedMaterial = ({ head }: Grant): boolean => head?.opts.deadLetter !== undefined

/** Reads what the ends of these leases need, together. */
export async function prepareSettles(
  ledger: Ledger,
  ends: readonly { readonly grant: Grant; readonly ending: Ending; readonly at: Circumstances }[],
): Promise<Prepared[]> {
  const decided = ends.map(({ grant, ending, at }) => ({ name: grant.name, ...decide(grant, ending, at) }))
  const asking = decided.filter(needsMaterial)
  const read = asking.length === 0 ? [] : await readMaterial(ledger, asking)
  return decided.map((end, index) => ({
    at: ends[index]!.at,
    material: asking.includes(end) ? read[asking.indexOf(end)]! : NO_MATERIAL,
  }))
}

/** Plans one end, with what it needs read before. */
export async function planSettleReading(
  ledger: Ledger,
  grant: Grant,
  ending: Ending,
  at: Circumstances,
  manner: Manner = {},
): Promise<SettlePlan> {
  if (!mayNeedMaterial(grant)) return planSettle(ledger, grant, ending, at, manner)
  const [prepared] = await prepareSettles(ledger, [{ grant, ending, at }])
  return planSettle(ledger, grant, ending, at, manner, prepared!.material)
}

/** `material`: what `prepareSettles` read under the same circumstances. */
export function planSettle(
  ledger: Ledger,
  grant: Grant,
  wanted: Ending,
  at: Circumstances,
  manner: Manner = {},
  material: Material = NO_MATERIAL,
): SettlePlan {
  const { name } = grant
  const decision = decide(grant, wanted, at)
  const { ending, facts, before } = decision
  const { head, parts } = withResult(decision.departure.head, ending, name)
  const departure: Departure = { head, lane: decision.departure.lane }
  const raw = recordAfter(departure)
  const seen = { name, raw: decision.raw, head: before }
  const lease: Key = [ledger.lanes.lease, grant.leaseKey]
  const end = {
    lanes: ledger.lanes,
    name,
    before,
    departure,
    grant: facts,
    ending,
    now: at.now,
    records: material.records,
  }
  const consequences = [...consequencesOf(end), ...ofGroup(ledger, end, grant.key, manner)].map((change) =>
    following(change, 0),
  )
  if (departure.lane === 'moved') {
    const last = historyEntry(head.attemptsStarted ?? 1, facts, ending, at.now)
    const { changes, depth } = planMove(ledger, seen, lease, head, material, last, manner.hint)
    return { grant, ending, departure, raw, changes: [...changes, ...consequences], depth }
  }
  const own = planDeparture(ledger, seen, lease, departure, raw, parts, manner)
  return { grant, ending, departure, raw, changes: [own, ...consequences] }
}

const NO_PARTS: readonly [] = []
const NO_CHANGES: readonly Change[] = []

/** What follows for the group of a job: it has room again, and may have another job that waits. */
function ofGroup(
  { lanes }: Ledger,
  { name, departure, now }: LeaseEnd,
  ready: string,
  { strict = false }: Manner,
): readonly Change[] {
  if (groupOf(ready) === undefined) return NO_CHANGES
  const back =
    departure.lane === 'gone' || departure.lane === 'moved'
      ? NO_CHANGES
      : placeOfDeparture(lanes, name, departure, now, strict).visits
  return [...back, ...roomInGroup(lanes, ready, name, now)]
}

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
