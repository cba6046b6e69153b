/** A queue's own settings: read, and changed by compare-and-set. */
import { type QueueConfig, decodeConfig, encodeConfig } from '../core/config.ts'
import { commitBlock, replan } from './commit.ts'
import type { Ledger } from './ledger.ts'

/** Once this resolves no claim made under the old settings can apply. False where nothing had to change. */
export async function changeConfig(
  ledger: Ledger,
  change: (config: QueueConfig) => QueueConfig,
): Promise<boolean> {
  const { store, configId, lanes } = ledger
  return replan(async () => {
    const [raw] = await store.read([configId])
    const next = encodeConfig(change(decodeOrDefault(raw)))
    if (next === raw) return false
    const [applied] = await commitBlock(store, [
      {
        expect: raw === undefined ? { absent: [configId] } : { equal: [[configId, raw]] },
        ...(next === undefined ? { delete: [configId] } : { set: [[configId, next]] }),
        // Workers that found the queue paused wait for this.
        hint: [lanes.ready, lanes.suspect],
      },
    ])
    return applied === false ? undefined : true
  })
}

/** Settings that cannot be read are lost; this is how they become readable again. */
function decodeOrDefault(raw: string | undefined): QueueConfig {
  try {
    return decodeConfig(raw)
  } catch {
    return {}
  }
}
