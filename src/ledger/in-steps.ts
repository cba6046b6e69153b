/**
 * Operations of many units, each of which leaves the queue whole: what fails after one of them was applied is no longer without
 * effect, and says so.
 */
import { HoldfastError } from '../error.ts'

/** `done`: how many jobs were changed before. */
export function asInterrupted(error: unknown, done: number): unknown {
  if (!(error instanceof HoldfastError) || error.outcome === 'unknown' || done === 0) return error
  const message = `${error.message} (what was done before stays: call it again to end it)`
  return new HoldfastError(error.code, message, { outcome: 'unknown', cause: error })
}

/** Gives on what a walk gives, page by page. */
export async function* inSteps<T>(pages: AsyncIterable<readonly T[]>): AsyncGenerator<readonly T[]> {
  let done = 0
  try {
    for await (const page of pages) {
      done += page.length
      yield page
    }
  } catch (error) {
    throw asInterrupted(error, done)
  }
}
