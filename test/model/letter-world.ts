/** Dead letters in possible worlds: what a job becomes in the other queue, and what it is when it is sent back. */
import type { FailedCode } from 'holdfast'
import { counters } from './counters.ts'
import { leaveInWorld } from './share-world.ts'
import {
  type ModelJob,
  type Place,
  type World,
  inLine,
  inOrder,
  withExpiry,
  withJob,
  withoutJob,
} from './world.ts'

/** The id that a job of a queue has among the dead letters. */
export const letterId = (queue: string, id: string): string => `${queue}:${id}`

export const sendFrom = (world: World, id: string, job: ModelJob): World => ({
  ...withoutJob(world, id),
  sent: [...(world.sent ?? []), job],
})

/** In the other queue a job that never ran: its own options that are not for a letter, and what it was, are kept aside. Its id there comes with its arrival. */
export const letterOf = (job: ModelJob, code: string, at: number): ModelJob => ({
  ...anew(job, at),
  addedAt: at,
  generation: 0,
  options: {
    ...job.options,
    deadLetter: undefined,
    removeOnComplete: undefined,
    removeOnFail: undefined,
    delay: undefined,
    ttl: undefined,
    group: undefined,
    idempotencyKey: undefined,
    deduplication: undefined,
  },
  origin: { job, code, at },
})

const anew = (job: ModelJob, dueAt: number): ModelJob => ({
  id: job.id,
  incarnation: job.incarnation,
  data: job.data,
  options: job.options,
  place: 'ready',
  addedAt: job.addedAt,
  dueAt,
  attemptsMade: 0,
  attemptsStarted: 0,
  stalledCounter: 0,
  generation: job.generation,
  fence: job.fence,
  logs: [],
})

/** Jobs come from the other queue: a letter displaces an older job of its id. */
export function receiveInWorld(world: World, sent: readonly ModelJob[], from: string): World {
  let next = world
  for (const job of sent) {
    const id = job.origin === undefined ? job.id : letterId(from, job.id)
    const older = next.jobs.get(id)
    counters.letters++
    if (older !== undefined) counters.displaced++
    const left = older === undefined ? next : leaveInWorld(next, older, 'removed')
    next = withExpiry(withJob(left, { ...job, id }), id, job.expiresAt)
  }
  return next
}

/** Which letters are sent back. */
export interface Redrive {
  readonly count?: number | undefined
  readonly code?: FailedCode | undefined
  /** That failed so many ms ago, or earlier. */
  readonly ago?: number | undefined
}

/** Those that wait or failed here too, in the order of their places: one commit each. `isTaken`: whether the other queue has a job of an id. */
export function redriveWorld(
  world: World,
  { count = Infinity, code, ago = 0 }: Redrive,
  { now, head, isTaken }: { now: number; head: (id: string) => string; isTaken: (id: string) => boolean },
): { states: World[]; redriven: number; skipped: number } {
  const states = [world]
  let [redriven, skipped] = [0, 0]
  const places: readonly Place[] = ['ready', 'parked', 'due', 'suspect', 'dead']
  for (const place of places) {
    let next = states.at(-1)!
    for (const letter of inOrder(next, place, head)) {
      const { origin } = letter
      if (redriven === count || origin === undefined) continue
      if ((code ?? origin.code) !== origin.code || origin.at > now - ago) continue
      if (isTaken(origin.job.id)) skipped++
      else {
        redriven++
        next = sendFrom(next, letter.id, backFrom(letter, now))
      }
    }
    if (next !== states.at(-1)) states.push(next)
  }
  return { states, redriven, skipped }
}

/** The job that a letter was, as a new generation, with all its attempts. */
function backFrom(letter: ModelJob, now: number): ModelJob {
  const { job } = letter.origin!
  const { deadLetter, removeOnComplete, removeOnFail, delay, ttl, group } = job.options
  const back: ModelJob = {
    ...anew(letter, now),
    id: job.id,
    addedAt: job.addedAt,
    generation: job.generation + 1,
    expiresAt: ttl === undefined ? undefined : now + ttl,
    options: {
      ...letter.options,
      deadLetter,
      ttl,
      group,
      ...(removeOnComplete === undefined ? {} : { removeOnComplete }),
      ...(removeOnFail === undefined ? {} : { removeOnFail }),
      ...(delay === undefined ? {} : { delay }),
    },
  }
  return inLine(back)
}
