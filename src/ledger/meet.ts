/**
 * What an addition that was refused has met: a job of the same id, of the same idempotency key, or one that has the
 * deduplication id. It only looks; what it found is expected again by whatever is done about it.
 */
import { UnreadableRecord } from '../core/codec.ts'
import { heldId } from '../core/deduplication.ts'
import { fingerprint } from '../core/fingerprint.ts'
import type { Head } from '../core/head.ts'
import { type IdempotencyRecord, decodeIdempotency, isLive } from '../core/idempotency.ts'
import { idempotencyId } from '../core/keys.ts'
import { HoldfastError } from '../error.ts'
import { type NewJob, type Over, readDeduplication } from './addition.ts'
import { hasArrived } from './bulk.ts'
import { type Ledger, describeJob, readHead, recordOf } from './ledger.ts'

/** A record that was read. */
type Found = readonly [id: string, value: string]

/** A job that has a deduplication id. */
export interface Holder {
  readonly name: string
  readonly raw: string | undefined
  /** Absent where the job is gone and the id still its. */
  readonly head: Head | undefined
  /** The id's record, and what it says. */
  readonly record: Found
  readonly until: number | undefined
}

/** What an addition has met, and what it takes the place of where it is made. */
export type Meeting =
  | { readonly kind: 'nothing'; readonly over: Over }
  /** The job that has its idempotency key or its id; `raw` is absent where that is gone. `over`: it has the id alone, and is to get the key. */
  | { readonly kind: 'job'; readonly name: string; readonly raw: string | undefined; readonly over?: Over }
  | { readonly kind: 'holder'; readonly holder: Holder; readonly over: Over }

/**
 * What belongs to a bulk that is being stored gives no answer yet; `own` is the bulk that asks.
 *
 * @throws HoldfastError `IDEMPOTENCY_CONFLICT`, `STORE_CONTENDED`, `STORE_CORRUPT`.
 */
export async function meet(ledger: Ledger, job: NewJob, own?: string): Promise<Meeting> {
  const { idempotencyKey, deduplication } = job.options
  const name = recordOf(ledger, job.id)
  const key = idempotencyKey === undefined ? undefined : idempotencyId(ledger.queue, idempotencyKey)
  const id = deduplication && heldId(name, deduplication)
  const read = await ledger.store.read([name, ...[key, id].filter((record) => record !== undefined)])
  const keyRaw = key === undefined ? undefined : read[1]
  const idRaw = id === undefined ? undefined : read.at(-1)
  const byKey = keyRaw === undefined ? NOTHING : await meetKey(ledger, job, [key!, keyRaw], own)
  if (byKey.kind !== 'nothing') return byKey
  if (read[0] !== undefined) {
    await assertArrived(ledger, name, read[0], own)
    return { kind: 'job', name, raw: read[0], ...(key === undefined ? {} : { over: byKey.over }) }
  }
  return idRaw === undefined ? byKey : meetHolder(ledger, [id!, idRaw], byKey.over, own)
}

const NOTHING: Meeting & { kind: 'nothing' } = { kind: 'nothing', over: {} }

async function meetKey(
  ledger: Ledger,
  { name, data, options }: NewJob,
  [key, value]: Found,
  own: string | undefined,
): Promise<Meeting> {
  const held = readKey(value, options.idempotencyKey!)
  const { job, print, until } = held
  const [raw] = await ledger.store.read([job])
  if (raw === undefined) {
    // A bulk that is given up takes its jobs and their keys away together.
    const [still] = await ledger.store.read([key])
    if (still !== value) return NOTHING
  } else await assertArrived(ledger, job, raw, own)
  const isOver = until <= ledger.store.now() && !isLive(held, raw, readHead(raw).head)
  if (isOver) return { kind: 'nothing', over: { idempotency: value, was: [job, raw] } }
  if (print !== fingerprint(name, data)) {
    throw keyConflict(options.idempotencyKey!, `job ${describeJob(ledger, job)}`)
  }
  return { kind: 'job', name: job, raw }
}

export const keyConflict = (key: string, other: string): HoldfastError =>
  new HoldfastError(
    'IDEMPOTENCY_CONFLICT',
    `the idempotency key ${JSON.stringify(key)} was used for ${other}, with another name or other data`,
  )

function readKey(value: string, key: string): IdempotencyRecord {
  try {
    return decodeIdempotency(value)
  } catch (cause) {
    const { tooNew, message } = cause as UnreadableRecord
    throw new HoldfastError(
      tooNew ? 'STORE_TOO_NEW' : 'STORE_CORRUPT',
      `the record of the idempotency key ${JSON.stringify(key)} cannot be read: ${message}`,
      { cause },
    )
  }
}

async function meetHolder(
  ledger: Ledger,
  record: Found,
  over: Over,
  own: string | undefined,
): Promise<Meeting> {
  const free: Meeting = { kind: 'nothing', over: { ...over, deduplication: record[1] } }
  const says = readDeduplication(record[1])
  if (says === undefined || (says.until !== undefined && says.until <= ledger.store.now())) return free
  const { job: name, until } = says
  const [raw] = await ledger.store.read([name])
  if (raw !== undefined) await assertArrived(ledger, name, raw, own)
  const found = readHead(raw)
  // Another job may have the name by now.
  const head = found.head && isOwner(found.head, name, record[0]) ? found.head : undefined
  const isHeld = head === undefined ? found.problem?.tooNew === true : head.finishedOn === undefined
  // Nobody gives back the id of a job whose head is damaged.
  if (until === undefined && (raw === undefined || !isHeld)) return free
  return { kind: 'holder', holder: { name, raw, head, record, until }, over }
}

/** Whether it was added with this id. */
const isOwner = ({ opts: { deduplication } }: Head, name: string, record: string): boolean =>
  deduplication !== undefined && heldId(name, deduplication) === record

async function assertArrived(
  ledger: Ledger,
  name: string,
  raw: string,
  own: string | undefined,
): Promise<void> {
  const head = readHead(raw).head
  if (head?.bulk === own || (await hasArrived(ledger, name, head))) return
  throw new HoldfastError(
    'STORE_CONTENDED',
    `the id of job ${describeJob(ledger, name)} belongs to a bulk that is being stored: try again`,
  )
}
