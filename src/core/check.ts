/**
 * Checking what users pass as options. Every refusal names the field, the value and what would be right
 * (`OPTION_INVALID`); `undefined` given for an option means its default.
 */
import { HoldfastError } from '../error.ts'
import { DURATION_MOST } from './bounds.ts'

/** Reads one option's value, which is not `undefined`, or refuses it. */
export type Check<T> = (value: unknown, field: string) => T

export type Checks<T> = { readonly [K in keyof T]-?: Check<NonNullable<T[K]>> }

export function refuseOption(field: string, value: unknown, wanted: string): never {
  throw new HoldfastError('OPTION_INVALID', `${field} must be ${wanted}, not ${show(value)}`)
}

/** A name that no check knows, and where it was found. */
export interface Stranger {
  readonly name: string
  readonly value: unknown
  /** Whose option it was meant to be, as messages say it. */
  readonly what: string
  /** The name with what comes before it. */
  readonly field: string
  /** The names there are. */
  readonly known: readonly string[]
}

/** What to do about a stranger: returning passes it over. */
export type MeetStranger = (stranger: Stranger) => void

export function refuseStranger({ name, what, known }: Stranger, why = ''): never {
  throw new HoldfastError(
    'OPTION_INVALID',
    `${what} has no option ${show(name)}${why}; it has ${known.join(', ')}`,
  )
}

/** Copies the options that are given, each checked; unknown names are refused, unless `meet` knows better. `path` comes before the name of a field. */
export function checkOptions<T extends object>(
  given: unknown,
  checks: Checks<T>,
  what: string,
  path = '',
  meet: MeetStranger = refuseStranger,
): T {
  const checked: Record<string, unknown> = {}
  if (given === undefined) return checked as T
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    refuseOption(what, given, 'an object')
  const known = checks as Readonly<Record<string, Check<unknown>>>
  for (const key of Object.keys(given)) {
    const check = Object.hasOwn(known, key) ? known[key] : undefined
    const value = (given as Record<string, unknown>)[key]
    if (check === undefined) meet({ name: key, value, what, field: path + key, known: Object.keys(known) })
    else if (value !== undefined) checked[key] = check(value, path + key)
  }
  return checked as T
}

export const integer =
  (least: number, most: number, unit = ''): Check<number> =>
  (value, field) =>
    Number.isInteger(value) && (value as number) >= least && (value as number) <= most
      ? (value as number)
      : refuseOption(
          field,
          value,
          `a whole number ${unit === '' ? '' : `of ${unit} `}from ${least} to ${most}`,
        )

export const duration = (least = 0): Check<number> => integer(least, DURATION_MOST, 'milliseconds')

export const number =
  (least: number, most: number): Check<number> =>
  (value, field) =>
    typeof value === 'number' && value >= least && value <= most
      ? value
      : refuseOption(field, value, `a number from ${least} to ${most}`)

export const boolean: Check<boolean> = (value, field) =>
  typeof value === 'boolean' ? value : refuseOption(field, value, 'true or false')

/** Some object: what is in it is not looked at. */
export const object = (value: unknown, field: string): any =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? value
    : refuseOption(field, value, 'an object')

/** A value as a message shows it: short, on one line, never throwing. */
export function show(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'function') return 'a function'
  if (value instanceof Date)
    return Number.isNaN(value.getTime()) ? 'an invalid Date' : `the Date ${value.toISOString()}`
  if (typeof value === 'string' || (typeof value === 'object' && value !== null)) {
    try {
      const text = JSON.stringify(value)
      return text.length <= 80 ? text : `${text.slice(0, 79)}…`
    } catch {
      return 'an object'
    }
  }
  return Object.is(value, -0) ? '-0' : String(value)
}
