/**
 * One queue in one store: what every function of the ledger works on. The ledger is the only caller of a store: it
 * asks the core what should happen, commits it, and plans again when somebody was faster.
 */
import { UnreadableRecord } from '../core/codec.ts'
import { type Head, decodeHead } from '../core/head.ts'
import { type Lanes, configId, escapePart, jobIdOf, lanesOf } from '../core/keys.ts'
import { HoldfastError } from '../error.ts'
import type { Store } from '../store.ts'

export interface Ledger {
  readonly store: Store
  /** The queue's name as users write it. */
  readonly queue: string
  /** The beginning of the names of its jobs' head records: the escaped name and a colon. */
  readonly prefix: string
  readonly lanes: Lanes
  readonly configId: string
}

export const openLedger = (store: Store, queue: string): Ledger => ({
  store,
  queue,
  prefix: `${escapePart(queue)}:`,
  lanes: lanesOf(queue),
  configId: configId(queue),
})

/** The head record of a job of this queue. @throws HoldfastError `OPTION_INVALID` for a text that no id can be. */
export function recordOf(ledger: Ledger, id: string): string {
  if (!id.isWellFormed())
    throw new HoldfastError('OPTION_INVALID', `the job id ${JSON.stringify(id)} is no well-formed text`)
  return ledger.prefix + escapePart(id)
}

/** The head of a job that is to be changed. @throws HoldfastError `STORE_CORRUPT` or `STORE_TOO_NEW` where it cannot be read. */
export function readableHead(name: string, raw: string): Head {
  try {
    return decodeHead(raw)
  } catch (cause) {
    const tooNew = cause instanceof UnreadableRecord && cause.tooNew
    const message = `the record of ${name} cannot be read: ${(cause as Error).message}`
    throw new HoldfastError(tooNew ? 'STORE_TOO_NEW' : 'STORE_CORRUPT', message, { cause })
  }
}

/** A head, or why it cannot be read. */
export function readHead(raw: string | undefined): { head: Head | undefined; problem?: UnreadableRecord } {
  try {
    return { head: decodeHead(raw) }
  } catch (error) {
    return {
      head: undefined,
      problem: error instanceof UnreadableRecord ? error : new UnreadableRecord(String(error), false),
    }
  }
}

/** A job as messages name it: its id and its queue, as users write them. */
export const describeJob = ({ queue }: Ledger, name: string): string => `${jobIdOf(name)} in ${queue}`
