/**
 * Deduplication: what an addition does to the job that has its id (makes it what was added, waits for its end, begins its time
 * anew), who has an id, and taking one away.
 */
import { encodeDeduplication, windowOf } from '../core/deduplication.ts'
import { seal } from '../core/codec.ts'
import {
  DATA,
  type Head,
  type HeadDraft,
  draftOf,
  encodeHead,
  fitsInline,
  owns,
  withOwned,
  withoutOwned,
} from '../core/head.ts'
import { keptOptions } from '../core/job-options.ts'
import {
  blockedKey,
  deduplicationIdOf,
  dueKey,
  escapePart,
  jobIdOf,
  lapseKey,
  partId,
  timeDigits,
  waitingKey,
} from '../core/keys.ts'
import { ownedKeys, ttlKeys } from '../core/owned.ts'
import { readReadyKey } from '../core/ready-key.ts'
import type { Change, Key } from '../store.ts'
import {
  type AddedJob,
  type NewJob,
  type Over,
  type Taking,
  nothingTaken,
  planAdd,
  readDeduplication,
  takeKey,
  timesOf,
  withTaking,
} from './addition.ts'
import { hasArrived } from './bulk.ts'
import { commitBlock, replan } from './commit.ts'
import { type Ledger, readHead } from './ledger.ts'
import { leaseOf } from './locate.ts'
import type { Holder } from './meet.ts'

/** An addition, and the job that has its id. */
interface Meeting {
  readonly holder: Holder
  readonly over: Over
}

/** Whether an addition has anything to say to a job that has its id. */
export const saysMore = ({ options: { deduplication, idempotencyKey } }: NewJob): boolean =>
  idempotencyKey !== undefined ||
  deduplication?.extend === true ||
  deduplication?.replace === true ||
  deduplication?.keepLastIfActive === true

/** Does what the addition asks for, as the job that has its id is now; `undefined` where that changed meanwhile. */
export async function joinHolder(
  ledger: Ledger,
  job: NewJob,
  meeting: Meeting,
): Promise<AddedJob | undefined> {
  const { name, raw, head, record } = meeting.holder
  if (job.options.deduplication?.keepLastIfActive === true && head !== undefined) {
    const [lease] = await leaseOf(ledger, head, name)
    if (lease !== undefined) return follow(ledger, job, meeting, lease[1])
  }
  const changes = [...planRemaking(ledger, job, meeting), ...planStay(ledger, job, meeting)]
  if (changes.length > 0) {
    const results = await commitBlock(ledger.store, changes)
    if (results.every((result) => result === false)) {
      const now = await ledger.store.read([name, record[0]])
      if (now[0] !== raw || now[1] !== record[1]) return undefined
    } else return joined(job, name, true)
  }
  return joined(job, name, false)
}

const joined = ({ options }: NewJob, name: string, changed: boolean): AddedJob => ({
  id: jobIdOf(name),
  raw: '',
  head: undefined,
  delayed: false,
  deduplicated: true,
  changed,
  met: options.deduplication?.id,
})

/** A job of its own, which has the id from now on and comes into line when the one that runs has ended. */
async function follow(
  ledger: Ledger,
  job: NewJob,
  { holder: { name, record }, over }: Meeting,
  leaseKey: string,
): Promise<AddedJob | undefined> {
  const { change, added } = planAdd(
    ledger,
    job,
    { ...ledger.lanes, after: { name, leaseKey } },
    { ...over, deduplication: record[1] },
  )
  const [result] = await commitBlock(ledger.store, [change])
  return result === false ? undefined : added
}

/** The id as it is, or for longer where the addition extends its time; and the addition's idempotency key. */
function planHold(
  ledger: Ledger,
  job: NewJob,
  { holder: { name, head, record, until }, over }: Meeting,
): { taking: Taking; until: number | undefined } {
  const { extend } = job.options.deduplication!
  const [id, value] = record
  const { lanes, store } = ledger
  const taking = nothingTaken()
  taking.equal.push([id, value])
  takeKey(ledger, job, { job: name, born: head?.timestamp ?? 0 }, over, taking)
  const longer = windowOf(job.options.deduplication!, store.now())
  if (extend !== true || until === undefined || longer === undefined || longer <= until)
    return { taking, until }
  taking.remove.push([lanes.lapse, lapseKey(until, id)])
  taking.add.push([lanes.lapse, lapseKey(longer, id)])
  taking.set.push([id, encodeDeduplication({ job: name, until: longer })])
  return { taking, until: longer }
}

/** The job stays as it is, but for how long it has the id. Nothing where nothing is said. */
function planStay(ledger: Ledger, job: NewJob, meeting: Meeting): Change[] {
  const { name, raw, head, until } = meeting.holder
  const held = planHold(ledger, job, meeting)
  if (held.taking.set.length === 0) return []
  if (held.until === until || raw === undefined || head === undefined || head.finishedOn !== undefined)
    return [withTaking({}, held.taking)]
  const longer: HeadDraft = { ...draftOf(head), heldUntil: held.until }
  const own: Change = { expect: { equal: [[name, raw]] }, set: [[name, encodeHead(longer)]] }
  return [withTaking(own, held.taking)]
}

