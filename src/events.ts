/**
 * Events for users: mitt, with several arguments per event, listeners that can harm nobody, and an `error` that is
 * never unheard of.
 */
import * as mittModule from 'mitt'
import type { Emitter } from 'mitt'
import { describeFailure, isError } from './core/failure.ts'
import type { Host } from './host.ts'

/** mitt's types describe its default export as the module itself; at run time it is the function. */
const mitt = mittModule.default as unknown as <
  Events extends Record<string | symbol, unknown>,
>() => Emitter<Events>

/** Event names and the arguments of their listeners. */
export type EventMap = { error: [error: Error] }

/** It may be async; its rejection is reported like a throw. What it gives is ignored. */
export type Listener<Arguments extends unknown[]> = (...args: Arguments) => unknown

type AnyListener = (...args: any[]) => unknown

/** One listening, as the emitter knows it. */
interface Entry<Event> {
  readonly event: Event
  readonly handler: (args: unknown[]) => void
}

export class Events<Map extends EventMap> {
  readonly #emitter = mitt<Record<keyof Map, unknown[]>>()
  readonly #host: () => Host
  readonly #wrapped = new WeakMap<object, Set<Entry<keyof Map>>>()

  /** `host` is asked when a warning is due, as a store's host may not be known before. */
  constructor(host: () => Host) {
    this.#host = host
  }

  on<Event extends keyof Map & string>(event: Event, listener: Listener<Map[Event] & unknown[]>): void {
    this.#add(event, listener, (args) => this.#call(event, listener as AnyListener, args))
  }

  once<Event extends keyof Map & string>(event: Event, listener: Listener<Map[Event] & unknown[]>): void {
    const entry = this.#add(event, listener, (args) => {
      this.#remove(listener, entry)
      this.#call(event, listener as AnyListener, args)
    })
  }

  off<Event extends keyof Map & string>(event: Event, listener: Listener<Map[Event] & unknown[]>): void {
    for (const entry of this.#wrapped.get(listener) ?? []) {
      if (entry.event === event) this.#remove(listener, entry)
    }
  }

  removeAllListeners(event?: keyof Map & string): void {
    if (event === undefined) this.#emitter.all.clear()
    else this.#emitter.all.delete(event)
  }

  /** Whether anyone listens. */
  hears(event: keyof Map & string): boolean {
    return (this.#emitter.all.get(event)?.length ?? 0) > 0
  }

  emit<Event extends keyof Map & string>(event: Event, ...args: Map[Event] & unknown[]): void {
    if (event === 'error' && !this.hears(event)) {
      const [error] = args as unknown as [Error]
      this.#host().warn(`unheard error: ${describeFailure(error).message} (listen to 'error' to handle it)`)
      return
    }
    if (this.hears(event)) this.#emitter.emit(event, args)
  }

  #add(
    event: keyof Map & string,
    listener: object,
    handler: (args: unknown[]) => void,
  ): Entry<keyof Map & string> {
    const entries = this.#wrapped.get(listener) ?? new Set()
    const entry = { event, handler }
    this.#wrapped.set(listener, entries.add(entry))
    this.#emitter.on(event, handler)
    return entry
  }

  #remove(listener: object, entry: Entry<keyof Map>): void {
    this.#emitter.off(entry.event, entry.handler)
    this.#wrapped.get(listener)?.delete(entry)
  }

  #call(event: keyof Map & string, listener: AnyListener, args: unknown[]): void {
    try {
      const returned: unknown = listener(...args)
      if (returned instanceof Promise) returned.catch((error: unknown) => this.#complain(event, error))
    } catch (error) {
      this.#complain(event, error)
    }
  }

  /** A listener that throws is reported on `error`; one of `error` itself can only be warned about. */
  #complain(event: string, thrown: unknown): void {
    const error = isError(thrown) ? thrown : new Error(`a listener of '${event}' threw`, { cause: thrown })
    if (event === 'error') this.#host().warn(`a listener of 'error' threw: ${describeFailure(error).message}`)
    else (this.emit as (event: string, error: Error) => void).call(this, 'error', error)
  }
}
