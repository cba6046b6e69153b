/**
 * What every store checks before it lets a call apply: text, shape and bounds of the contract. One function, so
 * that all stores refuse the same calls.
 */
import { HoldfastError } from '../error.ts'
import type { Change, Move, Span } from '../store.ts'
import { KEY_BYTES, UNIT_BYTES, UNIT_OPERATIONS, VALUE_BYTES } from './bounds.ts'
import { utf8Bytes } from './text.ts'

/** Size of a unit in the measures of the contract. */
export interface UnitSize {
  operations: number
  bytes: number
}

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

function checkChange(change: Change, index: number, size: UnitSize, count: Count): void {
  const { after, expect, move, remove = [] } = change
  if (after !== undefined && !(Number.isInteger(after) && after >= 0 && after < index)) {
    refuse(`change ${index} comes after ${after}, which is no earlier change of its call`)
  }
  for (const [lane, key] of expect?.present ?? []) size.bytes += checkKey(lane, key)
  for (const id of expect?.absent ?? []) size.bytes += checkText('record id', id)
  for (const [id, value] of expect?.equal ?? [])
    size.bytes += checkText('record id', id) + checkValue(id, value, count)
  for (const [span, min, max] of expect?.size ?? []) {
    size.bytes += checkSpan(span)
    if (!(isCount(min) && isCount(max) && min >= 0 && max >= min))
      refuse(`a size of ${min} to ${max} is no range`)
  }
  if (move !== undefined) {
    if (remove.length > 0) refuse(`change ${index} has a move beside remove`)
    checkMove(move, size)
  }
  if (remove.length > 1 && new Set(remove.map(([lane, key]) => `${lane} ${key}`)).size < remove.length) {
    refuse(`change ${index} removes a key twice`)
  }
  for (const [lane, key] of remove) size.bytes += checkKey(lane, key)
  for (const [lane, key] of change.add ?? []) size.bytes += checkKey(lane, key)
  for (const [lane, key] of change.append ?? []) size.bytes += checkKey(lane, key)
  for (const [id, value] of change.set ?? [])
    size.bytes += checkText('record id', id) + checkValue(id, value, count)
  for (const id of change.delete ?? []) size.bytes += checkText('record id', id)
  for (const lane of change.hint ?? []) size.bytes += checkText('lane', lane)
  size.operations +=
    remove.length +
    (change.add?.length ?? 0) +
    (change.append?.length ?? 0) +
    (change.set?.length ?? 0) +
    (change.delete?.length ?? 0)
}

function checkMove({ from, to, room = [] }: Move, size: UnitSize): void {
  if (!(Number.isInteger(from.limit) && from.limit >= 1)) refuse(`a move of ${from.limit} keys is none`)
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
  if (key.endsWith('/')) refuse(`the key ${key} has no name`)
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
