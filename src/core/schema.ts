/**
 * Schemas for the data and results of jobs: what a schema is (Standard Schema, which zod, valibot, arktype and others speak), the
 * forms in which users give them, and what is said of a value that does not fit. Running one is the business of
 * `loops/conform.ts`.
 */
import { HoldfastError } from '../error.ts'
import { ISSUES_TOLD, ISSUE_BYTES, REASON_BYTES } from './bounds.ts'
import { type Check, object, refuseOption } from './check.ts'
import { cutText } from './text.ts'

/** What a schema of any library looks like: version 1 of https://standardschema.dev, as far as it is used here. */
export interface StandardSchema<Input = unknown, Output = Input> {
  /** The one property that the standard asks for. */
  readonly '~standard': {
    /** Of the standard. */
    readonly version: 1
    /** The library. */
    readonly vendor: string
    /** Gives the value as the schema has it, or what is wrong with it. */
    readonly validate: (value: unknown) => SchemaResult<Output> | PromiseLike<SchemaResult<Output>>
    /** For the compiler alone. */
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

/** What a schema makes of a value: what it gives, or what is wrong. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] }

/** One thing that is wrong with a value. */
export interface SchemaIssue {
  /** In the library's words. */
  readonly message: string
  /** Where in the value; left out: the value itself. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/** By the names of jobs: what their data must be, and where it is said, what their handlers must give. */
export type Schemas = {
  readonly [name: string]:
    | StandardSchema
    | { readonly data: StandardSchema; readonly result?: StandardSchema }
}

/** The schemas of one name. */
export interface JobSchemas {
  readonly data: StandardSchema
  readonly result?: StandardSchema | undefined
}

export type SchemaLookup = (name: string) => JobSchemas | undefined

/** A function too: arktype's are. */
const isSchema = (value: unknown): value is StandardSchema => {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return false
  const standard = (value as Partial<StandardSchema>)['~standard']
  return standard?.version === 1 && typeof standard.validate === 'function'
}

export const schemasCheck: Check<Schemas> = (value, field) => {
  const schemas = object(value, field) as Record<string, unknown>
  for (const [name, schema] of Object.entries(schemas)) {
    const path = `${field}.${name}`
    if (isSchema(schema)) continue
    const { data, result, ...others } = object(schema, path) as Record<string, unknown>
    if (!isSchema(data)) refuseOption(`${path}.data`, data, 'a schema (zod, valibot, arktype, ...)')
    if (result !== undefined && !isSchema(result)) refuseOption(`${path}.result`, result, 'a schema')
    for (const stranger of Object.keys(others)) refuseOption(path, stranger, 'a schema, or { data, result }')
  }
  return schemas as Schemas
}

/** Jobs of names that have none are not checked. */
export const schemaLookup =
  (schemas: Schemas = {}): SchemaLookup =>
  (name) => {
    const schema = Object.hasOwn(schemas, name) ? schemas[name] : undefined
    return schema === undefined || !isSchema(schema) ? schema : { data: schema }
  }

/** What is wrong with a value, path by path. */
export function mismatch(what: string, issues: readonly SchemaIssue[]): HoldfastError {
  const told = issues.slice(0, ISSUES_TOLD).map((issue) => cutText(describeIssue(issue), ISSUE_BYTES))
  const more = issues.length > ISSUES_TOLD ? `; and ${issues.length - ISSUES_TOLD} more` : ''
  const message = `${what} does not fit its schema: ${told.join('; ')}${more}`
  return new HoldfastError('SCHEMA_MISMATCH', cutText(message, REASON_BYTES), { cause: issues })
}

const describeIssue = ({ path = [], message }: SchemaIssue): string =>
  `$${path.map((segment) => showKey(typeof segment === 'object' ? segment.key : segment)).join('')} ${message}`

const showKey = (key: PropertyKey): string => {
  if (typeof key === 'number') return `[${key}]`
  const name = String(key)
  return /^[A-Za-z_$][\w$]*$/.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`
}
