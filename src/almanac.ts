/** When patterns run, as the ledger asks for it: here cron-parser comes in, loaded at the first pattern, so that programs without one do not pay for it. */
import { type CronParser, cronSlots, zoneNamed } from './core/cron.ts'
import type { Slots } from './core/slots.ts'
import type { Almanac } from './ledger/schedule.ts'
import type { Store } from './store.ts'
import { nextUlid } from './ulids.ts'

/** Patterns that are remembered as read; all are forgotten now and then. */
const PATTERNS_KEPT = 1000

let loading: Promise<CronParser> | undefined
const patterns = new Map<string, Slots>()

export const almanacOf = (store: Store): Almanac => ({
  slots: slotsOfPattern,
  ulid: () => nextUlid(store),
  random: () => store.host.random(),
})

/** @throws HoldfastError `SCHEDULE_INVALID` for a pattern that cannot be read. */
export async function slotsOfPattern(pattern: string, tz: string): Promise<Slots> {
  const parser = await loadParser()
  const name = `${pattern} ${tz}`
  let slots = patterns.get(name)
  if (slots === undefined) {
    slots = cronSlots(parser, pattern, zoneNamed(tz, 'tz'))
    if (patterns.size >= PATTERNS_KEPT) patterns.clear()
    patterns.set(name, slots)
  }
  return slots
}

/** Once it is loaded it stays; where that fails it is tried again the next time. */
function loadParser(): Promise<CronParser> {
  loading ??= import('cron-parser').then(
    ({ CronExpressionParser }) => CronExpressionParser as CronParser,
    (cause: unknown) => {
      loading = undefined
      throw cause
    },
  )
  return loading
}
