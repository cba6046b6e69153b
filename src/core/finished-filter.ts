/** Which finished jobs are meant where many are chosen at once: by name, by when they ended, by why they failed. */
import { JOB_NAME_CHARACTERS } from './bounds.ts'
import { type Check, type Checks, refuseOption } from './check.ts'
import type { FailedCode, Head } from './head.ts'
import { timeCheck } from './job-options.ts'

/** All that is given must hold. */
export interface FinishedFilter {
  /** Jobs of this name. */
  name?: string
  /** Jobs that ended then or later: a Date or ms since the epoch. */
  from?: Date | number
  /** Jobs that ended then or before. */
  to?: Date | number
  /** Jobs that failed for good with this code. */
  code?: FailedCode
}

/** The same, checked: times are ms since the epoch. */
export interface CheckedFilter extends Pick<FinishedFilter, 'name' | 'code'> {
  from?: number
  to?: number
}

/** Complete because it would not compile otherwise. */
const FAILED_CODES: Readonly<Record<FailedCode, true>> = {
  STALLED: true,
  TIMEOUT: true,
  UNRECOVERABLE: true,
  ATTEMPTS_EXHAUSTED: true,
  UNREADABLE: true,
  NO_HANDLER: true,
  CANCELLED: true,
  EXPIRED: true,
  SCHEMA_MISMATCH: true,
}

const codeCheck: Check<FailedCode> = (value, field) =>
  typeof value === 'string' && Object.hasOwn(FAILED_CODES, value)
    ? (value as FailedCode)
    : refuseOption(field, value, `one of ${Object.keys(FAILED_CODES).join(', ')}`)

export const filterChecks: Checks<CheckedFilter> = {
  name: (value, field) =>
    typeof value === 'string' && value !== '' && value.length <= JOB_NAME_CHARACTERS
      ? value
      : refuseOption(field, value, `a text of 1 to ${JOB_NAME_CHARACTERS} characters`),
  from: timeCheck,
  to: timeCheck,
  code: codeCheck,
}

/** Whether a finished job is among those that are meant, its time aside: that is what its key says. */
export const isMeant = ({ name, code }: CheckedFilter, head: Head): boolean =>
  (name === undefined || head.name === name) && (code === undefined || head.failedCode === code)
