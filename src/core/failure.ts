/** What a handler threw, as bounded text. Handlers throw anything: describing it must never throw itself. */
import { ERROR_BYTES, REASON_BYTES } from './bounds.ts'
import { cutText, utf8Bytes } from './text.ts'

export interface Failure {
  /** At most `REASON_BYTES`. */
  readonly message: string
  /** Message and stack together stay within `ERROR_BYTES`. */
  readonly stack?: string
}

export function describeFailure(thrown: unknown): Failure {
  const message = cutText(messageOf(thrown), REASON_BYTES)
  const stack = textAt(thrown, 'stack')
  if (stack === undefined || stack === '') return { message }
  return { message, stack: cutText(stack, ERROR_BYTES - utf8Bytes(message)) }
}

/** Whether what was thrown is an error; a proxy may throw at the question. */
export function isError(thrown: unknown): thrown is Error {
  try {
    return thrown instanceof Error
  } catch {
    return false
  }
}

/** A field of what was thrown; `undefined` where reading it throws. */
export function fieldOf(thrown: unknown, field: string): unknown {
  try {
    return (thrown as Record<string, unknown> | null | undefined)?.[field]
  } catch {
    return undefined
  }
}

function messageOf(thrown: unknown): string {
  if (typeof thrown === 'string') return thrown
  const message = textAt(thrown, 'message')
  if (message !== undefined && message !== '') return message
  try {
    if (typeof thrown === 'object' && thrown !== null) {
      return textAt(thrown, 'name') ?? JSON.stringify(thrown) ?? 'an object was thrown'
    }
    return `${String(thrown)} was thrown`
  } catch {
    return 'something that cannot be described was thrown'
  }
}

function textAt(thrown: unknown, field: 'message' | 'name' | 'stack'): string | undefined {
  const value = fieldOf(thrown, field)
  return typeof value === 'string' ? value : undefined
}
