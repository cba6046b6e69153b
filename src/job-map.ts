/**
 * The types that link a job's name, data, result and progress. Two forms: a map of names (`Queue<Jobs>`), and BullMQ's
 * `Queue<Data, Result, Name>`.
 */

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

/** Where a type argument was left out. */
export interface Omitted {
  readonly omitted: never
}

/** The map that the type arguments stand for. */
export type MapOf<First, Result, Name extends string> = [Result] extends [Omitted]
  ? IsMap<First> extends true
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
