/** Which finished jobs are kept, as their options come to. */
import { COMPLETED_KEPT, FAILED_KEPT } from './bounds.ts'
import type { KeptOptions } from './job-options.ts'

/** Which finished jobs are kept: the newest `count` of those that ended less than `ageMs` ago; `Infinity` is no bound. */
export interface Kept {
  readonly count: number
  readonly ageMs: number
  /** Bytes of the kept ones together; absent where they are not bounded, so that nothing is measured. */
  readonly maxBytes?: number
}

const KEEP_NONE: Kept = { count: 0, ageMs: Infinity }
const KEEP_ALL: Kept = { count: Infinity, ageMs: Infinity }
const KEEP_BY_DEFAULT = {
  completed: { count: COMPLETED_KEPT, ageMs: Infinity },
  failed: { count: FAILED_KEPT, ageMs: Infinity },
} as const

export function keptOf(options: KeptOptions, outcome: 'completed' | 'failed'): Kept {
  const rule = outcome === 'completed' ? options.removeOnComplete : options.removeOnFail
  if (rule === undefined) return KEEP_BY_DEFAULT[outcome]
  if (typeof rule === 'boolean') return rule ? KEEP_NONE : KEEP_ALL
  const { count = Infinity, age = Infinity, maxBytes } = rule
  if (count === 0 || age === 0 || maxBytes === 0) return KEEP_NONE
  return maxBytes === undefined ? { count, ageMs: age * 1000 } : { count, ageMs: age * 1000, maxBytes }
}

export const keepsNone = (options: KeptOptions, outcome: 'completed' | 'failed'): boolean =>
  keptOf(options, outcome).count === 0
