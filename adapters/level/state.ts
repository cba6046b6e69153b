/**
 * The state that a group of calls is judged on: what is written in the database, what is known of its lanes, and
 * over both what the group has changed so far, which becomes one batch. It asks the database synchronously for
 * single entries only; pages of lanes must have been fetched before (`fetch.ts`). It knows no failures.
 */
import type { State } from '../../src/core/evaluate.ts'
import type { Span } from '../../src/store.ts'
import type { LevelBatch } from './database.ts'
import { Lane, type Residency } from './lane.ts'
import {
  decodeLaneMeta,
  encodeLaneMeta,
  LANE_KEY_VALUE,
  laneMetaKey,
  lanePrefix,
  recordKey,
  SERIAL_KEY,
} from './layout.ts'

/** Records kept from one group to the next, and how long each may be (characters). */
const CARRIED_RECORDS = 4_096
const CARRIED_LENGTH = 1_024

export class LevelState implements State {
  serial: number
  /** Lanes whose lowest key was added by the group. */
  lowered = new Set<string>()
  readonly residency: Residency
  readonly #get: (key: string) => string | undefined
  #writtenSerial: number
  readonly #lanes = new Map<string, Lane>()
  /** Records the group has looked at or changed, as judged; `null` where there is none. */
  readonly #records = new Map<string, string | null>()
  /** Records looked at and not changed by earlier groups: what a claim hands out, its settle expects. */
  readonly #carried = new Map<string, string>()
  readonly #changedRecords = new Set<string>()
  #group = 1
  #lanesOfGroup: Lane[] = []
  #residentKeys = 0

  /** `get` answers for single entries of the database at once. */
  constructor(serial: number, get: (key: string) => string | undefined, residency: Residency) {
    this.residency = residency
    this.serial = serial
    this.#writtenSerial = serial
    this.#get = get
  }

  /** The lane, and a note that the group has looked at it. */
  lane(name: string): Lane {
    let lane = this.#lanes.get(name)
    if (lane === undefined) {
      const meta = this.#get(laneMetaKey(name))
      this.#lanes.set(name, (lane = new Lane(name, meta === undefined ? undefined : decodeLaneMeta(meta))))
    }
    if (lane.group !== this.#group) {
      lane.group = this.#group
      this.#residentKeys -= lane.residentKeys
      this.#lanesOfGroup.push(lane)
    }
    return lane
  }

  /** The lane where it is in memory; looks at nothing. */
  knownLane(name: string): Lane | undefined {
    return this.#lanes.get(name)
  }

  /** Whether a new key would be the lowest of its lane. */
  isBelowAll(lane: string, key: string): boolean {
    const { meta } = this.lane(lane)
    return meta === undefined || key < meta.low
  }

  record(id: string): string | undefined {
    let value = this.#records.get(id)
    if (value === undefined) {
      value = this.#carried.get(id) ?? this.#get(recordKey(id)) ?? null
      this.#records.set(id, value)
    }
    return value ?? undefined
  }

  has(lane: string, key: string): boolean {
    return this.lane(lane).has(key) ?? this.#get(lanePrefix(lane) + key) !== undefined
  }

  head(span: Span, limit: number): string[] {
    return this.lane(span.lane).head(span, limit) ?? notFetched(span)
  }

  size(span: Span, bound: number): number {
    return this.lane(span.lane).size(span, bound) ?? notFetched(span)
  }

  /** Gives what the group knew of the record before, without asking the database for what it did not. */
  put(id: string, value: string | undefined): string | null | undefined {
    const judged = this.#records.get(id)
    const known = judged === undefined ? this.#carried.get(id) : judged
    this.#records.set(id, value ?? null)
    this.#changedRecords.add(id)
    this.#carried.delete(id)
    return known
  }

  restore(id: string, known: string | null | undefined): void {
    if (known === undefined) {
      this.#records.delete(id)
      this.#changedRecords.delete(id)
    } else this.#records.set(id, known)
  }

  insert(lane: string, key: string): void {
    if (this.lane(lane).insert(key)) this.lowered.add(lane)
  }

  erase(lane: string, key: string): void {
    this.lane(lane).erase(key)
  }

  get changed(): boolean {
    return (
      this.#changedRecords.size > 0 ||
      this.serial !== this.#writtenSerial ||
      this.#lanesOfGroup.some((lane) => lane.changed.size > 0)
    )
  }

  /** Puts all that the group changed into a batch. */
  fill(batch: LevelBatch): void {
    for (const id of this.#changedRecords) {
      const value = this.#records.get(id)
      if (typeof value === 'string') batch.put(recordKey(id), value)
      else batch.del(recordKey(id))
    }
    for (const lane of this.#lanesOfGroup) {
      if (lane.changed.size === 0) continue
      const prefix = lanePrefix(lane.name)
      for (const [key, added] of lane.changed) {
        if (added) batch.put(prefix + key, LANE_KEY_VALUE)
        else batch.del(prefix + key)
      }
      const { meta } = lane
      if (meta === undefined) batch.del(laneMetaKey(lane.name))
      else batch.put(laneMetaKey(lane.name), encodeLaneMeta(meta))
    }
    if (this.serial !== this.#writtenSerial) batch.put(SERIAL_KEY, String(this.serial))
  }

  /** The group is over and what it changed is written. */
  settle(): void {
    for (const lane of this.#lanesOfGroup) {
      lane.settle(this.residency.laneKeys)
      this.#residentKeys += lane.residentKeys
    }
    if (this.#residentKeys > this.residency.allKeys) this.#forgetLanes()
    this.#lanesOfGroup = []
    this.#carryRecords()
    this.#records.clear()
    this.#changedRecords.clear()
    this.#writtenSerial = this.serial
    this.lowered = new Set()
    this.#group++
  }

  /** What was judged is taken back; the group goes on. */
  rollback(): void {
    for (const lane of this.#lanesOfGroup) lane.rollback()
    this.#records.clear()
    this.#changedRecords.clear()
    this.serial = this.#writtenSerial
    this.lowered = new Set()
  }

  #carryRecords(): void {
    if (this.#records.size === this.#changedRecords.size) return
    if (this.#carried.size > CARRIED_RECORDS) this.#carried.clear()
    for (const [id, value] of this.#records) {
      if (value !== null && value.length <= CARRIED_LENGTH && !this.#changedRecords.has(id)) {
        this.#carried.set(id, value)
      }
    }
  }

  /** Between groups a lane is no more than a copy of what is written, so any may go; those in use stay if they can. */
  #forgetLanes(): void {
    for (const lane of this.#lanes.values()) {
      if (lane.group === this.#group) continue
      this.#residentKeys -= lane.residentKeys
      this.#lanes.delete(lane.name)
      if (this.#residentKeys <= this.residency.allKeys / 2) return
    }
  }
}

/** A bug of `fetch.ts`, never of a caller. */
function notFetched({ lane, from, until }: Span): never {
  throw new Error(`lane ${lane} from ${from ?? 'its start'} until ${until ?? 'its end'} was not fetched`)
}
