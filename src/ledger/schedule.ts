/** Schedules as records: made, changed, removed and looked at. Each has one key, in `schedules`, that says when it runs next. */
import { PAGE_KEYS } from '../core/bounds.ts'
import { UnreadableRecord, seal, unseal } from '../core/codec.ts'
import { refuseSchedule } from '../core/cron.ts'
import { nameOf } from '../core/evaluate.ts'
import { fitsInline } from '../core/head.ts'
import { nextSlotKey, scheduleDataId, scheduleId, scheduleKeyOf } from '../core/keys.ts'
import type { PayloadText } from '../core/payload.ts'
import {
  type Plan,
  type Schedule,
  beginSchedule,
  decodeSchedule,
  encodeSchedule,
  samePlan,
} from '../core/schedule.ts'
import type { Slots } from '../core/slots.ts'
import { HoldfastError } from '../error.ts'
import type { Page } from '../store.ts'
import { commitBlock, replan } from './commit.ts'
import type { Ledger } from './ledger.ts'

/** What the ledger asks of others: cron-parser may have to be loaded, and nothing here draws anything. */
export interface Almanac {
  readonly slots: (pattern: string, tz: string) => Promise<Slots>
  readonly ulid: () => string
  readonly random: () => number
}

/** A schedule as its records show it. */
export interface KeptSchedule {
  readonly name: string
  readonly raw: string
  readonly schedule: Schedule
  readonly data: PayloadText
}

/** The slots of a plan's pattern, where it has one. */
export const cronOf = async ({ timing }: Plan, { slots }: Almanac): Promise<Slots | undefined> =>
  timing.pattern === undefined ? undefined : slots(timing.pattern, timing.tz!)

/** Makes a schedule, or makes the one that there is do something else; what it does already changes nothing. */
export async function upsertSchedule(
  ledger: Ledger,
  key: string,
  plan: Plan,
  almanac: Almanac,
): Promise<KeptSchedule> {
  const { store, lanes, queue } = ledger
  const name = scheduleId(queue, key)
  const data = plan.data ?? ''
  const inline = fitsInline(data)
  const asked: Plan = { ...plan, data: inline ? data : undefined }
  const cron = await cronOf(plan, almanac)
  return replan(async () => {
    const { raw, kept, lane } = await find(ledger, name)
    if (kept !== undefined && samePlan({ ...kept.schedule, data: kept.data }, { ...plan, data })) return kept
    const schedule = beginSchedule(asked, kept?.schedule, store.now(), cron)
    if (schedule.next === undefined) refuseNothingToCome(schedule)
    const encoded = encodeSchedule(schedule)
    const next = nextSlotKey(schedule.next, name)
    const stays = lane === next
    const set: [string, string][] = [[name, encoded]]
    if (!inline) set.push([scheduleDataId(name), seal(data)])
    const [applied] = await commitBlock(store, [
      {
        expect: raw === undefined ? { absent: [name] } : { equal: [[name, raw]] },
        remove: lane === undefined || stays ? [] : [[lanes.schedules, lane]],
        add: stays ? [] : [[lanes.schedules, next]],
        set,
        delete: inline && raw !== undefined ? [scheduleDataId(name)] : [],
      },
    ])
    return applied === false ? undefined : { name, raw: encoded, schedule, data }
  })
}

function refuseNothingToCome({ timing, runs = 0 }: Schedule): never {
  const { limit, endDate, pattern, every } = timing
  if (limit !== undefined && runs >= limit)
    refuseSchedule('limit', limit, `more than the ${runs} runs that were made`)
  if (endDate !== undefined) refuseSchedule('endDate', new Date(endDate), 'after the next run')
  return refuseSchedule(
    pattern === undefined ? 'every' : 'pattern',
    pattern ?? every,
    'one that has a next run',
  )
}

/** Removes a schedule; the jobs it made stay. False where there is none. */
export async function removeSchedule(ledger: Ledger, key: string): Promise<boolean> {
  const { store, lanes, queue } = ledger
  const name = scheduleId(queue, key)
  return replan(async () => {
    const { raw, lane } = await find(ledger, name)
    if (raw === undefined) return false
    const [applied] = await commitBlock(store, [
      {
        expect: { equal: [[name, raw]] },
        remove: lane === undefined ? [] : [[lanes.schedules, lane]],
        delete: [name, scheduleDataId(name)],
      },
    ])
    return applied === false ? undefined : true
  })
}

