/** What a worker says of batches: how many jobs one call of its handler gets, and for how many it waits. */
import { BATCH_JOBS_MOST } from './bounds.ts'
import { type Check, type Checks, checkOptions, duration, integer, refuseOption } from './check.ts'

/** One call of the handler for several jobs. */
export interface BatchOptions {
  /** Jobs of one call, at most; 1 to 100. */
  size: number
  /** Jobs that have to wait in line before a batch of them is taken; 1 to `size`. Default 1: what there is is taken. */
  minSize?: number
  /** Milliseconds after which fewer are taken all the same, from when the worker saw the first of them. Default: it waits for `minSize`. */
  timeout?: number
}

const batchChecks: Checks<BatchOptions> = {
  size: integer(1, BATCH_JOBS_MOST),
  minSize: integer(1, BATCH_JOBS_MOST),
  timeout: duration(1),
}

/** Jobs that are waited for before a batch is taken. */
export const batchWait = ({ minSize = 1 }: BatchOptions): number => minSize

/** Whether a worker waits for more jobs than one. */
export const isPatient = (batch: BatchOptions | undefined): batch is BatchOptions =>
  batch !== undefined && batchWait(batch) > 1

export const batchCheck: Check<BatchOptions> = (value, field) => {
  const batch = checkOptions<BatchOptions>(value, batchChecks, field, `${field}.`)
  const { size, minSize = 1, timeout } = batch
  if (size === undefined) refuseOption(`${field}.size`, size, 'a whole number')
  if (minSize > size) refuseOption(`${field}.minSize`, minSize, `at most ${field}.size (${size})`)
  if (timeout !== undefined && minSize === 1)
    refuseOption(`${field}.timeout`, timeout, `left out where no ${field}.minSize above 1 is waited for`)
  return batch
}
