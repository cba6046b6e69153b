/** Holding values against schemas, which may take their time: on the way into the store, and on the way to a handler. */
import { describeFailure } from '../core/failure.ts'
import type { Ending } from '../core/lifecycle.ts'
import { type PayloadText, decodePayload, encodeData } from '../core/payload.ts'
import { type StandardSchema, mismatch } from '../core/schema.ts'
import { HoldfastError } from '../error.ts'
import type { Job } from '../job.ts'

/** A value as its schema has it. @throws HoldfastError `SCHEMA_MISMATCH`; whatever the schema itself throws. */
export async function conform(schema: StandardSchema, value: unknown, what: string): Promise<unknown> {
  const result = await schema['~standard'].validate(value)
  if (result.issues !== undefined) throw mismatch(what, result.issues)
  return result.value
}

/**
 * Data as its schema has it, as it is to be stored. It will be held against the schema again before a handler gets it, so a schema
 * has to take what it gives, as it is: that is seen here, and not when the job is due.
 *
 * @throws HoldfastError `SCHEMA_MISMATCH`, `PAYLOAD_NOT_JSON`, `PAYLOAD_TOO_LARGE`.
 */
export async function encodeConforming(
  schema: StandardSchema,
  data: unknown,
  name: string,
  limit?: number,
): Promise<PayloadText> {
  const what = `data of ${JSON.stringify(name)}`
  try {
    const value = await conform(schema, data, what)
    const text = encodeData(value, limit)
    // What the schema leaves as it is it would leave again.
    if (isSame(value, data)) return text
    const stored = decodePayload(text)
    const again = await conform(schema, stored, `${what}, as its schema gave it,`)
    if (isSame(again, stored)) return text
    const message = 'is changed by the schema each time: what a handler gets must be what was stored'
    throw mismatch(what, [{ message }])
  } catch (error) {
    if (error instanceof HoldfastError) throw error
    const why = `the schema for ${what} threw: ${describeFailure(error).message}`
    throw new HoldfastError('SCHEMA_MISMATCH', why, { cause: error })
  }
}

/** Whether two values are one as JSON; the order of keys says nothing. */
function isSame(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return Object.is(a, b)
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const [left, right] = [given(a), given(b)]
  return left.size === right.size && [...left].every(([key, value]) => isSame(value, right.get(key)))
}

const given = (value: object): Map<string, unknown> =>
  new Map(Object.entries(value).filter(([, one]) => one !== undefined))

/**
 * Gives a job that is about to be run its data as the schema has them; an error where they do not fit, which were stored before
 * there was this schema, or past it.
 */
export async function conformJob(job: Job, schema: StandardSchema): Promise<HoldfastError | undefined> {
  try {
    job.show({ data: { value: await conform(schema, job.data, `the job's data`) } })
    return undefined
  } catch (error) {
    if (isMismatch(error)) return error
    throw error
  }
}

/** The end of a lease whose job's data, or whose result, no schema will take: there is no use in another try. */
export const endOfMismatch = (error: unknown): Ending => ({
  kind: 'failed',
  failure: describeFailure(error),
  code: 'SCHEMA_MISMATCH',
  final: true,
})

const isMismatch = (error: unknown): error is HoldfastError =>
  error instanceof HoldfastError && error.code === 'SCHEMA_MISMATCH'
