/** Users' values on their way into and out of records: what is accepted comes back as it was. */
import { HoldfastError } from '../error.ts'
import { PAYLOAD_BYTES, PAYLOAD_DEPTH } from './bounds.ts'
import { describeFailure } from './failure.ts'
import { utf8Bytes } from './text.ts'

/** `j` + JSON; the empty text is `undefined`. Other first characters are left for encryption and compression. */
export type PayloadText = string

/**
 * Data that survives JSON exactly. A property that is `undefined` is left out, as reading it gives the same.
 *
 * @throws HoldfastError `PAYLOAD_NOT_JSON` naming the path, `PAYLOAD_TOO_LARGE`.
 */
export function encodeData(data: unknown, limit: number = PAYLOAD_BYTES): PayloadText {
  if (data === undefined) return ''
  let json: string
  try {
    const obstacle = findObstacle(data, [])
    if (obstacle !== undefined) {
      throw new HoldfastError(
        'PAYLOAD_NOT_JSON',
        `data cannot be kept exactly: $${shorten(obstacle.path)} ${obstacle.why}`,
      )
    }
    json = JSON.stringify(data)
  } catch (cause) {
    if (cause instanceof HoldfastError) throw cause
    throw new HoldfastError('PAYLOAD_NOT_JSON', 'data cannot be kept exactly: reading it throws', { cause })
  }
  return bounded(`j${json}`, 'data', limit)
}

/**
 * A handler's result or progress, as `JSON.stringify` sees it (BullMQ's rule): dates become text, methods go.
 *
 * @throws HoldfastError `PAYLOAD_NOT_JSON`, `PAYLOAD_TOO_LARGE`.
 */
export function encodeResult(value: unknown, what = 'the result'): PayloadText {
  let json: string | undefined
  try {
    json = JSON.stringify(value)
  } catch (cause) {
    const why = describeFailure(cause).message
    throw new HoldfastError('PAYLOAD_NOT_JSON', `${what} is not JSON: ${why}`, { cause })
  }
  return json === undefined ? '' : bounded(`j${json}`, what, PAYLOAD_BYTES)
}

export const decodePayload = (text: PayloadText): unknown =>
  text === '' ? undefined : JSON.parse(text.slice(1))

function bounded(text: string, what: string, limit: number): string {
  if (text.length > limit || (text.length * 3 > limit && utf8Bytes(text) > limit)) {
    throw new HoldfastError(
      'PAYLOAD_TOO_LARGE',
      `${what} has ${utf8Bytes(text)} bytes as encoded, the limit is ${limit}: store it elsewhere and pass a reference`,
    )
  }
  return text
}

/** Why a value would not come back from JSON as it was; the path grows on the way up, so sound data pays nothing for it. */
interface Obstacle {
  path: string
  readonly why: string
}

function findObstacle(value: unknown, above: readonly object[]): Obstacle | undefined {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return undefined
    case 'number':
      if (Number.isFinite(value) && !Object.is(value, -0)) return undefined
      return { path: '', why: `is ${Object.is(value, -0) ? '-0' : value}` }
    case 'object':
      return value === null ? undefined : findObstacleInside(value, above)
    default:
      if (typeof value === 'bigint') return { path: '', why: 'is a bigint: pass it as a string' }
      return { path: '', why: `is ${typeof value === 'undefined' ? 'undefined' : `a ${typeof value}`}` }
  }
}

function findObstacleInside(value: object, above: readonly object[]): Obstacle | undefined {
  if (above.includes(value)) return { path: '', why: 'refers back to what holds it' }
  if (above.length >= PAYLOAD_DEPTH) return { path: '', why: `is nested deeper than ${PAYLOAD_DEPTH} levels` }
  const inside = [...above, value]
  if (Array.isArray(value)) {
    if (Object.keys(value).length !== value.length) {
      return { path: '', why: 'is an array with holes or named properties' }
    }
    for (let i = 0; i < value.length; i++) {
      const obstacle = findObstacle(value[i], inside)
      if (obstacle !== undefined) return under(`[${i}]`, obstacle)
    }
    return undefined
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) {
    const advice = value instanceof Date ? ': pass its toISOString()' : ''
    return { path: '', why: `is ${describeClass(value)}, not a plain object${advice}` }
  }
  if (Object.getOwnPropertySymbols(value).length > 0) return { path: '', why: 'has a symbol as a key' }
  for (const key of Object.keys(value)) {
    const child = (value as Record<string, unknown>)[key]
    if (child === undefined) continue
    const obstacle = findObstacle(child, inside)
    if (obstacle !== undefined)
      return under(/^[A-Za-z_$][\w$]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`, obstacle)
  }
  return undefined
}

function under(segment: string, obstacle: Obstacle): Obstacle {
  obstacle.path = segment + obstacle.path
  return obstacle
}

const shorten = (path: string): string =>
  path.length <= 200 ? path : `${path.slice(0, 100)}…${path.slice(-100)}`

function describeClass(value: object): string {
  const name: unknown = (value as { constructor?: { name?: unknown } }).constructor?.name
  return typeof name === 'string' && name !== '' ? `a ${name}` : 'of a class'
}
