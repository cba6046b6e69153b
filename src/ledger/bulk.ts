/**
 * Bulks that do not fit one unit. Their jobs are staged in lanes of their own, where nobody claims or counts them; one commit
 * then says that all of the bulk is stored, and bounded steps move its jobs into the queue. What a dead producer staged is
 * swept away.
 */
import { BULK_MS, PAGE_KEYS, RELEASES, RELEASE_JOBS } from '../core/bounds.ts'
import { seal } from '../core/codec.ts'
import { nameOf } from '../core/evaluate.ts'
import type { Head } from '../core/head.ts'
import { claimsKey, exactly, timeOf } from '../core/keys.ts'
import { bulkId, bulkLanes, lastBulkId } from '../core/bulk-keys.ts'
import { ttlKeys } from '../core/owned.ts'
import { HoldfastError } from '../error.ts'
import { nextTurn } from '../host.ts'
import type { Change, Key } from '../store.ts'
import { type Block, commitBlock, commitBlocks, following, replan } from './commit.ts'
import { planKeysBack } from './lapse.ts'
import { type Ledger, describeJob, readHead, readableHead } from './ledger.ts'
import { planRemoval } from './retain.ts'

/** A bulk that is being stored, as its producer knows it. */
export interface Staging {
  readonly bulk: string
  readonly lanes: ReturnType<typeof bulkLanes>
  /** Its key in `staged`: who takes it away ends the bulk. */
  entry: string
}

/** The key of a bulk in `staged`, until which nobody else touches it; never the one it had `before`, even at the same moment. */
const entryOf = ({ store }: Ledger, bulk: string, before?: string): string =>
  claimsKey(
    Math.max(store.now() + BULK_MS, before === undefined ? 0 : timeOf(before) + 1),
    `${store.epoch ?? '0'}.${bulk}`,
  )

const bulkOfEntry = (entry: string): { epoch: string; bulk: string } => {
  const [epoch = '', bulk = ''] = nameOf(entry).split('.')
  return { epoch, bulk }
}

/** A bulk that is to be stored; nothing of it is there yet. */
export const planBulk = (ledger: Ledger, bulk: string): Staging => ({
  bulk,
  lanes: bulkLanes(ledger.queue, bulk),
  entry: entryOf(ledger, bulk),
})

export async function beginBulk({ store, lanes, queue }: Ledger, { bulk, entry }: Staging): Promise<void> {
  await commitBlock(store, [{ add: [[lanes.staged, entry]], set: [[bulkId(queue, bulk), seal('')]] }])
}

/** Refused once somebody took the bulk for abandoned: first change of every unit that stages jobs. */
export const stillStaging = ({ lanes }: Ledger, { entry }: Staging): Change => ({
  expect: { present: [[lanes.staged, entry]] },
})

/** Says that the producer lives, once half of its time is over. */
export async function renewBulk(ledger: Ledger, staging: Staging): Promise<void> {
  const { store, lanes } = ledger
  if (timeOf(staging.entry) - store.now() > BULK_MS / 2) return
  const entry = entryOf(ledger, staging.bulk, staging.entry)
  const [renewed] = await commitBlock(store, [
    { remove: [[lanes.staged, staging.entry]], add: [[lanes.staged, entry]] },
  ])
  if (renewed === false) throw abandoned()
  staging.entry = entry
}

/** All of it is stored: from here on the bulk is there, whatever happens. */
export async function commitBulk(ledger: Ledger, { bulk, entry }: Staging): Promise<void> {
  const { store, lanes, queue } = ledger
  const [stored] = await commitBlock(store, [
    {
      remove: [[lanes.staged, entry]],
      add: [[lanes.release, bulk]],
      set: [[lastBulkId(queue), bulk]],
      delete: [bulkId(queue, bulk)],
    },
  ])
  if (stored === false) throw abandoned()
}

export const abandoned = (): HoldfastError =>
  new HoldfastError(
    'STORE_CONTENDED',
    `storing the bulk made no progress for ${BULK_MS} ms, so another process took it for abandoned`,
  )

/** Moves every bulk that is stored into the queue, as far as that was not done yet. */
export async function releaseBulks(ledger: Ledger): Promise<void> {
  const { store, lanes } = ledger
  for (;;) {
    const [bulks = []] = await store.scan([{ lane: lanes.release, limit: PAGE_KEYS }])
    if (bulks.length === 0) return
    for (const bulk of bulks) await releaseBulk(ledger, bulk)
  }
}

/** Any number of processes may do this for the same bulk. */
export async function releaseBulk({ store, lanes, queue }: Ledger, bulk: string): Promise<void> {
  const from = bulkLanes(queue, bulk)
  const over: Change = {
    expect: {
      size: [
        [{ lane: from.ready }, 0, 0],
        [{ lane: from.due }, 0, 0],
        [{ lane: from.arrive }, 0, 0],
      ],
    },
    remove: [[lanes.release, bulk]],
  }
  for (const place of ['ready', 'due', 'arrive'] as const) {
    const move = {
      from: { lane: from[place], limit: RELEASE_JOBS },
      to: [{ lane: lanes[place] }],
      quiet: true,
    }
    for (let isMore = true; isMore; ) {
      const results = await Promise.all(
        Array.from({ length: RELEASES }, () => commitBlock(store, [{ move }, over])),
      )
      if (results.some(([, done]) => done !== false)) return
      isMore = results.every(([moved]) => moved !== false)
      await nextTurn()
    }
  }
}

