/** Ending the leases of others in a possible world: which commits that is made of, and the world after each. */
import { endInWorld } from './end-world.ts'
import { type World, digits, inOrder, withClaim } from './world.ts'

/** Reaping as the commits it is made of: the world after each. */
export function reapStates(
  world: World,
  { now, verdictMs, head }: { now: number; verdictMs: number; head: (id: string) => string },
): { states: World[]; ids: string[] } {
  const states = [world]
  const ids: string[] = []
  const overdue = [...world.claims]
    .filter(([, { until }]) => until < now)
    .sort(([a, x], [b, y]) =>
      x.lane === y.lane
        ? `${digits(x.until)}/${a}` < `${digits(y.until)}/${b}`
          ? -1
          : 1
        : x.lane < y.lane
          ? -1
          : 1,
    )
  for (const [claim] of overdue) {
    states.push(withClaim(states.at(-1)!, claim, { lane: 'reap', until: now + verdictMs }))
    for (const job of inOrder(world, 'lease', head)) {
      if (job.claim !== claim) continue
      states.push(endInWorld(states.at(-1)!, job, { kind: 'stalled' }, now))
      ids.push(job.id)
    }
    states.push(withClaim(states.at(-1)!, claim, undefined))
  }
  return { states, ids }
}

/** What an opening of the store does with the leases of earlier ones, commit by commit. */
export function recoverStates(
  world: World,
  { now, isDead, head }: { now: number; isDead: (claim: string) => boolean; head: (id: string) => string },
): { states: World[]; ids: string[] } {
  const states = [world]
  const ids: string[] = []
  for (const job of inOrder(world, 'lease', head)) {
    if (!isDead(job.claim!)) continue
    states.push(endInWorld(states.at(-1)!, job, { kind: 'stalled' }, now))
    ids.push(job.id)
  }
  for (const lane of ['claims', 'reap'] as const) {
    let next = states.at(-1)!
    for (const [claim, entry] of world.claims)
      if (entry.lane === lane && isDead(claim)) next = withClaim(next, claim, undefined)
    states.push(next)
  }
  return { states, ids }
}
