/**
 * What lapses: idempotency keys and deduplication ids whose time is over. Whoever needs one takes its place without waiting;
 * here those go that nobody needs.
 */
import { IDEMPOTENCY_AGAIN_MS, PAGE_KEYS } from '../core/bounds.ts'
import { nameOf } from '../core/evaluate.ts'
import {
  type IdempotencyRecord,
  decodeIdempotency,
  encodeIdempotency,
  idempotencyLapse,
  isLive,
} from '../core/idempotency.ts'
import type { Head } from '../core/head.ts'
import { idempotencyId, isIdempotency, lapseKey, throughTime } from '../core/keys.ts'
import { HoldfastError } from '../error.ts'
import { nextTurn } from '../host.ts'
import type { Change } from '../store.ts'
import { readDeduplication } from './addition.ts'
import { commitBlocks } from './commit.ts'
import { type Ledger, readHead } from './ledger.ts'

/** A key of `lapse`, and what its record says. */
interface Lapsing {
  readonly key: string
  readonly id: string
  readonly raw: string | undefined
  /** Where it is an idempotency key's, and can be read. */
  readonly idempotency: IdempotencyRecord | undefined
}

/** Removes up to a page of what has lapsed; whether there may be more. An idempotency key stays while its job lives. */
export async function lapseStep(ledger: Ledger): Promise<boolean> {
  const { store } = ledger
  const page = await pageOf(ledger, throughTime(store.now() - store.skewMs))
  const jobs = page.flatMap(({ idempotency }) => idempotency?.job ?? [])
  const heads = jobs.length === 0 ? [] : await store.read(jobs)
  const headOf = new Map(jobs.map((job, at) => [job, heads[at]]))
  await commitAll(
    ledger,
    page.map((one) => {
      const { idempotency } = one
      if (idempotency === undefined) return planLapse(ledger, one)
      const { job } = idempotency
      const raw = headOf.get(job)
      return isLive(idempotency, raw, readHead(raw).head)
        ? planAgain(ledger, one, idempotency)
        : planLapse(ledger, one, [job, raw])
    }),
  )
  return page.length === PAGE_KEYS
}

/** Removes all of it, whatever its time. */
export async function lapseAll(ledger: Ledger): Promise<void> {
  for (;;) {
    const page = await pageOf(ledger)
    if (page.length === 0) return
    await commitAll(
      ledger,
      page.map((one) => planLapse(ledger, one)),
    )
    await nextTurn()
  }
}

/** The idempotency keys that jobs of a bulk took which is given up, by the jobs' head records: they go with them. */
export async function planKeysBack(
  { store, lanes, queue }: Ledger,
  jobs: readonly (readonly [name: string, head: Head | undefined])[],
): Promise<ReadonlyMap<string, Change>> {
  const ids = new Map(
    jobs.flatMap(([name, head]) => {
      const key = head?.opts.idempotencyKey
      return key === undefined ? [] : [[name, idempotencyId(queue, key)] as const]
    }),
  )
  if (ids.size === 0) return new Map()
  const records = await store.read([...ids.values()])
  return new Map(
    [...ids].flatMap(([name, id], at): [string, Change][] => {
      const raw = records[at]
      const held = readIdempotency(id, raw)
      if (raw === undefined || held?.job !== name) return []
      const remove: Change['remove'] = [[lanes.lapse, idempotencyLapse(id, held)]]
      return [[name, { expect: { equal: [[id, raw]] }, remove, delete: [id] }]]
    }),
  )
}

async function pageOf({ store, lanes }: Ledger, until?: string): Promise<Lapsing[]> {
  const [keys = []] = await store.scan([{ lane: lanes.lapse, until, limit: PAGE_KEYS }])
  if (keys.length === 0) return []
  const records = await store.read(keys.map(nameOf))
  return keys.map((key, at) => {
    const [id, raw] = [nameOf(key), records[at]]
    return { key, id, raw, idempotency: readIdempotency(id, raw) }
  })
}

/** What somebody changed meanwhile is left to the next look. */
async function commitAll({ store }: Ledger, changes: readonly Change[]): Promise<void> {
  const answers = await commitBlocks(
    store,
    changes.map((change) => [change]),
  )
  for (const answer of answers) if (answer instanceof HoldfastError) throw answer
}

function readIdempotency(id: string, raw: string | undefined): IdempotencyRecord | undefined {
  try {
    return raw !== undefined && isIdempotency(id) ? decodeIdempotency(raw) : undefined
  } catch {
    return undefined
  }
}

/** The key goes, and the record where this is its key; `was` is the job it was for, found not to live. */
function planLapse(
  { lanes }: Ledger,
  { key, id, raw, idempotency }: Lapsing,
  was?: readonly [name: string, raw: string | undefined],
): Change {
  const remove: Change['remove'] = [[lanes.lapse, key]]
  const until = idempotency?.lapsesAt ?? (raw === undefined ? undefined : readDeduplication(raw)?.until)
  if (raw === undefined || (until !== undefined && lapseKey(until, id) !== key)) return { remove }
  const equal: [string, string][] = [[id, raw]]
  if (was?.[1] !== undefined) equal.push([was[0], was[1]])
  const absent = was !== undefined && was[1] === undefined ? [was[0]] : []
  return { expect: { equal, absent }, remove, delete: [id] }
}

function planAgain(
  { lanes, store }: Ledger,
  { key, id, raw }: Lapsing,
  idempotency: IdempotencyRecord,
): Change {
  const again = { ...idempotency, lapsesAt: store.now() + IDEMPOTENCY_AGAIN_MS }
  return {
    expect: { equal: [[id, raw!]] },
    remove: [[lanes.lapse, key]],
    add: [[lanes.lapse, idempotencyLapse(id, again)]],
    set: [[id, encodeIdempotency(again)]],
  }
}
