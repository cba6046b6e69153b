/** What jobs of a possible world have in common: who has a deduplication id, and who waits for whose end. */
import { type ModelHold, type ModelJob, type World, withJob } from './world.ts'

/** How a job leaves its id: it ended, or it was removed before it did. */
export type Leaving = 'ended' | 'removed'

export function withHold(world: World, id: string, hold: ModelHold | undefined): World {
  const ids = new Map(world.ids)
  if (hold === undefined) ids.delete(id)
  else ids.set(id, hold)
  return { ...world, ids }
}

/** Who waited for a job that had not finished comes into line; its id is given back, unless that has a time which runs on. */
export function leaveInWorld(world: World, job: ModelJob, leaving: Leaving): World {
  const { deduplication } = job.options
  if (deduplication === undefined || job.finishedOn !== undefined) return world
  const next = [...world.jobs.values()].find(({ place, after }) => place === 'blocked' && after === job.id)
  const followed =
    next === undefined
      ? world
      : withJob(world, { ...next, place: 'due', after: undefined, runAt: next.dueAt })
  if (job.heldUntil !== undefined && leaving === 'ended') return followed
  const hold = world.ids?.get(deduplication.id)
  const isIts = hold?.job === job.id && hold.until === job.heldUntil
  return isIts ? withHold(followed, deduplication.id, undefined) : followed
}

/** Whether a job has the id that it was added with: another may have its name by now. */
export const ownerOf = ({ jobs }: World, id: string, { job }: ModelHold): ModelJob | undefined => {
  const found = jobs.get(job)
  return found?.options.deduplication?.id === id ? found : undefined
}
