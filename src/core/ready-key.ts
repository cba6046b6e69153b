/**
 * Ready keys: the place of a job in the total order of its queue, and the way back to what that means. Where a job belongs to a
 * group, that stands in front.
 */
import { groupOf, timeDigits } from './keys.ts'

const orderIn = (key: string): string => {
  const group = groupOf(key)
  return group === undefined ? key : key.slice(group.length + 1)
}

const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const invertDigits = (digits: string): string => digits.replace(/\d/g, (digit) => String(9 - Number(digit)))
const invertUlid = (ulid: string): string =>
  ulid.replace(/./g, (letter) => CROCKFORD[31 - CROCKFORD.indexOf(letter)]!)

/** The total order of a queue: priority (0 first), then last-in-first-out jobs, newest first, then the others by the time they are due. */
export function readyKey(
  priority: number,
  lifo: boolean,
  dueAt: number,
  ulid: string,
  group?: string,
): string {
  const time = timeDigits(dueAt)
  const order = lifo ? `0.${invertDigits(time)}.${invertUlid(ulid)}` : `1.${time}.${ulid}`
  const key = `${String(priority).padStart(7, '0')}/${order}`
  return group === undefined ? key : `${group}/${key}`
}

/** What a ready key says of its job. */
export function readReadyKey(ready: string): { priority: number; lifo: boolean; dueAt: number } {
  const key = orderIn(ready)
  const lifo = key[8] === '0'
  const digits = key.slice(10, 23)
  return { priority: Number(key.slice(0, 7)), lifo, dueAt: Number(lifo ? invertDigits(digits) : digits) }
}

/** A ready key with another priority, or the other order; its time and ULID stay. */
export function withPriority(ready: string, priority: number, lifo: boolean): string {
  const key = orderIn(ready)
  const [wasLifo, digits, ulid] = [key[8] === '0', key.slice(10, 23), key.slice(24)]
  const dueAt = Number(wasLifo ? invertDigits(digits) : digits)
  return readyKey(priority, lifo, dueAt, wasLifo ? invertUlid(ulid) : ulid, groupOf(ready))
}

/** A ready key of a job that is due at another time, in this group or in none; its priority, order and ULID stay. */
export function restamped(key: string, dueAt: number, group?: string): string {
  const { priority, lifo } = readReadyKey(key)
  const ulid = orderIn(key).slice(24)
  return readyKey(priority, lifo, dueAt, lifo ? invertUlid(ulid) : ulid, group)
}

/** The first order of a priority above 0. */
export const PRIORITIZED = '0000001'

/** Whether a job comes after those of priority 0. */
export const isPrioritized = (ready: string): boolean => orderIn(ready) >= PRIORITIZED
