/**
 * What a campaign counts: how often each rare event came for which the simulator exists, and whether enough went well for
 * anything to be shown at all.
 */

export type Tally = Map<string, number>

export const count = (tally: Tally, what: string, by = 1): void =>
  void tally.set(what, (tally.get(what) ?? 0) + by)

export function addTally(sum: Tally, tally: Tally): void {
  for (const [what, times] of tally) count(sum, what, times)
}

/** Events of which a campaign of many seeds has to see each at least once. */
export const SOMETIMES = [
  'settle refused',
  'settle refused as stale',
  'unknown applied',
  'unknown not applied',
  'ghost applied',
  'ghost after another grant',
  'double applied',
  'double refused',
  'delayed',
  'answered late',
  'look failed',
  'hint dropped',
  'hint storm',
  'crash',
  'crash before a commit',
  'crash after a commit',
  'crash during recovery',
  'crash while closing',
  'crash by a job',
  'poison pill failed',
  'lease ended by a reaper',
  'lease of an earlier epoch ended',
  'lease expired while its handler ran',
  'lock lost',
  'verdict of a dead reaper taken over',
  'pause longer than a lease',
  'sleep longer than a lease',
  'clock set forward',
  'clock set back',
  'suspect ran',
  'suspect of a group ran',
  'job completed after a stall',
  'added again after unknown, deduplicated',
  'added again, deduplicated',
  'add never acknowledged, yet there',
  'finished job retried',
  'finished job pruned',
  'running job removed by force',
  'claim answer lost, jobs taken over',
  'closed on time while the store failed',
  'closed with handlers running',
  'slot of a deaf handler given away',
  'healed with all hints lost',
  'rate used up',
  'queue as full as it may be',
  'granted in a group',
  'granted in strict order',
  'group as full as it may be',
  'group full, add refused',
  'gathered for a batch',
  'several in a batch',
  'several groups in a batch',
  'waiting job cancelled',
  'running job cancelled',
  'slots made',
  'slots of a pattern made',
  'schedule caught up',
  'slots missed by their rule',
  'slot held by its predecessor',
  'schedule triggered',
  'dead letter: ATTEMPTS_EXHAUSTED',
  'dead letter: STALLED',
  'dead letter: EXPIRED',
  'letter sent back',
  'letters too many',
  'letters too many again',
  'waiting job expired',
  'claimed job expired',
  'idem taken over',
  'dedup taken over',
  'deduplicated by its id',
  'delayed job replaced',
  'follower replaced',
  'running job followed',
  'follower came into line',
  'id kept for longer',
  'id taken away',
  'idempotency conflict',
  'add answered with another job',
] as const

/** From so many seeds on a campaign is to have seen everything, and from fewer on all but some. */
const MANY_SEEDS = 200
const SOME_SEEDS = 60
const MISSED_BY_SOME = 8

/** What a campaign failed to show; empty where it showed what it should. */
export function shortcomings(tally: Tally, seeds: number): string[] {
  const found: string[] = []
  for (const [name, good, all, least, leastOfFew] of SHARES) {
    const share = (tally.get(good) ?? 0) / Math.max(1, tally.get(all) ?? 0)
    if (share < (seeds < MANY_SEEDS ? leastOfFew : least))
      found.push(`only ${(share * 100).toFixed(1)} % of ${name}`)
  }
  const unseen = SOMETIMES.filter((what) => (tally.get(what) ?? 0) === 0)
  if (seeds >= MANY_SEEDS || (seeds >= SOME_SEEDS && unseen.length > MISSED_BY_SOME))
    found.push(...unseen.map((what) => `never seen: ${what}`))
  return found
}

/**
 * What is to go well, counted as so many of so many, at least so often over many seeds, and over a few, which may be worse. How many
 * claims get jobs depends on how many workers look for the same ones: 63 % where there is one, 5 % where there are eight. The same 150
 * worlds gave 36 % before there were limits, schedules and dead letters, and 34 % since; over all that are counted it is 27 to 31 % now.
 */
export const SHARES = [
  ['claims got jobs', 'claims that got jobs', 'claims', 0.26, 0.2],
  ['store calls succeeded', 'store calls that succeeded', 'store calls', 0.95, 0.9],
  ['calls of producers succeeded', 'producer calls that succeeded', 'producer calls', 0.8, 0.7],
] as const
