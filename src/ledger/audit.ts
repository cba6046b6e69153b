/** The lines that interventions leave: written with what they tell of, the newest kept. */
import { AUDIT_LINES } from '../core/bounds.ts'
import { type AuditLine, decodeAudit, encodeAudit } from '../core/audit.ts'
import type { Change } from '../store.ts'
import { commitBlock } from './commit.ts'
import type { Ledger } from './ledger.ts'

/** A line without its time, which is that of the commit. */
export type Note = Omit<AuditLine, 'at'>

/** Changes of which one at most applies, and the line that it leaves if it does. `note` is left out where nobody is to hear. */
export function noting({ lanes, store }: Ledger, candidates: number, note: Note | undefined): Change[] {
  if (note === undefined) return []
  const line = encodeAudit({ ...note, at: store.now() })
  const lines = Array.from(
    { length: candidates },
    (_, after): Change => ({ after, append: [[lanes.audit, line]] }),
  )
  const lane = lanes.audit
  const tooMany: Change = {
    expect: { size: [[{ lane }, AUDIT_LINES + 1, Infinity]] },
    move: { from: { lane, limit: 2 }, to: [], quiet: true },
  }
  return [...lines, tooMany]
}

/** Leaves a line about something that took many commits. */
export async function leaveLine(ledger: Ledger, note: Note): Promise<void> {
  await commitBlock(ledger.store, [{}, ...noting(ledger, 1, note)])
}

/** Lines, the newest first. */
export async function readAudit({ store, lanes }: Ledger, limit: number): Promise<AuditLine[]> {
  const [keys = []] = await store.scan([{ lane: lanes.audit, descending: true, limit }])
  // Before the first slash stands the number that the store gave it.
  return keys.map((key) => decodeAudit(key.slice(key.indexOf('/') + 1)))
}
