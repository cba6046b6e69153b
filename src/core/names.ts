/** Names that users give: which of them a store can take as a part of its own names. */
import { JOB_NAME_CHARACTERS, KEY_TEXT_BYTES, NAME_BYTES } from './bounds.ts'
import { type Check, refuseOption } from './check.ts'
import { escapePart } from './keys.ts'

/** An escaped name of 1 to `most` bytes, or a refusal. */
export function checkName(value: unknown, field: string, most: number): string {
  if (typeof value !== 'string' || !value.isWellFormed() || value === '' || escapePart(value).length > most) {
    refuseOption(
      field,
      value,
      `a text of 1 to ${most} bytes (A-Z a-z 0-9 . _ - count one, others three a byte)`,
    )
  }
  return value
}

/** An idempotency key or a deduplication id. */
export const keyTextCheck: Check<string> = (value, field) => checkName(value, field, KEY_TEXT_BYTES)

export const checkQueueName = (value: unknown, field = 'the queue name'): string =>
  checkName(value, field, NAME_BYTES)

export const checkJobName = (value: unknown): string =>
  typeof value === 'string' && value !== '' && value.length <= JOB_NAME_CHARACTERS && value.isWellFormed()
    ? value
    : refuseOption('the job name', value, `a text of 1 to ${JOB_NAME_CHARACTERS} characters`)
