/**
 * Who intervened in a queue, and why: one line each, in a lane of its own. A line is the text of its key, so that it is written with
 * what it tells of and costs no record.
 */
import { AUDIT_BYTES, ACTOR_BYTES, REASON_BYTES } from './bounds.ts'
import { type Check, type Checks, boolean, refuseOption } from './check.ts'
import { escapePart, timeDigits, unescapePart } from './keys.ts'
import { cutText, utf8Bytes } from './text.ts'

/** Who intervenes, and why. */
export interface Intervention {
  /** Who: up to 128 bytes. Default: nobody says. */
  by?: string
  /** Why; what is above about half a kilobyte is cut in the audit. Default: nobody says. */
  reason?: string
}

/** What can be done to jobs and queues by hand: the methods' names. */
export type AuditAction =
  | 'remove'
  | 'retry'
  | 'cancel'
  | 'pause'
  | 'resume'
  | 'drain'
  | 'clean'
  | 'obliterate'
  | 'retryJobs'
  | 'promoteJobs'
  | 'redrive'

/** One line of a queue's audit. */
export interface AuditLine {
  /** ms since the epoch. */
  readonly at: number
  /** What was done: the method's name. */
  readonly action: AuditAction
  /** The job it was done to, where it was one. */
  readonly id?: string | undefined
  /** How many jobs, where it was done to many. */
  readonly count?: number | undefined
  /** Who did it, where that was said. */
  readonly by?: string | undefined
  /** Why, where that was said. */
  readonly reason?: string | undefined
}

const textOfAtMost =
  (bytes: number): Check<string> =>
  (value, field) =>
    typeof value === 'string' && value !== '' && value.isWellFormed() && utf8Bytes(value) <= bytes
      ? value
      : refuseOption(field, value, `a text of 1 to ${bytes} bytes`)

export const interventionChecks: Checks<Intervention> = {
  by: textOfAtMost(ACTOR_BYTES),
  reason: textOfAtMost(REASON_BYTES),
}

/** Whether to do it although a job is being run. */
export interface Force {
  /** Default false. */
  force?: boolean
}

export const forceChecks: Checks<Force & Intervention> = { ...interventionChecks, force: boolean }
/** The reason of a cancel is an argument of its own. */
export const cancelChecks: Checks<Force & Pick<Intervention, 'by'>> = {
  by: interventionChecks.by,
  force: boolean,
}

/** Between the fields; no escaped text has it. */
const SEPARATOR = '~'

/** A line as printable text without slashes; a reason that is too long is cut. */
export function encodeAudit({ at, action, id = '', count, by = '', reason = '' }: AuditLine): string {
  const fields = [
    timeDigits(at),
    action,
    count === undefined ? '' : String(count),
    escapePart(id),
    escapePart(by),
  ]
  const start = fields.join(SEPARATOR) + SEPARATOR
  return start + fitting(reason, AUDIT_BYTES - start.length)
}

/** As much of a text as fits once it is escaped, where one byte may become three. */
function fitting(text: string, room: number): string {
  const whole = escapePart(text)
  if (whole.length <= room) return whole
  return escapePart(cutText(text, Math.floor(room / 3)))
}

export function decodeAudit(line: string): AuditLine {
  const [at = '', action = '', count = '', id = '', by = '', reason = ''] = line.split(SEPARATOR)
  const text = (part: string): string | undefined => (part === '' ? undefined : unescapePart(part))
  return {
    at: Number(at),
    action: action as AuditAction,
    id: text(id),
    count: count === '' ? undefined : Number(count),
    by: text(by),
    reason: text(reason),
  }
}
