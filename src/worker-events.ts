/** The part of a worker that is listened to. */
import type { WorkerEvents } from './event-maps.ts'
import { Events, type Listener } from './events.ts'
import type { Host } from './host.ts'
import type { JobOf } from './job.ts'
import type { MapOf, Omitted } from './job-map.ts'

/** @internal The part of a worker that knows nothing of what it does. */
export abstract class WorkerEvented<First = any, Result = Omitted, Name extends string = string> {
  /** @internal */
  protected readonly events: Events<WorkerEvents<JobOf<MapOf<First, Result, Name>>>>

  constructor(host: () => Host) {
    this.events = new Events(host)
  }

  /** Listens to what the worker reports. A listener that throws is reported on `error` and harms nobody. */
  on<Event extends keyof WorkerEvents<never>>(
    event: Event,
    listener: Listener<WorkerEvents<JobOf<MapOf<First, Result, Name>>>[Event]>,
  ): this {
    this.events.on(event, listener)
    return this
  }

  /** Listens to the next one only. */
  once<Event extends keyof WorkerEvents<never>>(
    event: Event,
    listener: Listener<WorkerEvents<JobOf<MapOf<First, Result, Name>>>[Event]>,
  ): this {
    this.events.once(event, listener)
    return this
  }

  /** Takes back an `on` or `once`. */
  off<Event extends keyof WorkerEvents<never>>(
    event: Event,
    listener: Listener<WorkerEvents<JobOf<MapOf<First, Result, Name>>>[Event]>,
  ): this {
    this.events.off(event, listener)
    return this
  }

  /** Takes back all of an event, or of every event. */
  removeAllListeners(event?: keyof WorkerEvents<never>): this {
    this.events.removeAllListeners(event)
    return this
  }
}