/** The ways a job goes that becomes what was added: delayed, or waiting for the end of another. It keeps its id and its past. */
function planRemaking(ledger: Ledger, job: NewJob, meeting: Meeting): Change[] {
  const { lanes } = ledger
  const { name, head } = meeting.holder
  const { replace, keepLastIfActive } = job.options.deduplication!
  if (head?.runAt === undefined || (replace !== true && keepLastIfActive !== true)) return []
  const { now, dueAt, key } = timesOf(ledger, job)
  const was = dueKey(head.runAt, head.key, name)
  const timed: Partial<Head> = { key, runAt: dueAt, blocked: undefined }
  const changes: Change[] = []
  if (head.blocked !== undefined) {
    const blocked = `${head.blocked.slice(0, head.blocked.lastIndexOf('/'))}/${timeDigits(dueAt)}`
    changes.push(
      remake(ledger, job, meeting, {
        from: [lanes.blocked, blockedKey(head.blocked, head.key, name)],
        to: [lanes.blocked, blockedKey(blocked, key, name)],
        changed: { ...timed, blocked },
      }),
    )
  }
  if (replace !== true) return changes
  const to: Key = dueAt > now ? [lanes.due, dueKey(dueAt, key, name)] : [lanes.ready, waitingKey(key, name)]
  const changed = dueAt > now ? timed : { ...timed, runAt: undefined }
  changes.push(
    remake(ledger, job, meeting, { from: [lanes.due, was], to, changed }),
    remake(ledger, job, meeting, {
      from: [lanes.suspect, was],
      to: [lanes.suspect, dueKey(dueAt, key, name)],
      changed: timed,
    }),
  )
  return changes
}

interface Way {
  readonly from: Key
  readonly to: Key
  readonly changed: Partial<Head>
}

function remake(ledger: Ledger, job: NewJob, meeting: Meeting, { from, to, changed }: Way): Change {
  const { name, raw, head: before } = meeting.holder as Holder & { raw: string; head: Head }
  const { taking, until } = planHold(ledger, job, meeting)
  const inline = fitsInline(job.data)
  const { ttl } = job.options
  const draft: HeadDraft = {
    ...draftOf(inline ? withoutOwned(before, 'payload') : withOwned(before, 'payload')),
    ...changed,
    name: job.name,
    opts: {
      ...keptOptions(job.options),
      // Where lines are written already, their number says where the next one goes.
      keepLogs: owns(before, 'logs') ? before.opts.keepLogs : job.options.keepLogs,
    },
    attemptsMade: undefined,
    expiresAt: ttl === undefined ? undefined : readReadyKey(changed.key!).dueAt + ttl,
    heldUntil: until,
    [DATA]: inline ? job.data : undefined,
  }
  const payload = partId('payload', name)
  const [had, has] = [ownedKeys(ledger.lanes, name, before), ownedKeys(ledger.lanes, name, draft)]
  const own: Change = {
    expect: { equal: [[name, raw]] },
    remove: [from, ...without(had, has)],
    add: [to, ...without(has, had), ...ttlKeys(ledger.lanes, name, draft)],
    set: inline
      ? [[name, encodeHead(draft)]]
      : [
          [name, encodeHead(draft)],
          [payload, seal(job.data)],
        ],
    delete: inline && owns(before, 'payload') ? [payload] : [],
  }
  return withTaking(own, taking)
}

const without = (keys: readonly Key[], others: readonly Key[]): Key[] =>
  keys.filter(([, key]) => !others.some(([, other]) => other === key))

/** The record of a deduplication id of this queue. */
const recordOfId = ({ queue }: Ledger, id: string): string => deduplicationIdOf(escapePart(queue), id)

/** The head record of the job that has a deduplication id; `undefined` where none has. */
export async function holderOf(ledger: Ledger, id: string): Promise<string | undefined> {
  const { store } = ledger
  const record = recordOfId(ledger, id)
  const [value] = await store.read([record])
  const held = value === undefined ? undefined : readDeduplication(value)
  if (held === undefined || (held.until !== undefined && held.until <= store.now())) return undefined
  const [raw] = await store.read([held.job])
  const head = raw === undefined ? undefined : readHead(raw).head
  // That of a bulk which is being stored is nobody's yet; but it may be another job that has the name of one that is gone.
  const isOwn = head?.opts.deduplication?.id === id
  if (isOwn && !(await hasArrived(ledger, held.job, head))) return undefined
  const isIts = held.until !== undefined || (raw !== undefined && head?.finishedOn === undefined)
  return isIts ? held.job : undefined
}

/** Takes a deduplication id away from the job that has it, or from `job` alone; whether that had it: one that lapsed goes too, and is nobody's. */
export async function removeId(ledger: Ledger, id: string, job?: string): Promise<boolean> {
  const { store, lanes } = ledger
  const record = recordOfId(ledger, id)
  return replan(async () => {
    const [value] = await store.read([record])
    if (value === undefined) return false
    const held = readDeduplication(value)
    if (job !== undefined && held?.job !== job) return false
    const remove: Key[] = held?.until === undefined ? [] : [[lanes.lapse, lapseKey(held.until, record)]]
    const [removed] = await commitBlock(store, [
      { expect: { equal: [[record, value]] }, remove, delete: [record] },
    ])
    return removed === false ? undefined : held === undefined || (held.until ?? Infinity) > store.now()
  })
}
