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

/** Letters of an order up to the end of its ULID: what follows says how a job ages. */
const ORDER_LETTERS = 50

/** What a ready key says of its job. */
export interface Order {
  readonly priority: number
  readonly lifo: boolean
  /** ms since the epoch. */
  readonly dueAt: number
  /** Milliseconds that are worth a step of priority, where waiting counts. */
  readonly aging?: number
}

/**
 * The total order of a queue: priority (0 first), then last-in-first-out jobs, newest first, then the others by the time they are due.
 * A job that ages stands among those of priority 0, where one would be that is due so much later as its priority is worth: its key
 * never changes, and no job that comes later than that is before it.
 */
export function readyKey(
  priority: number,
  lifo: boolean,
  dueAt: number,
  ulid: string,
  group?: string,
  aging?: number,
): string {
  let order: string
  if (aging !== undefined) {
    order = `0000000/1.${timeDigits(dueAt + priority * aging)}.${ulid}.${aging}.${priority}`
  } else {
    const time = timeDigits(dueAt)
    const place = lifo ? `0.${invertDigits(time)}.${invertUlid(ulid)}` : `1.${time}.${ulid}`
    order = `${String(priority).padStart(7, '0')}/${place}`
  }
  return group === undefined ? order : `${group}/${order}`
}

export function readReadyKey(ready: string): Order {
  const order = orderIn(ready)
  const lifo = order[8] === '0'
  const digits = order.slice(10, 23)
  const at = Number(lifo ? invertDigits(digits) : digits)
  if (order.length === ORDER_LETTERS) return { priority: Number(order.slice(0, 7)), lifo, dueAt: at }
  const [aging = 0, priority = 0] = order
    .slice(ORDER_LETTERS + 1)
    .split('.')
    .map(Number)
  return { priority, lifo, dueAt: at - priority * aging, aging }
}

/** The ULID that a ready key was made with. */
export function ulidIn(ready: string): string {
  const order = orderIn(ready)
  const ulid = order.slice(24, ORDER_LETTERS)
  return order[8] === '0' ? invertUlid(ulid) : ulid
}

/** A ready key with another priority, or the other order; its time and ULID stay. */
export function withPriority(ready: string, priority: number, lifo: boolean): string {
  const { dueAt, aging } = readReadyKey(ready)
  return readyKey(priority, lifo, dueAt, ulidIn(ready), groupOf(ready), aging)
}

/** A ready key of a job that is due at another time, in this group or in none; its priority, order and ULID stay. */
export const restamped = (ready: string, dueAt: number, group?: string): string =>
  restampedAs(ready, dueAt, ulidIn(ready), group)

/** The same with another ULID: it comes behind those that were added before. */
export function restampedAs(ready: string, dueAt: number, ulid: string, group?: string): string {
  const { priority, lifo, aging } = readReadyKey(ready)
  return readyKey(priority, lifo, dueAt, ulid, group, aging)
}

/** The first order of a priority above 0. */
export const PRIORITIZED = '0000001'

/** Whether a job comes after all those of priority 0; one that ages does not. */
export const isPrioritized = (ready: string): boolean => orderIn(ready) >= PRIORITIZED
