/** A queue's own settings: read, and changed by compare-and-set. */
import { type QueueConfig, decodeConfig, encodeConfig } from '../core/config.ts'
import type { RateWindow } from '../core/limits.ts'
import { type Note, noting } from './audit.ts'
import { commitBlock, replan } from './commit.ts'
import type { Ledger } from './ledger.ts'

/** Once this resolves no claim made under the old settings can apply. False where nothing had to change. */
export async function changeConfig(
  ledger: Ledger,
  change: (config: QueueConfig) => QueueConfig,
  note?: Note,
): Promise<boolean> {
  const { store, configId, lanes } = ledger
  return replan(async () => {
    const [raw] = await store.read([configId])
    const next = encodeConfig(withoutPast(change(decodeOrDefault(raw)), store.now() - store.skewMs))
    if (next === raw) return false
    const [applied] = await commitBlock(store, [
      {
        expect: raw === undefined ? { absent: [configId] } : { equal: [[configId, raw]] },
        ...(next === undefined ? { delete: [configId] } : { set: [[configId, next]] }),
        hint: [lanes.settings],
      },
      ...noting(ledger, 1, note),
    ])
    return applied === false ? undefined : true
  })
}

const withoutPast = (config: QueueConfig, now: number): QueueConfig =>
  (config.heldUntil ?? Infinity) <= now ? { ...config, heldUntil: undefined } : config

/** Settings that cannot be read are lost; this is how they become readable again. */
function decodeOrDefault(raw: string | undefined): QueueConfig {
  try {
    return decodeConfig(raw)
  } catch {
    return {}
  }
}

/**
 * Has the queue's settings say in which windows starts are counted, so that whoever removes the queue finds their lanes. False
 * where they do.
 */
export async function knowWindows(
  ledger: Ledger,
  known: QueueConfig,
  windows: readonly RateWindow[],
  ofGroups = false,
): Promise<boolean> {
  const field = ofGroups ? 'groupWindows' : 'windows'
  const missing = windows.map(({ ms }) => ms).filter((ms) => known[field]?.includes(ms) !== true)
  if (missing.length === 0) return false
  return changeConfig(ledger, (config) => ({
    ...config,
    [field]: [...new Set([...(config[field] ?? []), ...missing])],
  }))
}

/** Nothing of the queue is claimed for so many ms from now, or for as long as it was told before if that is longer. */
export async function holdQueue(ledger: Ledger, ms: number): Promise<void> {
  const until = ledger.store.now() + ms
  await changeConfig(ledger, (config) => ({
    ...config,
    heldUntil: Math.max(until, config.heldUntil ?? 0),
  }))
}
