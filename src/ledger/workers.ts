/** Which workers there are: each keeps one key in `workers`. Where one process owns all leases, keys of other epochs mean nothing; elsewhere a key is renewed, or expires. */
import { PAGE_KEYS, TIME_MOST, WORKERS_LISTED, WORKER_MS } from '../core/bounds.ts'
import { timeDigits } from '../core/keys.ts'
import { type Presence, presenceKey, readPresence } from '../core/presence.ts'
import type { Change } from '../store.ts'
import { commitBlock } from './commit.ts'
import type { Ledger } from './ledger.ts'

/** What a worker says of itself. */
export type Introduction = Omit<Presence, 'until' | 'epoch' | 'startedAt' | 'name' | 'namesCut'>

/** Until when a worker that says nothing more counts as there. */
const untilOf = ({ store }: Ledger): number =>
  store.epoch === undefined ? store.now() + WORKER_MS : TIME_MOST

/** Adds a worker's key, and takes away those of workers that are gone; the key. */
export async function introduce(ledger: Ledger, worker: Introduction, startedAt: number): Promise<string> {
  const { store, lanes } = ledger
  const key = keyOf(ledger, worker, startedAt)
  const [keys = []] = await store.scan([{ lane: lanes.workers, limit: PAGE_KEYS }])
  const gone = keys
    .filter((one) => !isThere(ledger, readPresence(one)))
    .map((one): Change => ({ remove: [[lanes.workers, one]] }))
  await commitBlock(store, [{ add: [[lanes.workers, key]] }, ...gone])
  return key
}

/** Makes a worker's key last; one that was taken for gone comes back. The key it has then. */
export async function renewPresence(ledger: Ledger, key: string): Promise<string> {
  const { store, lanes } = ledger
  const later = presenceKey({ ...readPresence(key), until: untilOf(ledger) })
  if (later === key) return key
  const [renewed] = await commitBlock(store, [
    { remove: [[lanes.workers, key]], add: [[lanes.workers, later]] },
  ])
  if (renewed === false) await commitBlock(store, [{ add: [[lanes.workers, later]] }])
  return later
}

export async function takeLeave({ store, lanes }: Ledger, key: string): Promise<void> {
  await commitBlock(store, [{ remove: [[lanes.workers, key]] }])
}

/** The workers that are there, at most 1,000. */
export async function readWorkers(ledger: Ledger): Promise<Presence[]> {
  const { store, lanes } = ledger
  const from = timeDigits(store.now() - store.skewMs)
  const [keys = []] = await store.scan([{ lane: lanes.workers, from, limit: WORKERS_LISTED }])
  return keys.map(readPresence).filter((one) => isThere(ledger, one))
}

const keyOf = (ledger: Ledger, worker: Introduction, startedAt: number): string =>
  presenceKey({
    ...worker,
    startedAt,
    epoch: ledger.store.epoch ?? '0',
    until: untilOf(ledger),
  })

const isThere = ({ store }: Ledger, { epoch, until }: Presence): boolean =>
  epoch === (store.epoch ?? '0') && until >= store.now() - store.skewMs
