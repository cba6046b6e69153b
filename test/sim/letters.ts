/** Ways for jobs to end, and what is held in common: dead letters, times to live, keys; as they are drawn for the jobs of a world. */
import type { JobOptions } from 'holdfast'
import { escapePart, headId, jobIdOf, queueOf } from '../../src/core/keys.ts'
import { Chance } from './chance.ts'
import type { Options } from './options.ts'

/** The queue of dead letters: nobody works on it. */
export const LETTERS = 'letters'

/** The head record of a job's letter, and whether a record is one's. */
export const letterOf = (name: string): string => headId(LETTERS, `${queueOf(name)}:${jobIdOf(name)}`)
export const isLetter = (name: string): boolean => name.startsWith(`${escapePart(LETTERS)}:`)

export const drawsEnds = (seed: number, trouble: Options['trouble']): boolean =>
  new Chance(seed, 'ends').maybe(trouble === 'pills' ? 0 : 0.45)

const MOST_LETTERS = 2

/** All jobs of a world say the same. */
export const drawDepth = (chance: Chance): number | undefined =>
  chance.maybe(0.6) ? chance.int(0, MOST_LETTERS) : undefined

const IDS = 3

/** `n`: the number of the job; `maxDepth`: of its dead letters. One without a key may have an id for deduplication. */
export function drawEnds(
  chance: Chance,
  n: number,
  jobId: string | undefined,
  maxDepth: number | undefined,
): JobOptions {
  const key = jobId === undefined && chance.maybe(0.35) ? `k/${chance.maybe(0.8) ? n : n - 1}` : undefined
  const time = chance.maybe(0.6) ? chance.spread(500, 60_000) : undefined
  return {
    ...(chance.maybe(0.1) ? { removeOnComplete: { maxBytes: 2000 } } : {}),
    ttl: chance.maybe(0.15) ? chance.spread(300, 20_000) : undefined,
    deadLetter: chance.maybe(0.3) ? lettersOf(maxDepth) : undefined,
    idempotencyKey: key,
    idempotencyKeyTTL: key === undefined ? undefined : time,
    deduplication:
      key === undefined && chance.maybe(0.2) ? { id: `d/${chance.int(1, IDS)}`, ttl: time } : undefined,
  }
}

const lettersOf = (maxDepth: number | undefined): JobOptions['deadLetter'] =>
  maxDepth === undefined ? LETTERS : { queue: LETTERS, maxDepth }
