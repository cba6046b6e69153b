/** The option that says where jobs go that fail for good. */
import { type Check, checkOptions, integer, refuseOption } from './check.ts'
import { checkQueueName } from './names.ts'

/** Where jobs go that fail for good. */
export interface DeadLetterOptions {
  /** The queue that takes them. */
  queue: string
  /** Jobs that may wait there before `deadLetterDepth` is emitted; default: it never is. */
  maxDepth?: number
}

const checks = { queue: checkQueueName, maxDepth: integer(0, Number.MAX_SAFE_INTEGER) }

export const deadLetterCheck: Check<DeadLetterOptions> = (value, field) => {
  if (typeof value === 'string') return { queue: checkQueueName(value, field) }
  const checked = checkOptions<DeadLetterOptions>(value, checks, field, `${field}.`)
  return checked.queue === undefined
    ? refuseOption(`${field}.queue`, undefined, 'the name of a queue')
    : checked
}
