/** Idempotency keys and deduplication ids, as their records show them: which job has a name, and until when. */
import { decodeDeduplication } from '../../src/core/deduplication.ts'
import { decodeIdempotency } from '../../src/core/idempotency.ts'
import { isIdempotency, jobIdOf, scheduleKeyOf } from '../../src/core/keys.ts'
import type { Dump } from './dump.ts'

/** What the record of a deduplication id says. */
export interface ShownHold {
  readonly job: string
  readonly until: number | undefined
}

/** What the record of an idempotency key says. */
export interface ShownKey {
  readonly id: string
  readonly born: number
  readonly until: number
  readonly lapsesAt: number
}

export function keysOf({ records }: Dump, recordIds: readonly string[]): Map<string, ShownKey> {
  const ids = recordIds.filter(isIdempotency)
  return new Map(
    ids.map((id) => {
      const { job, born, until, lapsesAt } = decodeIdempotency(records.get(id)!)
      return [idempotencyKeyOf(id), { id: jobIdOf(job), born, until, lapsesAt }]
    }),
  )
}

const idempotencyKeyOf = scheduleKeyOf

export function holdsOf({ records }: Dump, recordIds: readonly string[]): Map<string, ShownHold> {
  const ids = recordIds.filter((id) => id.startsWith('dedup:'))
  return new Map(
    ids.map((id) => {
      const { job, until } = decodeDeduplication(records.get(id)!)
      return [scheduleKeyOf(id), { job: jobIdOf(job), until }]
    }),
  )
}