/** Removes every schedule of the queue. */
export async function removeSchedules({ store, lanes }: Ledger): Promise<void> {
  for (;;) {
    const [keys = []] = await store.scan([{ lane: lanes.schedules, limit: PAGE_KEYS }])
    if (keys.length === 0) return
    await commitBlock(
      store,
      keys.map((key) => ({
        remove: [[lanes.schedules, key]],
        delete: [nameOf(key), scheduleDataId(nameOf(key))],
      })),
    )
  }
}

/** One schedule; `undefined` where there is none. @throws HoldfastError `STORE_CORRUPT` or `STORE_TOO_NEW` for one that cannot be read. */
export async function readSchedule(ledger: Ledger, key: string): Promise<KeptSchedule | undefined> {
  const name = scheduleId(ledger.queue, key)
  const [raw, data] = await ledger.store.read([name, scheduleDataId(name)])
  return raw === undefined ? undefined : keep(name, raw, data)
}

/** Schedules number `start` and on, at most `limit`, by their next runs; one that cannot be read is left out, `verify` tells of it. */
export async function listSchedules(
  ledger: Ledger,
  { start, limit, ascending }: { start: number; limit: number; ascending: boolean },
): Promise<KeptSchedule[]> {
  const { store, lanes } = ledger
  const names: string[] = []
  let skip = start
  for (
    let page: Page = { lane: lanes.schedules, limit: PAGE_KEYS, descending: !ascending };
    names.length < limit;
  ) {
    const [keys = []] = await store.scan([page])
    if (keys.length === 0) break
    names.push(...keys.slice(skip, skip + limit - names.length).map(nameOf))
    skip = Math.max(0, skip - keys.length)
    page = ascending ? { ...page, from: `${keys.at(-1)!}!` } : { ...page, until: keys.at(-1)! }
  }
  return readNamed(ledger, names)
}

async function readNamed({ store }: Ledger, names: readonly string[]): Promise<KeptSchedule[]> {
  const found: KeptSchedule[] = []
  for (let at = 0; at < names.length; at += PAGE_KEYS) {
    const page = names.slice(at, at + PAGE_KEYS)
    const records = await store.read(page.flatMap((name) => [name, scheduleDataId(name)]))
    for (const [index, name] of page.entries()) {
      const raw = records[index * 2]
      try {
        if (raw !== undefined) found.push(keep(name, raw, records[index * 2 + 1]))
      } catch {
        continue
      }
    }
  }
  return found
}

/** How many schedules there are. */
export async function countSchedules({ store, lanes }: Ledger): Promise<number> {
  const [count = 0] = await store.count([{ lane: lanes.schedules }])
  return count
}

/** A schedule for a change: where its key is, also where its record cannot be read. */
async function find(
  ledger: Ledger,
  name: string,
): Promise<{ raw?: string; kept?: KeptSchedule; lane?: string }> {
  const { store, lanes } = ledger
  const [raw, data] = await store.read([name, scheduleDataId(name)])
  if (raw === undefined) return {}
  try {
    const kept = keep(name, raw, data)
    return { raw, kept, lane: nextSlotKey(kept.schedule.next, name) }
  } catch (error) {
    if (error instanceof HoldfastError && error.code !== 'STORE_CORRUPT') throw error
    for (let from: string | undefined; ; ) {
      const [keys = []] = await store.scan([{ lane: lanes.schedules, from, limit: PAGE_KEYS }])
      const lane = keys.find((key) => nameOf(key) === name)
      if (lane !== undefined || keys.length === 0) return { raw, lane }
      from = `${keys.at(-1)!}!`
    }
  }
}

/** @throws HoldfastError `STORE_CORRUPT` or `STORE_TOO_NEW`. */
export function keep(name: string, raw: string, data: string | undefined): KeptSchedule {
  try {
    const schedule = decodeSchedule(raw)
    return { name, raw, schedule, data: schedule.data ?? (data === undefined ? '' : unseal(data)) }
  } catch (cause) {
    const tooNew = cause instanceof UnreadableRecord && cause.tooNew
    const message = `the record of the schedule ${scheduleKeyOf(name)} cannot be read: ${(cause as Error).message}`
    throw new HoldfastError(tooNew ? 'STORE_TOO_NEW' : 'STORE_CORRUPT', message, { cause })
  }
}
