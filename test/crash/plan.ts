/** The jobs of a campaign, each a function of the seed and its number: whoever knows both knows what a job must carry. */
import { createCipheriv, createHash } from 'node:crypto'
import type { JobOptions } from '../../src/index.ts'

/** A number in [0, 1) that only depends on its arguments. */
export function chance(seed: number, ...about: readonly (string | number)[]): number {
  return (
    createHash('sha256')
      .update([seed, ...about].join(' '))
      .digest()
      .readUInt32LE() /
    2 ** 32
  )
}

export interface PlannedJob {
  readonly id: string
  readonly body: string
  readonly hash: string
  readonly opts: JobOptions
}

export interface PlanShape {
  readonly seed: number
  /** Least and most characters of a job's data. */
  readonly bytes: readonly [least: number, most: number]
  /** Jobs are also delayed, prioritised, added in bulks and made to fail; else all are alike. */
  readonly mixed: boolean
}

/** One in so many units is a bulk. */
const BULK_EVERY = 8
const BULK_JOBS = 3
/** One in so many jobs throws at its first attempt, one in the square of it at all of them. */
const FLAKY_EVERY = 20
const ATTEMPTS = 2

/** The jobs that are added together as the unit of this number: one, or a bulk whose ids share what is before the dot. */
export function unitOf(shape: PlanShape, number: number): PlannedJob[] {
  if (!shape.mixed || number % BULK_EVERY !== 0) return [jobOf(shape, String(number))]
  return Array.from({ length: BULK_JOBS }, (_, part) => jobOf(shape, `${number}.${part}`))
}

function jobOf({ seed, bytes: [least, most], mixed }: PlanShape, id: string): PlannedJob {
  const length = least + Math.floor(chance(seed, id, 'length') * (most - least + 1))
  const body = noise(seed, id, length)
  const opts: JobOptions = { jobId: id, attempts: ATTEMPTS }
  if (mixed) {
    if (chance(seed, id, 'delayed') < 0.1) opts.delay = Math.floor(chance(seed, id, 'delay') * 300)
    opts.priority = Math.floor(chance(seed, id, 'priority') * 3)
  }
  return { id, body, hash: hashOf(body), opts }
}

/** Whether the handler of this job throws at this attempt. */
export function throwsAt({ seed, mixed }: PlanShape, id: string, attempt: number): boolean {
  const luck = chance(seed, id, 'flaky')
  return mixed && luck < (attempt === 1 ? 1 / FLAKY_EVERY : 1 / FLAKY_EVERY ** 2)
}

export const hashOf = (body: string): string =>
  createHash('sha256').update(body).digest('base64url').slice(0, 16)

/** Characters that do not compress. */
function noise(seed: number, id: string, length: number): string {
  const key = createHash('sha256').update(`${seed} ${id}`).digest()
  const cipher = createCipheriv('aes-128-ctr', key.subarray(0, 16), key.subarray(16))
  return cipher
    .update(Buffer.alloc(Math.ceil((length * 3) / 4)))
    .toString('base64')
    .slice(0, length)
}
