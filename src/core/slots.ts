/**
 * The times of a schedule, its *slots*: an endless (or bounded) row of moments, ms since the epoch, asked for one by one. Each
 * slot makes at most one job, whoever asks.
 */
import { TIME_MOST } from './bounds.ts'

export interface Slots {
  /** The first slot after a moment; `undefined` where there is none any more. */
  after(moment: number): number | undefined
}

/** Every so many ms from an anchor on, the anchor itself included. */
export const everySlots = (every: number, anchor: number): Slots => ({
  after: (moment) =>
    moment < anchor ? anchor : anchor + (Math.floor((moment - anchor) / every) + 1) * every,
})

/** Those of `slots` from `from` to `until`, both included. */
export const boundedSlots = (slots: Slots, from = 0, until = TIME_MOST - 1): Slots => ({
  after(moment) {
    const slot = slots.after(Math.max(moment, from - 1))
    return slot === undefined || slot > until ? undefined : slot
  },
})

/** The last slot of those from `first`, which is one, to `until`. Asks about as often as there are halvings of the time between. */
export function lastSlot(slots: Slots, first: number, until: number): number {
  let last = first
  for (let beyond = until; ; ) {
    const next = slots.after(last)
    if (next === undefined || next > until) return last
    last = next
    // The slot after the middle is one to go on from, or there is none between the middle and `beyond`.
    while (beyond > last) {
      const middle = last + Math.ceil((beyond - last) / 2)
      const slot = slots.after(middle - 1)
      if (slot === undefined || slot > until) beyond = middle - 1
      else {
        last = slot
        break
      }
    }
  }
}

/** The last slots, at most `most`, of those from `first`, which is one, to `until`; oldest first. */
export function lastSlots(slots: Slots, first: number, until: number, most: number): number[] {
  const found: number[] = []
  for (let end = until; found.length < most && end >= first; end = found[0]! - 1)
    found.unshift(lastSlot(slots, first, end))
  return found
}

/** The first slots, at most `most`, of those from `first`, which is one, to `until`. */
export function firstSlots(slots: Slots, first: number, until: number, most: number): number[] {
  const found: number[] = []
  for (
    let slot: number | undefined = first;
    slot !== undefined && slot <= until && found.length < most;
    slot = slots.after(slot)
  )
    found.push(slot)
  return found
}
