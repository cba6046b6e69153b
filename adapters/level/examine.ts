/**
 * Looks at a database that was just opened: is it a store of ours, of a layout we know, and whole? Starts a new
 * epoch in it. It knows the layout and the ways LevelDB loses data; it does not open or close.
 */
import { HoldfastError } from '../../src/error.ts'
import { eachEntry, eachKey, type LevelBatch, type LevelDatabase } from './database.ts'
import {
  ALL_LANE_KEYS,
  ALL_LANE_METAS,
  DAMAGE_KEY,
  encodeLaneMeta,
  EPOCH_KEY,
  LAYOUT_VERSION,
  type LaneMeta,
  laneMetaKey,
  RING,
  RING_SLOTS,
  ringKey,
  SERIAL_KEY,
  VERSION_KEY,
} from './layout.ts'

export interface Found {
  /** The number of the last append. */
  readonly serial: number
  /** The number of the last batch. */
  readonly sequence: number
  /** How often the store was opened; a reopening after a failed write does not count. */
  readonly epoch: number
}

export interface Terms {
  /** What the store is called in messages: its path, or `the database handed in`. */
  readonly where: string
  readonly writeOptions: object
  /** Set after a failed write: the epoch it goes on with. */
  readonly epoch: number | undefined
  /** Lines in which LevelDB says that it dropped something while it opened. */
  readonly dropped: readonly string[]
  readonly acceptLoss: boolean
  warn(text: string): void
}

/** Rejects with `STORE_FAILED` (not ours), `STORE_TOO_NEW` or `STORE_CORRUPT`; else the store is ready to work on. */
export async function examine(db: LevelDatabase, terms: Terms): Promise<Found> {
  const [version, serial = '0', epochs = '0', marked] = await db.getMany([
    VERSION_KEY,
    SERIAL_KEY,
    EPOCH_KEY,
    DAMAGE_KEY,
  ])
  await assertOurs(db, version, terms.where)
  const ring = await readRing(db)
  const damage = marked ?? damageOf(ring, terms.dropped)
  if (damage !== undefined && !terms.acceptLoss) {
    if (marked === undefined) await keepMark(db, damage, terms.writeOptions)
    throw new HoldfastError('STORE_CORRUPT', explain(terms.where, damage))
  }
  if (damage === undefined && terms.epoch !== undefined) {
    // Nothing is written before it is known whether the failed batch, whose number comes next, is there.
    return { serial: Number(serial), sequence: ring.last, epoch: terms.epoch }
  }
  const found = {
    serial: Number(serial),
    sequence: ring.last + 1,
    epoch: terms.epoch ?? Number(epochs) + 1,
  }
  const batch = db.batch()
  if (damage !== undefined) {
    terms.warn(`${terms.where} was opened although data was lost (acceptLoss): ${damage}`)
    for (const sequence of ring.missing) batch.put(ringKey(sequence), String(sequence))
    await recount(db, batch)
    batch.del(DAMAGE_KEY)
  }
  batch.put(VERSION_KEY, String(LAYOUT_VERSION))
  batch.put(EPOCH_KEY, String(found.epoch))
  batch.put(ringKey(found.sequence), String(found.sequence))
  await batch.write(terms.writeOptions)
  return found
}

async function assertOurs(db: LevelDatabase, version: string | undefined, where: string): Promise<void> {
  if (version === undefined) {
    let foreign: string | undefined
    await eachKey(db, { limit: 1 }, ([key]) => {
      foreign = key
    })
    if (foreign === undefined) return
    throw new HoldfastError(
      'STORE_FAILED',
      `${where} holds data that is not Holdfast's (the key ${JSON.stringify(foreign.slice(0, 80))}): a store needs a database of its own`,
    )
  }
  if (Number(version) > LAYOUT_VERSION) {
    throw new HoldfastError(
      'STORE_TOO_NEW',
      `${where} has layout ${version}, this version of Holdfast knows layouts up to ${LAYOUT_VERSION}: upgrade Holdfast`,
    )
  }
}

interface Ring {
  readonly last: number
  /** Numbers of batches that were written and are not there. */
  readonly missing: readonly number[]
}

async function readRing(db: LevelDatabase): Promise<Ring> {
  const present = new Set<number>()
  let last = 0
  await eachEntry(db, RING, (piece) => {
    for (const [, text] of piece) {
      const sequence = Number(text)
      present.add(sequence)
      last = Math.max(last, sequence)
    }
  })
  const missing: number[] = []
  for (let sequence = Math.max(1, last - RING_SLOTS + 1); sequence <= last; sequence++) {
    if (!present.has(sequence)) missing.push(sequence)
  }
  return { last, missing }
}

function damageOf({ missing }: Ring, dropped: readonly string[]): string | undefined {
  const seen: string[] = []
  if (missing.length > 0) {
    seen.push(
      `${missing.length} written batches are missing (the first is number ${missing[0]}, the last ${missing.at(-1)})`,
    )
  }
  if (dropped.length > 0) seen.push(`LevelDB dropped part of its log: ${dropped.slice(0, 3).join('; ')}`)
  return seen.length === 0 ? undefined : seen.join('; ')
}

/** Without the mark the next open would find nothing amiss: LevelDB has thrown away the damaged log by then. */
async function keepMark(db: LevelDatabase, damage: string, writeOptions: object): Promise<void> {
  try {
    const batch = db.batch()
    batch.put(DAMAGE_KEY, damage)
    await batch.write(writeOptions)
  } catch {
    // The refusal that follows says more than this failure would.
  }
}

const explain = (where: string, damage: string): string =>
  `${where} has lost data that was written: ${damage}. Look for failing hardware and restore a backup, or open it ` +
  'with acceptLoss: true to go on with what is left. (After a power cut the loss may be no more than a write that was ' +
  'never acknowledged.)'

/** A lost batch leaves counts and low marks that no longer fit the keys: they are made anew from the keys. */
async function recount(db: LevelDatabase, batch: LevelBatch): Promise<void> {
  const lanes = new Map<string, LaneMeta>()
  await eachKey(db, ALL_LANE_KEYS, (piece) => {
    for (const text of piece) {
      const [, lane = '', low = ''] = text.split(' ')
      const counted = lanes.get(lane)
      lanes.set(lane, { count: (counted?.count ?? 0) + 1, low: counted?.low ?? low })
    }
  })
  await eachKey(db, ALL_LANE_METAS, (piece) => {
    for (const key of piece) batch.del(key)
  })
  for (const [lane, meta] of lanes) batch.put(laneMetaKey(lane), encodeLaneMeta(meta))
}
