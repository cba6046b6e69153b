/** How a bulk that is being stored is named in a store. The layout is told in `keys.ts`. */
import { escapePart } from './keys.ts'

/** Exists while a bulk is being stored: its jobs are not to be seen. */
export const bulkId = (queue: string, bulk: string): string => `queue:${escapePart(queue)}:bulk.${bulk}`

/** The bulk of several units that was stored last. */
export const lastBulkId = (queue: string): string => `queue:${escapePart(queue)}:bulks`

/** Where the jobs of a bulk are until all of it is stored, by where they go then. */
export const bulkLanes = (queue: string, bulk: string): { ready: string; due: string; arrive: string } => ({
  ready: `bulk-ready.${bulk}:${escapePart(queue)}`,
  due: `bulk-due.${bulk}:${escapePart(queue)}`,
  arrive: `bulk-arrive.${bulk}:${escapePart(queue)}`,
})
