/** Groups in a possible world: which may give a job, and how long each has waited for its turn. */
import {
  type ModelClaim,
  type ModelGroup,
  type ModelJob,
  RATE_MS,
  type World,
  inLine,
  inOrder,
  withClaim,
  withJob,
} from './world.ts'

type HeadName = (id: string) => string

export function withGroup(world: World, id: string, change: ModelGroup): World {
  const groups = new Map(world.groups)
  const said = { ...groups.get(id), ...change }
  if (said.paused !== true && said.concurrency === undefined) groups.delete(id)
  else groups.set(id, said)
  return { ...world, groups }
}

/** Jobs whose time has come get into their groups. */
export function bringInWorld(world: World, now: number): World {
  let next = world
  for (const job of world.jobs.values())
    if (job.place === 'arrive' && job.runAt! <= now) next = withJob(next, inLine(job))
  return next
}

const inGroup =
  (group: string) =>
  ({ options }: ModelJob): boolean =>
    options.group === group

export const runningIn = (world: World, group: string, head: HeadName): number =>
  inOrder(world, 'lease', head).filter(inGroup(group)).length

/** The next job of each group that may give one. */
export function offersOf(world: World, now: number, head: HeadName): Map<string, ModelJob> {
  const { concurrency = Infinity, rate = Infinity, starts = [], paused } = world
  const recent = starts.filter((at) => at > now - RATE_MS).length
  const offers = new Map<string, ModelJob>()
  if (paused || inOrder(world, 'lease', head).length >= concurrency || recent >= rate) return offers
  // One that is to be run alone, and is due, holds the others of its group up.
  const penned = inOrder(world, 'penned', head).filter(({ runAt }) => runAt! <= now)
  for (const job of [...penned, ...inOrder(world, 'grouped', head)]) {
    const group = job.options.group!
    const said = world.groups?.get(group)
    const isFull = runningIn(world, group, head) >= (said?.concurrency ?? Infinity)
    if (said?.paused !== true && !isFull && !offers.has(group)) offers.set(group, job)
  }
  return offers
}

export function takeInWorld(world: World, job: ModelJob, { claim, until }: ModelClaim, now: number): World {
  const next = withClaim(world, claim, { lane: 'claims', until })
  const starts = world.rate === undefined ? world.starts : [...(world.starts ?? []), now]
  const granted = { fence: Math.max(job.fence, now) }
  return withJob(
    { ...next, ...(starts === undefined ? {} : { starts }) },
    { ...job, place: 'lease', claim, granted, runAt: undefined },
  )
}

/** Since a group has something to give: when others were served, by their ids. */
export interface GroupWait {
  /** The job that it has to give. */
  readonly incarnation: number
  readonly served: Map<string, Set<number>>
}

/** Notes that a group was served while others waited; gives how often it was in all that time, at the most. */
export function noteTurn(
  waits: Map<string, GroupWait>,
  offers: ReadonlyMap<string, ModelJob>,
  served: string,
  now: number,
): number {
  for (const [id, { incarnation }] of waits) if (offers.get(id)?.incarnation !== incarnation) waits.delete(id)
  waits.delete(served)
  let most = 0
  for (const [id, { incarnation }] of offers) {
    if (id === served) continue
    const wait = waits.get(id) ?? { incarnation, served: new Map<string, Set<number>>() }
    const times = (wait.served.get(served) ?? new Set<number>()).add(now)
    wait.served.set(served, times)
    waits.set(id, wait)
    most = Math.max(most, times.size)
  }
  return most
}
