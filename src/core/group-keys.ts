/** How groups and windows are named in a store: records, pointers, and where starts are counted. The layout is told in `keys.ts`. */
import { escapePart, groupOf, timeDigits, timeOf } from './keys.ts'

/** Where the starts of groups are counted, in a window of so many ms. */
export const groupWindowLane = (queue: string, ms: number): string => `turns.${ms}:${escapePart(queue)}`

/** The record of a group: its pointer names it. */
export const groupId = (queue: string, group: string): string =>
  `group:${escapePart(queue)}:${escapePart(group)}`

/** The record of a group as keys have it, in the queue of a job. */
export const recordOfGroup = (group: string, head: string): string =>
  `group:${head.slice(0, head.indexOf(':'))}:${group}`

/** What stands in `turn` for a group that is in `idle`, to have it looked at then: a name of no record, another for each time. */
export const dozeKey = (until: number, id: string): string =>
  turnKey(until, 0, `${id.replace('group', 'doze')}:${until}`)

/** The group's record for which such a name stands; `undefined` for any other name. */
export const dozing = (name: string): string | undefined =>
  name.startsWith('doze:') ? name.slice(0, name.lastIndexOf(':')).replace('doze', 'group') : undefined

/** The group as keys have it, from its record's id. */
export const groupOfId = (id: string): string => id.slice(id.lastIndexOf(':') + 1)

export const turnKey = (at: number, n: number, id: string): string =>
  `${timeDigits(at)}.${String(n).padStart(9, '0')}/${id}`

/** In front of its ready key, but behind its group: what one group waits for is a span. */
export function pennedKey(runAt: number, ready: string, head: string): string {
  const group = groupOf(ready) ?? ''
  return `${group}/${timeDigits(runAt)}/${ready.slice(group.length + 1)}/${head}`
}

/** The ready key inside a key of `penned`, group and all. */
export function readyKeyOfPenned(key: string): string {
  const group = key.indexOf('/')
  return key.slice(0, group) + key.slice(key.indexOf('/', group + 1), key.lastIndexOf('/'))
}

/** The time in a key behind its group: in `penned`, and where starts are counted. */
export const timeBehind = (key: string): number => timeOf(key.slice(key.indexOf('/') + 1))

/** Where the starts of a window of so many ms are counted. */
export const windowLane = (queue: string, ms: number): string => `win.${ms}:${escapePart(queue)}`

/** The ready key behind the one segment that stands before it, group and all. */
export const readyKeyBehind = (key: string): string => key.slice(key.indexOf('/') + 1, key.lastIndexOf('/'))
