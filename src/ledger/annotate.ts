/**
 * What a job says of itself while it runs: progress and log lines. The first of each notes in the head that there is
 * a record to remove with the job; after that the head is left alone.
 */
import { LOG_LINE_BYTES } from '../core/bounds.ts'
import { seal, unseal } from '../core/codec.ts'
import { type Head, type OwnedPart, encodeHead, owns, withOwned } from '../core/head.ts'
import { logOf } from '../core/log.ts'
import { keptLogLines } from '../core/job-options.ts'
import { partId } from '../core/keys.ts'
import type { PayloadText } from '../core/payload.ts'
import { cutText } from '../core/text.ts'
import { HoldfastError } from '../error.ts'
import type { Change } from '../store.ts'
import { reachable } from './bulk.ts'
import { type Grant, adoptHead } from './claim.ts'
import { commitBlock, replan } from './commit.ts'
import { type Ledger, readableHead } from './ledger.ts'

/** Who writes: the holder of a lease, whose writes are refused once it is lost, or anyone who has the job's id. */
export type Author = { readonly name: string; readonly grant?: Grant }

/** Replaces a job's progress. @throws HoldfastError `LOCK_LOST`, `JOB_NOT_FOUND`. */
export async function writeProgress(ledger: Ledger, author: Author, progress: PayloadText): Promise<void> {
  await annotate(ledger, author, 'progress', async () => ({
    set: [[partId('progress', author.name), seal(progress)]],
  }))
}

/** Adds a line to a job's log and drops what `keepLogs` no longer holds; the number of lines kept. */
export async function writeLogLine(ledger: Ledger, author: Author, line: string): Promise<number> {
  const counter = partId('logs', author.name)
  let kept = 0
  await annotate(ledger, author, 'logs', async (head) => {
    const most = keptLogLines(head.opts)
    const [record] = await ledger.store.read([counter])
    const { written, first } = logOf(record, most)
    kept = Math.min(written + 1 - first, most)
    if (most === 0) return {}
    return {
      expect: record === undefined ? { absent: [counter] } : { equal: [[counter, record]] },
      set: [
        [counter, seal(`${written + 1} ${first}`)],
        [partId('log', author.name, written % most), seal(cutText(line, LOG_LINE_BYTES))],
      ],
    }
  })
  return kept
}

/** A job's log lines that are kept, oldest first, and how many there are. */
export async function readLogLines({ store }: Ledger, name: string): Promise<string[]> {
  const [raw, counter] = await store.read([name, partId('logs', name)])
  if (raw === undefined || counter === undefined) return []
  const most = keptLogLines(readableHead(name, raw).opts)
  const { written, first } = logOf(counter, most)
  const ids: string[] = []
  for (let line = first; line < written; line++) ids.push(partId('log', name, line % most))
  const records = await store.read(ids)
  return records.filter((record) => record !== undefined).map(unseal)
}

/** Removes a job's log lines but the newest `keep`. @throws HoldfastError `JOB_NOT_FOUND`. */
export async function clearLogLines(ledger: Ledger, name: string, keep: number): Promise<void> {
  const { store } = ledger
  const counter = partId('logs', name)
  await replan(async () => {
    const [raw, record] = await store.read([name, counter])
    const { head } = await reachable(ledger, name, raw)
    if (record === undefined) return true
    const most = keptLogLines(head.opts)
    const { written, first } = logOf(record, most)
    if (written - keep <= first) return true
    const gone: string[] = []
    for (let line = first; line < written - keep; line++) gone.push(partId('log', name, line % most))
    const set = [[counter, seal(`${written} ${written - keep}`)]] as const
    const [applied] = await commitBlock(store, [
      { expect: { equal: [[counter, record]] }, set, delete: gone },
    ])
    return applied === false ? undefined : true
  })
}

async function annotate(
  ledger: Ledger,
  { name, grant }: Author,
  part: OwnedPart,
  change: (head: Head) => Promise<Change>,
): Promise<void> {
  const { store, lanes } = ledger
  await replan(async () => {
    const { raw, head } =
      grant?.raw !== undefined && grant.head !== undefined
        ? { raw: grant.raw, head: grant.head }
        : await reachable(ledger, name, grant === undefined ? (await store.read([name]))[0] : grant.raw)
    const { expect, set = [] } = await change(head)
    const marked = owns(head, part) ? raw : encodeHead(withOwned(head, part))
    const [applied] = await commitBlock(store, [
      {
        expect: {
          ...expect,
          present: grant === undefined ? [] : [[lanes.lease, grant.leaseKey]],
          equal: [
            ...(expect?.equal ?? []),
            ...(grant !== undefined && marked === raw ? [] : [[name, raw] as const]),
          ],
        },
        set: marked === raw ? set : [...set, [name, marked]],
      },
    ])
    if (applied !== false) {
      if (grant !== undefined && marked !== raw) adoptHead(grant, marked)
      return true
    }
    if (grant !== undefined) await refresh(ledger, grant)
    return undefined
  })
}

async function refresh({ store, lanes }: Ledger, grant: Grant): Promise<void> {
  const [keys = []] = await store.scan([
    { lane: lanes.lease, from: grant.leaseKey, until: `${grant.leaseKey}!`, limit: 1 },
  ])
  if (keys.length === 0) throw new HoldfastError('LOCK_LOST', `the lease on job ${grant.id} is lost`)
  adoptHead(grant, (await store.read([grant.name]))[0])
}
