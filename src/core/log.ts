/** A job's log: lines in a ring of slots, and a counter that says which of them are kept. */
import { unseal } from './codec.ts'

/** How many lines of a log were written in all, and the number of the first that is kept. */
export function logOf(record: string | undefined, most: number): { written: number; first: number } {
  const [written = 0, first = 0] = record === undefined ? [] : unseal(record).split(' ').map(Number)
  return { written, first: Math.max(first, written - most) }
}