/** Whether a job is there for others: not while its bulk is being stored. Where all of that is stored, sees to it that it is in place. */
export async function hasArrived(ledger: Ledger, name: string, head: Head | undefined): Promise<boolean> {
  if (head?.bulk === undefined) return true
  const { store, lanes, queue } = ledger
  const [staging] = await store.read([bulkId(queue, head.bulk)])
  if (staging !== undefined) return false
  const [[waiting = []], [record]] = await Promise.all([
    store.scan([{ ...exactly(lanes.release, head.bulk), limit: 1 }]),
    store.read([name]),
  ])
  if (waiting.length > 0) await releaseBulk(ledger, head.bulk)
  // The head was read before its bulk was looked for, which may have been swept in between.
  return record !== undefined
}

/** A job that is there for others, by its head record. @throws HoldfastError `JOB_NOT_FOUND`, `STORE_CORRUPT`, `STORE_TOO_NEW`. */
export async function reachable(
  ledger: Ledger,
  name: string,
  raw: string | undefined,
): Promise<{ readonly raw: string; readonly head: Head }> {
  const head = raw === undefined ? undefined : readableHead(name, raw)
  if (raw === undefined || head === undefined || !(await hasArrived(ledger, name, head)))
    throw new HoldfastError('JOB_NOT_FOUND', `there is no job ${describeJob(ledger, name)}`)
  return { raw, head }
}

/** Looks at a queue whose bulks are all in place; again where one was stored meanwhile, as the look may have seen a part of it. */
export async function lookSettled<Found>(ledger: Ledger, look: () => Promise<Found>): Promise<Found> {
  const { store, queue } = ledger
  const last = lastBulkId(queue)
  return replan(async () => {
    const [before] = await store.read([last])
    await releaseBulks(ledger)
    const found = { look: await look() }
    const [after] = await store.read([last])
    return before === after ? found : undefined
  }).then(({ look }) => look)
}

/** When the earliest bulk that is being stored counts as abandoned, ms since the epoch. */
export async function nextAbandoned({ store, lanes }: Ledger): Promise<number | undefined> {
  const [[first] = []] = await store.scan([{ lane: lanes.staged, limit: 1 }])
  return first === undefined ? undefined : timeOf(first)
}

/** Removes what dead producers left: those that made no progress in time, and where one process owns the store, those of an earlier opening. */
export async function sweepBulks(ledger: Ledger): Promise<void> {
  const { store, lanes } = ledger
  const [entries = []] = await store.scan([{ lane: lanes.staged, limit: PAGE_KEYS }])
  for (const entry of entries) {
    const { epoch } = bulkOfEntry(entry)
    const isOver = timeOf(entry) < store.now() - store.skewMs
    if (isOver || (store.epoch !== undefined && epoch !== store.epoch)) await sweepBulk(ledger, entry)
  }
}

/** Takes a bulk that is being stored away from its producer, then removes what is there of it. */
export async function sweepBulk(ledger: Ledger, entry: string): Promise<void> {
  const { store, lanes, queue } = ledger
  const { bulk } = bulkOfEntry(entry)
  // What its producer has sent and is still on its way finds the old entry gone.
  const verdict = entryOf(ledger, bulk, entry)
  const [taken] = await commitBlock(store, [
    { remove: [[lanes.staged, entry]], add: [[lanes.staged, verdict]] },
  ])
  if (taken === false) return
  for (const lane of Object.values(bulkLanes(queue, bulk))) {
    for (;;) {
      const [keys = []] = await store.scan([{ lane, limit: PAGE_KEYS }])
      if (keys.length === 0) break
      const records = await store.read(keys.map(nameOf))
      const back = await planKeysBack(
        ledger,
        keys.map((key, at) => [nameOf(key), readHead(records[at]).head]),
      )
      const answers = await commitBlocks(
        store,
        keys.map((key, at) => planSweep(ledger, [lane, key], records[at], back.get(nameOf(key)))),
      )
      for (const answer of answers) if (answer instanceof HoldfastError) throw answer
      await nextTurn()
    }
  }
  await commitBlock(store, [{ remove: [[lanes.staged, verdict]], delete: [bulkId(queue, bulk)] }])
}

/** A job goes with all there is of it, also what says when it expires; `back`: what it took the place of comes back. */
function planSweep(
  ledger: Ledger,
  [lane, key]: Key,
  record: string | undefined,
  back: Change | undefined,
): Block {
  const { head } = readHead(record)
  const expiries = head === undefined ? [] : ttlKeys(ledger.lanes, nameOf(key), head)
  const after = [...expiries.map((expiry): Change => ({ remove: [expiry] })), ...(back ? [back] : [])]
  return [...planRemoval(ledger, lane, key, record), ...after.map((change) => following(change, 0))]
}
