/** A step of a job from lane to lane, as the books read it out of a change, and what kind of step it is. */
import { unseal } from '../../src/core/codec.ts'
import type { Head } from '../../src/core/head.ts'
import type { Change } from '../../src/store.ts'
import type { BookedJob } from './booked.ts'

export interface Step {
  readonly by: string
  readonly job: BookedJob | undefined
  readonly name: string
  readonly from: string | undefined
  readonly to: string | undefined
  readonly key: string | undefined
  readonly head: Head | undefined
  /** The whole change that makes the step. */
  readonly change: Change
  /** Whether the change writes the head. */
  readonly written: boolean
}

/** Whether a step makes another job of one that is delayed, or waits for an end. */
export const isRemaking = ({ from, to, written }: Pick<Step, 'from' | 'to' | 'written'>): boolean =>
  written && (from === 'due' || from === 'suspect' || from === 'blocked') && to !== undefined && to !== 'dead'

/** Whether a step brings a job into line whose time has come. */
export const isPromotion = (from: string, to: string): boolean =>
  to === 'ready' ? from === 'due' : to === 'grouped' && (from === 'arrive' || from === 'penned')

/** Whether a step takes a job out of line, or back, that waits for others to make a batch. */
export const isGathering = (from: string, to: string): boolean =>
  (from === 'ready' && to === 'parked') || (from === 'parked' && to === 'ready')

/** A part of a job that a change writes beside its head. */
export function partIn({ set = [] }: Change, kind: string): string | undefined {
  const record = set.find(([id]) => id.startsWith(`${kind}:`))?.[1]
  return record === undefined ? undefined : unseal(record)
}
