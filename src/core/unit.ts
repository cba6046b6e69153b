/**
 * What every store checks before it lets a call apply: text, shape and bounds of the contract. One function, so
 * that all stores refuse the same calls.
 */
import { HoldfastError } from '../error.ts'
import type { Change, Key, Move, Span } from '../store.ts'
import { KEY_BYTES, UNIT_BYTES, UNIT_OPERATIONS, VALUE_BYTES } from './bounds.ts'
import { utf8Bytes } from './text.ts'

/** Size of a unit in the measures of the contract. */
export interface UnitSize {
  operations: number
  bytes: number
}

const SLASH = 0x2f
const PRINTABLE = /^[\x21-\x7e]+$/

/** A UTF-16 unit takes at most this many bytes in UTF-8. */
const MOST_BYTES_PER_UNIT = 3

/**
 * Checks a unit; throws `UNIT_INVALID` (`failed`) for one that is not well-formed or too large. The size it gives has exact
 * operations, and bytes that may be counted too high, but never above the bound for a unit below it.
 */
export function checkUnit(changes: readonly Change[]): UnitSize {
  const rough = measure(changes, (text) => text.length * MOST_BYTES_PER_UNIT)
  if (rough.operations > UNIT_OPERATIONS) {
    refuse(`a call of ${rough.operations} operations is above the bound of ${UNIT_OPERATIONS}`)
  }
  if (rough.bytes <= UNIT_BYTES) return rough
  const exact = measure(changes, utf8Bytes)
  if (exact.bytes > UNIT_BYTES) refuse(`a call of ${exact.bytes} bytes is above the bound of ${UNIT_BYTES}`)
  return exact
}

/** How many bytes a value has. */
type Count = (text: string) => number

function measure(changes: readonly Change[], count: Count): UnitSize {
  const size: UnitSize = { operations: 0, bytes: 0 }
  for (let index = 0; index < changes.length; index++) checkChange(changes[index]!, index, size, count)
  return size
}

const NONE: readonly never[] = []

/** The hot path of every write: fields by index, as taking pairs apart costs more than the check. */
function checkChange(change: Change, index: number, size: UnitSize, count: Count): void {
  const { after, expect, move, remove = NONE, add = NONE, append = NONE, set = NONE } = change
  const { delete: deleted = NONE, hint = NONE } = change
  if (after !== undefined && !(Number.isInteger(after) && after >= 0 && after < index)) {
    refuse(`change ${index} comes after ${after}, which is no earlier change of its call`)
  }
  if (expect !== undefined) checkExpectation(expect, size, count)
  if (move !== undefined) {
    if (remove.length > 0) refuse(`change ${index} has a move beside remove`)
    checkMove(move, size)
  }
  if (remove.length > 1 && new Set(remove.map(([lane, key]) => `${lane} ${key}`)).size < remove.length) {
    refuse(`change ${index} removes a key twice`)
  }
  size.bytes += checkKeys(remove) + checkKeys(add) + checkKeys(append) + checkRecords(set, count)
  for (const id of deleted) size.bytes += checkText('record id', id)
  for (const lane of hint) size.bytes += checkText('lane', lane)
  size.operations += remove.length + add.length + append.length + set.length + deleted.length
}

function checkExpectation(
  { present = NONE, absent = NONE, equal = NONE, size: sizes = NONE }: NonNullable<Change['expect']>,
  size: UnitSize,
  count: Count,
): void {
  size.bytes += checkKeys(present) + checkRecords(equal, count)
  for (const id of absent) size.bytes += checkText('record id', id)
  for (const [span, min, max] of sizes) {
    size.bytes += checkSpan(span)
    if (!(isCount(min) && isCount(max) && min >= 0 && max >= min))
      refuse(`a size of ${min} to ${max} is no range`)
  }
}

function checkKeys(keys: readonly Key[]): number {
  let bytes = 0
  for (const key of keys) bytes += checkKey(key[0], key[1])
  return bytes
}

function checkRecords(records: readonly (readonly [id: string, value: string])[], count: Count): number {
  let bytes = 0
  for (const record of records)
    bytes += checkText('record id', record[0]) + checkValue(record[0], record[1], count)
  return bytes
}

function checkMove({ from, to, room = NONE, quiet }: Move, size: UnitSize): void {
  if (!(Number.isInteger(from.limit) && from.limit >= 1)) refuse(`a move of ${from.limit} keys is none`)
  if (quiet !== undefined && typeof quiet !== 'boolean')
    refuse(`a move is quiet or not, and not ${String(quiet)}`)
  size.bytes += checkSpan(from)
  for (const place of to) {
    size.bytes += checkText('lane', place.lane)
    if (place.prefix !== undefined) size.bytes += checkText('prefix', place.prefix)
    if (place.mark !== undefined) size.bytes += checkText('mark', place.mark)
    if (place.mark?.includes('/')) refuse(`the mark ${place.mark} has a slash`)
    if (place.drop !== undefined && !(Number.isInteger(place.drop) && place.drop >= 0)) {
      refuse(`${place.drop} segments cannot be dropped`)
    }
  }
  for (const [span, max] of room) {
    size.bytes += checkSpan(span)
    if (!isCount(max)) refuse(`a room of ${max} keys is none`)
  }
  size.operations += from.limit * (1 + to.length)
}

/** A whole number, or no bound at all. */
const isCount = (count: number): boolean =>
  Number.isInteger(count) || count === Infinity || count === -Infinity

function checkSpan({ lane, from, until }: Span): number {
  return (
    checkText('lane', lane) +
    (from === undefined ? 0 : checkText('bound', from)) +
    (until === undefined ? 0 : checkText('bound', until))
  )
}

function checkKey(lane: string, key: string): number {
  if (key.charCodeAt(key.length - 1) === SLASH) refuse(`the key ${key} has no name`)
  return checkText('lane', lane) + checkText('key', key)
}

function checkText(what: string, text: string): number {
  if (typeof text !== 'string' || text.length > KEY_BYTES || !PRINTABLE.test(text)) {
    refuse(
      `${what} ${JSON.stringify(text)?.slice(0, 80)} is not 1 to ${KEY_BYTES} characters of 0x21 to 0x7e`,
    )
  }
  return text.length
}

function checkValue(id: string, value: string, count: Count): number {
  if (typeof value !== 'string' || !value.isWellFormed()) refuse(`the record ${id} is no well-formed string`)
  if (value.length * MOST_BYTES_PER_UNIT > VALUE_BYTES) {
    const bytes = utf8Bytes(value)
    if (bytes > VALUE_BYTES) refuse(`the record ${id} has ${bytes} bytes, the bound is ${VALUE_BYTES}`)
  }
  return count(value)
}

function refuse(why: string): never {
  throw new HoldfastError('UNIT_INVALID', why)
}
