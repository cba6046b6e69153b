/** Jobs that have a deduplication id in common: which ways they meet are drawn, and what takes an id away. */
import type { JobOptions } from 'holdfast'
import type { DeduplicationOptions } from '../../src/core/deduplication-options.ts'
import { Chance } from './chance.ts'
import type { JobSpec } from './jobs.ts'
import type { Options } from './options.ts'

/** Takes an id from the job that has it, having asked which one that is. */
export interface ForgetCall {
  readonly kind: 'forget'
  readonly queue: number
  readonly shared: string
}

type Way = Omit<DeduplicationOptions, 'id'>

/** Few, so that jobs meet. */
const IDS = 3
const idOf = (chance: Chance): string => `d/${chance.int(1, IDS)}`

/** The longest time for which a job has an id, ms. */
const LONGEST_TTL_MS = 60_000

/** The longest that a job which others may replace is delayed, ms. */
const LONGEST_DELAY_MS = 20_000

/** Milliseconds within which the time of every id is over. */
export const sharesWithin = ({ ends, shares }: Options): number =>
  ends === true || shares === true ? LONGEST_TTL_MS : 0

export const drawsSharing = (seed: number, trouble: Options['trouble']): boolean =>
  new Chance(seed, 'dedup').maybe(trouble === 'pills' ? 0 : 0.25)

/** The job, with an id that it shares with others, most times. One of a group cannot be what another one makes of it. */
export function sharing(chance: Chance, job: JobSpec): JobSpec {
  if (!chance.maybe(0.7)) return job
  const ttl = chance.spread(500, LONGEST_TTL_MS)
  const isFree = job.options.group === undefined
  const way = chance.weighted<Way>([
    [1, {}],
    [2, { ttl }],
    [2, { ttl, extend: true }],
    [isFree ? 2 : 0, { ttl, extend: true, replace: true }],
    [isFree ? 2 : 0, { replace: true }],
    [isFree ? 3 : 0, { keepLastIfActive: true }],
    [isFree ? 1 : 0, { keepLastIfActive: true, replace: true }],
  ])
  const delay = way.replace === true && chance.maybe(0.7) ? chance.spread(200, LONGEST_DELAY_MS) : undefined
  const options: JobOptions = { ...job.options, deduplication: { ...way, id: idOf(chance) } }
  return {
    ...job,
    options: options.runAt === undefined ? { ...options, delay: options.delay ?? delay } : options,
  }
}

export const drawForgets = (chance: Chance, { queues }: Options): ForgetCall[] =>
  Array.from({ length: chance.int(0, 4) }, () => ({
    kind: 'forget',
    queue: chance.int(0, queues - 1),
    shared: idOf(chance),
  }))
