/**
 * Cancelling. A job that is not being run ends at once, by one candidate per place as in `locate.ts`. One that is being run is
 * marked in its head: every end of a lease expects the head as it was read, so its holder, or whoever reaps it, meets the mark
 * before the end can be stored.
 */
import { type Head, draftOf, encodeHead } from '../core/head.ts'
import { type Departure, type JobState, endWithoutLease } from '../core/lifecycle.ts'
import { handedBack } from '../core/owned.ts'
import { missedIn } from '../core/places.ts'
import type { Change, Key } from '../store.ts'
import { type Note, noting } from './audit.ts'
import { hasArrived } from './bulk.ts'
import { readGrants } from './claim.ts'
import { type Block, commitBlock, following, replan } from './commit.ts'
import { type Seen, planDeparture, recordAfter } from './depart.ts'
import { letGroupGo } from './group.ts'
import { type Ledger, readableHead } from './ledger.ts'
import { leaseOf, placesOf, planRemovals, stateIn } from './locate.ts'
import { planSettle } from './settle.ts'

/** What came of a cancel. */
export type Cancelling =
  /** It is over; it was in the state `from` until now. */
  | { readonly kind: 'ended'; readonly departure: Departure; readonly raw: string; readonly from: JobState }
  /** Its lease will end as cancelled, however it ends. */
  | { readonly kind: 'told' }
  /** It was cancelled before. */
  | { readonly kind: 'cancelled' }
  /** It finished before, or there is none. */
  | { readonly kind: 'nothing' }

/** @throws HoldfastError `STORE_CORRUPT` or `STORE_TOO_NEW` for a job whose record cannot be read. */
export async function cancelJob(
  ledger: Ledger,
  name: string,
  reason: string,
  { force, note }: { readonly force: boolean; readonly note?: Note },
): Promise<Cancelling> {
  return replan<Cancelling>(async () => {
    const [raw] = await ledger.store.read([name])
    if (raw === undefined) return { kind: 'nothing' }
    const head = readableHead(name, raw)
    if (!(await hasArrived(ledger, name, head))) return { kind: 'nothing' }
    if (head.finishedOn !== undefined)
      return { kind: head.failedCode === 'CANCELLED' ? 'cancelled' : 'nothing' }
    const seen = { name, raw, head }
    const ended = await endWhereItWaits(ledger, seen, reason, note)
    if (ended !== undefined) return ended
    const [lease] = await leaseOf(ledger, head, name)
    if (lease === undefined) return undefined
    return force ? endLease(ledger, seen, lease, reason, note) : tell(ledger, seen, lease, reason, note)
  })
}

async function endWhereItWaits(
  ledger: Ledger,
  seen: Seen,
  reason: string,
  note: Note | undefined,
): Promise<Cancelling | undefined> {
  const { name, raw, head } = seen
  const departure = endWithoutLease(head, 'CANCELLED', reason, ledger.store.now())
  const after = recordAfter(departure)
  const places = placesOf(ledger, name, head)
  const block =
    after === undefined
      ? planRemovals(ledger, seen, places)
      : [
          ...places.map((from) => {
            const manner = { hint: missedIn(ledger.lanes, from) }
            return planDeparture(ledger, seen, from, departure, after, [], manner)
          }),
          ...givenBack(ledger, seen, after, places.length),
        ]
  const results = await commitBlock(ledger.store, [...block, ...noting(ledger, places.length, note)])
  const place = places.find((_, at) => results[at] !== false)
  if (place === undefined) return undefined
  if (place[0] === ledger.lanes.penned) await letGroupGo(ledger, head.key)
  return { kind: 'ended', departure, raw: after ?? raw, from: stateIn(ledger, ...place) }
}

/** What it held in common with others, once for all candidates: where one of them has applied. */
function givenBack({ lanes }: Ledger, { name, head }: Seen, after: string, at: number): Block {
  const back = handedBack(lanes, name, head, 'removed')
  if (back.length === 0) return []
  return [{ expect: { equal: [[name, after]] } }, ...back.map((change) => following(change, at))]
}

/** Takes the lease from its holder, whose handler may go on for all that the store knows. */
async function endLease(
  ledger: Ledger,
  { raw, head }: Seen,
  [, key]: Key,
  reason: string,
  note: Note | undefined,
): Promise<Cancelling | undefined> {
  const [grant] = await readGrants(ledger, [key])
  if (grant?.raw !== raw) return undefined
  const { store, lanes } = ledger
  const at = { now: store.now(), random: 0, maxStalledCount: Infinity }
  const failure = { message: head.cancelled ?? reason }
  const plan = planSettle(ledger, grant, { kind: 'cancelled', failure }, at, { hint: [lanes.ready] })
  const heard: Change = { after: 0, hint: [lanes.evicted, lanes.ready] }
  const [applied] = await commitBlock(store, [...plan.changes, heard, ...noting(ledger, 1, note)])
  if (applied === false) return undefined
  return { kind: 'ended', departure: plan.departure, raw: plan.raw ?? raw, from: 'active' }
}

/** The first reason stays. */
async function tell(
  ledger: Ledger,
  { name, raw, head }: Seen,
  lease: Key,
  reason: string,
  note: Note | undefined,
): Promise<Cancelling | undefined> {
  if (head.cancelled !== undefined) return { kind: 'told' }
  const [applied] = await commitBlock(ledger.store, [
    {
      expect: { equal: [[name, raw]], present: [lease] },
      set: [[name, encodeHead(marked(head, reason))]],
      hint: [ledger.lanes.evicted],
    },
    ...noting(ledger, 1, note),
  ])
  return applied === false ? undefined : { kind: 'told' }
}

function marked(head: Head, reason: string): Head {
  const draft = draftOf(head)
  draft.cancelled = reason
  return draft
}
