/**
 * Groups as users reach them: limits of their own, pauses, and what waits in them. A group's record is changed by compare-and-set;
 * what is changed while its pointer is in `turn` is found by whoever visits it next.
 */
import { PAGE_KEYS } from '../core/bounds.ts'
import type { QueueConfig } from '../core/config.ts'
import { nameOf } from '../core/evaluate.ts'
import { type GroupState, decodeGroup, encodeGroup } from '../core/group.ts'
import { below, escapePart, groupOf, unescapePart } from '../core/keys.ts'
import { dozing, groupId, groupOfId, groupWindowLane, turnKey } from '../core/group-keys.ts'
import { HoldfastError } from '../error.ts'
import type { Change, Key } from '../store.ts'
import { type Block, commitBlock, replan } from './commit.ts'
import type { Ledger } from './ledger.ts'

/** Lanes of pointers. */
const POINTERS = ['turn', 'full', 'halted', 'idle'] as const

export async function readGroup({ store, queue }: Ledger, group: string): Promise<GroupState> {
  const [raw] = await store.read([groupId(queue, group)])
  return raw === undefined ? {} : decodeGroup(raw)
}

/** Changes what a group's record says, and has the group visited so that it is heeded. */
export async function changeGroup(
  ledger: Ledger,
  group: string,
  change: (state: GroupState) => GroupState,
): Promise<boolean> {
  const { store, lanes, queue } = ledger
  const id = groupId(queue, group)
  return replan(async () => {
    const [raw] = await store.read([id])
    const state = raw === undefined ? {} : decodeGroup(raw)
    const next = encodeGroup(change(state))
    if (next === (raw ?? encodeGroup({}))) return false
    const turn: Key = [lanes.turn, turnKey(store.now(), 0, id)]
    const own: Change =
      raw === undefined
        ? { expect: { absent: [id] }, set: [[id, next]], add: [turn] }
        : { expect: { equal: [[id, raw]] }, set: [[id, next]] }
    const again = (['full', 'halted', 'idle'] as const).map(
      (lane): Change => ({ after: 0, remove: [[lanes[lane], id]], add: [turn], hint: [lanes.turn] }),
    )
    // In `turn` it may stand at a moment that holds no more.
    const block: Block = [own, ...again, { after: 0, hint: [lanes.turn] }]
    const [applied] = await commitBlock(store, block)
    if (applied !== false) await hurry(ledger, id)
    return applied === false ? undefined : true
  })
}

/** A job that held its group up does so no more: whoever it held up is visited now. */
export async function letGroupGo(ledger: Ledger, ready: string): Promise<void> {
  const group = groupOf(ready)
  if (group !== undefined) await hurry(ledger, groupId(ledger.queue, unescapePart(group)))
}

/** Brings a pointer that stands in `turn` for later to the front, where it does. */
async function hurry({ store, lanes }: Ledger, id: string): Promise<void> {
  let from = turnKey(store.now(), 0, '')
  for (;;) {
    const [keys = []] = await store.scan([{ lane: lanes.turn, from, limit: PAGE_KEYS }])
    if (keys.length === 0) return
    const found = keys.find((key) => nameOf(key) === id)
    if (found !== undefined) {
      await commitBlock(store, [
        { remove: [[lanes.turn, found]], add: [[lanes.turn, turnKey(store.now(), 0, id)]] },
      ])
      return
    }
    from = `${keys.at(-1)}!`
  }
}

/** How many jobs wait in a group, and how many run. */
export async function countGroup(
  { store, lanes }: Ledger,
  group: string,
): Promise<{ waiting: number; active: number }> {
  const part = escapePart(group)
  const [grouped = 0, penned = 0, active = 0] = await store.count([
    below(lanes.grouped, part),
    below(lanes.penned, part),
    below(lanes.lease, part),
  ])
  return { waiting: grouped + penned, active }
}

/** How many jobs wait in groups. */
export async function countGrouped({ store, lanes }: Ledger): Promise<number> {
  const [grouped = 0, penned = 0] = await store.count([{ lane: lanes.grouped }, { lane: lanes.penned }])
  return grouped + penned
}

/** Keys of the jobs that wait in a group, the next to run first; `end` inclusive. */
export async function groupKeys(
  { store, lanes }: Ledger,
  group: string,
  start: number,
  end: number,
): Promise<Key[]> {
  const keys: Key[] = []
  for (const lane of [lanes.penned, lanes.grouped]) {
    let span = below(lane, escapePart(group))
    while (keys.length <= end) {
      const [page = []] = await store.scan([{ ...span, limit: PAGE_KEYS }])
      if (page.length === 0) break
      for (const key of page) keys.push([lane, key])
      span = { ...span, from: `${page.at(-1)}!` }
    }
  }
  return keys.slice(start, end + 1)
}

/** Groups that have a record: those that have jobs, or that somebody said something about. */
export async function* groupsOf({ store, lanes }: Ledger): AsyncGenerator<readonly string[]> {
  for (const name of POINTERS) {
    for (let from: string | undefined; ; ) {
      const [keys = []] = await store.scan([{ lane: lanes[name], from, limit: PAGE_KEYS }])
      if (keys.length === 0) break
      from = `${keys.at(-1)}!`
      const ids = keys.map(nameOf).filter((id) => dozing(id) === undefined)
      yield ids.map((id) => unescapePart(groupOfId(id)))
    }
  }
}

/** Removes every group of a queue that has no jobs any more. */
export async function removeGroups({ store, lanes }: Ledger): Promise<void> {
  for (const name of POINTERS) {
    for (;;) {
      const [keys = []] = await store.scan([{ lane: lanes[name], limit: PAGE_KEYS }])
      if (keys.length === 0) break
      await commitBlock(
        store,
        keys.map((key) => ({ remove: [[lanes[name], key]], delete: [nameOf(key)] })),
      )
    }
  }
}

/** Forgets the starts of all groups. */
export async function emptyGroupWindows(
  { store, queue }: Ledger,
  { groupWindows = [] }: QueueConfig,
): Promise<void> {
  for (const ms of groupWindows) {
    const lane = groupWindowLane(queue, ms)
    const trim: Change = { move: { from: { lane, limit: PAGE_KEYS }, to: [], quiet: true } }
    while ((await commitBlock(store, [trim]))[0] !== false);
  }
}

/** None of a group's jobs is claimed for so many ms from now, or for as long as it was told before if that is longer. */
export async function holdGroup(ledger: Ledger, group: string, ms: number): Promise<void> {
  const until = ledger.store.now() + ms
  await changeGroup(ledger, group, (state) => ({
    ...state,
    notBefore: Math.max(until, state.notBefore ?? 0),
  }))
}

/** @throws HoldfastError `JOB_STATE` for a job that has no group. */
export function noGroup(id: string): never {
  throw new HoldfastError('JOB_STATE', `job ${id} belongs to no group`)
}
