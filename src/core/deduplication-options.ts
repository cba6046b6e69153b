/** What can be said of a job's deduplication, and its check. */
import { type Check, type Checks, boolean, checkOptions, duration, refuseOption } from './check.ts'
import { keyTextCheck } from './names.ts'

/** How a job that has an id in common with others makes way for them, or they for it. */
export interface DeduplicationOptions {
  /** Any text of 1 to 256 bytes as escaped. While a job has it, adding another one with it gives that job. */
  id: string
  /** Milliseconds for which the job has the id, also past its own end; default: until the job ends or is removed. */
  ttl?: number
  /** Whether an addition that meets the id begins its `ttl` anew; default false. */
  extend?: boolean
  /** Whether an addition that meets the id on a delayed job makes that job what was added: its name, data, options and delay. Default false. */
  replace?: boolean
  /**
   * Whether an addition that meets the id on a job that runs is kept, to be run once that has ended; of several the last one.
   * The id then has no time: `ttl` and `extend` say nothing (as in BullMQ). Default false.
   */
  keepLastIfActive?: boolean
}

const deduplicationChecks: Checks<DeduplicationOptions> = {
  id: keyTextCheck,
  ttl: duration(1),
  extend: boolean,
  replace: boolean,
  keepLastIfActive: boolean,
}

export const deduplicationCheck: Check<DeduplicationOptions> = (value, field) => {
  const checked = checkOptions(value, deduplicationChecks, field, `${field}.`)
  keyTextCheck(checked.id, `${field}.id`)
  if (checked.extend === true && checked.ttl === undefined)
    refuseOption(`${field}.ttl`, checked.ttl, 'given where extend is true')
  return checked
}
