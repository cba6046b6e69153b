/**
 * The types that link a job's name, data, result and progress. Three forms: a map of names (`Queue<Jobs>`), BullMQ's
 * `Queue<Data, Result, Name>`, and schemas, from which a map is made.
 */
import type { StandardSchema } from './core/schema.ts'

/** What is known of one kind of job. */
export interface JobShape {
  /** What it is added with. */
  data: unknown
  /** What its handler gives; left out: nothing. */
  result?: unknown
  /** What its handler reports; left out: any JSON value. */
  progress?: unknown
}

/** What is known of each kind of job, by its name. */
export type JobMap = { [name: string]: JobShape }

type IsAny<T> = 0 extends 1 & T ? true : false

/** One type argument is a map iff it has properties and every property's type has a member `data`. */
type IsMap<T> =
  IsAny<T> extends true
    ? false
    : T extends object
      ? keyof T extends never
        ? false
        : [T[keyof T]] extends [{ data: unknown }]
          ? true
          : false
      : false

/** Keys that no map of a user's can have: what a schema takes, where that is not what it gives. */
declare const INPUT: unique symbol
declare const OUTCOME: unique symbol

type InputIn<Schema> = Schema extends { readonly '~standard': { readonly types?: infer Types } }
  ? NonNullable<Types> extends { readonly input: infer Input }
    ? Input
    : unknown
  : never
type OutputIn<Schema> = Schema extends { readonly '~standard': { readonly types?: infer Types } }
  ? NonNullable<Types> extends { readonly output: infer Output }
    ? Output
    : unknown
  : never

/** What is known of the jobs of one name from its schemas. */
type ShapeIn<Schema> =
  Schema extends StandardSchema<any, any>
    ? { data: OutputIn<Schema>; [INPUT]: InputIn<Schema>; result?: any; progress?: any }
    : Schema extends { readonly data: infer Data; readonly result: infer Result }
      ? {
          data: OutputIn<Data>
          [INPUT]: InputIn<Data>
          result: OutputIn<Result>
          [OUTCOME]: InputIn<Result>
          progress?: any
        }
      : Schema extends { readonly data: infer Data }
        ? { data: OutputIn<Data>; [INPUT]: InputIn<Data>; result?: any; progress?: any }
        : never

/** One type argument is a map of schemas iff every property's type is one, or has one as its `data`. */
type IsSchemas<T> =
  IsAny<T> extends true
    ? false
    : T extends object
      ? keyof T extends never
        ? false
        : [T[keyof T]] extends [StandardSchema<any, any> | { readonly data: StandardSchema<any, any> }]
          ? true
          : false
      : false

/** Where a type argument was left out. */
export interface Omitted {
  readonly omitted: never
}

/** The map that the type arguments stand for. */
export type MapOf<First, Result, Name extends string> = [Result] extends [Omitted]
  ? IsSchemas<First> extends true
    ? { [K in keyof First]: ShapeIn<First[K]> }
    : IsMap<First> extends true
      ? First
      : { [K in Name]: { data: First; result?: any; progress?: any } }
  : { [K in Name]: { data: First; result?: Result; progress?: any } }

/** Inferred, because the compiler's messages then list the names instead of naming this type. */
export type NameOf<Map> = keyof Map extends infer Name extends keyof Map ? Name & string : never
/** The names are told apart one by one, so that a union of names gives the union of what each stands for. */
export type DataOf<Map, Name extends keyof Map> = Name extends keyof Map
  ? Map[Name] extends { data: infer Data }
    ? Data
    : never
  : never
/** What a job is added with: what its schema takes, which need not be what it gives. */
export type InputOf<Map, Name extends keyof Map> = Name extends keyof Map
  ? typeof INPUT extends keyof Map[Name]
    ? Map[Name][typeof INPUT]
    : DataOf<Map, Name>
  : never
/** What a handler gives: what the schema of results takes. */
export type OutcomeOf<Map, Name extends keyof Map> = Name extends keyof Map
  ? typeof OUTCOME extends keyof Map[Name]
    ? Map[Name][typeof OUTCOME]
    : ResultOf<Map, Name>
  : never
/** `void` where the map does not say. */
export type ResultOf<Map, Name extends keyof Map> = Name extends keyof Map
  ? 'result' extends keyof Map[Name]
    ? Map[Name] extends { result?: infer Result }
      ? Result
      : never
    : void
  : never
export type ProgressOf<Map, Name extends keyof Map> = Name extends keyof Map
  ? 'progress' extends keyof Map[Name]
    ? Map[Name] extends { progress?: infer Progress }
      ? Progress
      : never
    : unknown
  : never
