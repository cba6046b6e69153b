/** Removing a queue with everything in it, in steps that another call can go on with. */
import { PAGE_KEYS } from '../core/bounds.ts'
import { lastBulkId } from '../core/bulk-keys.ts'
import { type StateLane, STATE_LANES, tallyId } from '../core/keys.ts'
import { HoldfastError } from '../error.ts'
import { nextTurn } from '../host.ts'
import type { Change } from '../store.ts'
import type { Note } from './audit.ts'
import { releaseBulks, sweepBulk } from './bulk.ts'
import { readConfig } from './claim.ts'
import { commitBlock, replan } from './commit.ts'
import { emptyGroupWindows, removeGroups } from './group.ts'
import { asInterrupted } from './in-steps.ts'
import { lapseAll } from './lapse.ts'
import type { Ledger } from './ledger.ts'
import { type Act, removalFrom, walk } from './mass.ts'
import { emptyWindows } from './rates.ts'
import { removeSchedules } from './schedule.ts'
import { changeConfig } from './settings.ts'

/**
 * Removes the queue with everything in it, its schedules first. The settings say that it is under way, so that no worker claims; they go last, so
 * that what was interrupted can be ended by another call.
 */
export async function obliterateQueue(ledger: Ledger, force: boolean, note?: Note): Promise<void> {
  const { store, lanes } = ledger
  let wasPaused = false
  await changeConfig(ledger, (config) => {
    wasPaused = config.paused === true && config.obliterating !== true
    return { ...config, paused: true, obliterating: true }
  })
  if (!force) {
    const [active = 0] = await store.count([{ lane: lanes.lease }])
    if (active > 0) {
      await changeConfig(ledger, (config) => ({ ...config, paused: wasPaused, obliterating: false }))
      throw new HoldfastError(
        'JOB_STATE',
        `${active} jobs of the queue ${ledger.queue} are being run: wait for them, or obliterate it with { force: true }`,
      )
    }
  }
  await removeQueue(ledger, force, note).catch((error: unknown) => {
    throw asInterrupted(error, 1)
  })
}

async function removeQueue(ledger: Ledger, force: boolean, note: Note | undefined): Promise<void> {
  const { store, lanes } = ledger
  await replan(async () => {
    await removeEverything(ledger, force)
    // What was added meanwhile goes too.
    const counts = await store.count(STATE_LANES.map((name) => ({ lane: lanes[name] })))
    return counts.every((count) => count === 0) ? true : undefined
  })
  const tallies = (['done', 'dead'] as const).map((lane) => tallyId(ledger.queue, lane))
  await commitBlock(store, [{ delete: [lastBulkId(ledger.queue), ...tallies] }])
  const { config } = await readConfig(ledger)
  await removeGroups(ledger)
  await emptyGroupWindows(ledger, config)
  await emptyWindows(ledger, config)
  await changeConfig(ledger, () => ({}), note)
}

async function removeEverything(ledger: Ledger, force: boolean): Promise<void> {
  const { store, lanes } = ledger
  await removeSchedules(ledger)
  const [bulks = []] = await store.scan([{ lane: lanes.staged, limit: PAGE_KEYS }])
  for (const entry of bulks) await sweepBulk(ledger, entry)
  await releaseBulks(ledger)
  const removal = removalFrom(ledger)
  const evict: Act = (met) => [...removal(met), { after: 0, hint: [lanes.evicted] }]
  const kept: readonly StateLane[] = force ? [] : ['lease']
  for (const name of STATE_LANES.filter((lane) => !kept.includes(lane))) {
    const act = name === 'lease' ? evict : removal
    for await (const _ of walk(ledger, { lane: lanes[name] }, Infinity, act));
  }
  await removeEntries(ledger)
  await lapseAll(ledger)
  const trim: Change = { move: { from: { lane: lanes.ttl, limit: PAGE_KEYS }, to: [], quiet: true } }
  while ((await commitBlock(store, [trim]))[0] !== false) await nextTurn()
}

/** Entries of claims that have no leases any more. */
async function removeEntries({ store, lanes }: Ledger): Promise<void> {
  const [active = 0] = await store.count([{ lane: lanes.lease }])
  if (active > 0) return
  for (const lane of [lanes.claims, lanes.reap]) {
    for (;;) {
      const [keys = []] = await store.scan([{ lane, limit: PAGE_KEYS }])
      if (keys.length === 0) break
      await commitBlock(
        store,
        keys.map((key) => ({ remove: [[lane, key]] })),
      )
    }
  }
}
