/** Why somebody intervened, as text that is kept: checked, and cut to its bound. */
import { REASON_BYTES } from './bounds.ts'
import { refuseOption } from './check.ts'
import { cutText } from './text.ts'

/** The reason of a cancel, which `failedReason` says. @throws HoldfastError `OPTION_INVALID`. */
export function reasonOf(reason: unknown): string {
  if (reason === undefined) return 'the job was cancelled'
  if (typeof reason !== 'string' || reason === '') refuseOption('reason', reason, 'a text that is not empty')
  return cutText(reason, REASON_BYTES)
}
