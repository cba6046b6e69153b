/** What every part of a queue's API stands on: its options, its ledger, its events, and whether it is open. */
import { type Check, checkOptions, object, refuseOption } from './core/check.ts'
import { type CheckedJobOptions, checkDefaultJobOptions } from './core/job-options.ts'
import { checkQueueName } from './core/names.ts'
import { type PassedOverQueueOptions, byLegacy, passedOver } from './core/legacy.ts'
import { type PayloadText, encodeData } from './core/payload.ts'
import { type SchemaLookup, schemaLookup, schemasCheck } from './core/schema.ts'
import { HoldfastError } from './error.ts'
import type { QueueEvents } from './event-maps.ts'
import { Events, type Listener } from './events.ts'
import { type JobOf, Job } from './job.ts'
import type { MapOf, Omitted } from './job-map.ts'
import type { JobRecord } from './ledger/inspect.ts'
import { type Ledger, openLedger } from './ledger/ledger.ts'
import { encodeConforming } from './loops/conform.ts'
import type { QueueOptions } from './queue-options.ts'
import { storeCheck } from './store-option.ts'

/** @internal The part of a queue that knows nothing of what is done with it. */
export abstract class QueueBase<First = any, Result = Omitted, Name extends string = string> {
  /** As given; workers of this name take its jobs. */
  readonly name: string
  /** @internal */
  protected readonly ledger: Ledger
  /** @internal */
  protected readonly groupBy: QueueOptions['groupBy']
  /** @internal */
  protected readonly defaults: CheckedJobOptions
  /** @internal */
  protected readonly schemasOf: SchemaLookup
  /** @internal */
  protected readonly events: Events<QueueEvents<JobOf<MapOf<First, Result, Name>>>>
  #opened = false
  #closed = false

  /** @throws HoldfastError `OPTION_INVALID` naming the field, `NOT_SUPPORTED` with what to write instead. */
  constructor(name: string, options: QueueOptions<First>) {
    this.name = checkQueueName(name)
    const passed = new Map<string, string>()
    const { store, defaultJobOptions, groupBy, schemas } = checkOptions<
      Omit<QueueOptions, keyof PassedOverQueueOptions>
    >(
      options ?? {},
      { store: storeCheck, defaultJobOptions: object, groupBy: functionCheck, schemas: schemasCheck },
      'the queue',
      '',
      byLegacy('queue', passed),
    )
    if (store === undefined)
      refuseOption('store', undefined, 'a store, such as memoryStore() or levelStore(path)')
    this.schemasOf = schemaLookup(schemas)
    this.groupBy = groupBy
    this.defaults = checkDefaultJobOptions(defaultJobOptions)
    this.assertElsewhere(this.defaults)
    this.ledger = openLedger(store, name)
    this.events = new Events(() => store.host)
    const warning = passedOver(`the queue ${JSON.stringify(name)}`, passed)
    if (warning !== undefined) store.host.warn(warning)
  }

  /** Listens to what this object does. A listener that throws is reported on `error` and harms nobody. */
  on<Event extends keyof QueueEvents<never>>(
    event: Event,
    listener: Listener<QueueEvents<JobOf<MapOf<First, Result, Name>>>[Event]>,
  ): this {
    this.events.on(event, listener)
    return this
  }

  /** Listens to the next one only. */
  once<Event extends keyof QueueEvents<never>>(
    event: Event,
    listener: Listener<QueueEvents<JobOf<MapOf<First, Result, Name>>>[Event]>,
  ): this {
    this.events.once(event, listener)
    return this
  }

  /** Takes back an `on` or `once`. */
  off<Event extends keyof QueueEvents<never>>(
    event: Event,
    listener: Listener<QueueEvents<JobOf<MapOf<First, Result, Name>>>[Event]>,
  ): this {
    this.events.off(event, listener)
    return this
  }

  /** Takes back all of an event, or of every event. */
  removeAllListeners(event?: keyof QueueEvents<never>): this {
    this.events.removeAllListeners(event)
    return this
  }

  /** Ends this queue object; the store stays open. Later calls reject with `QUEUE_CLOSED`. */
  async close(): Promise<void> {
    this.#closed = true
    this.events.removeAllListeners()
  }

  /** As `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** @internal Whether `open` has nothing to wait for. */
  protected get isOpened(): boolean {
    return this.#opened
  }

  /** @internal Resolves once the store is ready. @throws HoldfastError `QUEUE_CLOSED`. */
  protected async open(): Promise<void> {
    this.assertOpen()
    if (this.#opened) return
    await this.ledger.store.ready()
    this.#opened = true
  }

  /** @internal A queue is not its own queue of dead letters. */
  protected assertElsewhere({ deadLetter }: CheckedJobOptions): void {
    if (deadLetter?.queue === this.name) refuseOption('deadLetter', this.name, 'the name of another queue')
  }

  /** @internal */
  protected assertOpen(): void {
    if (this.#closed) throw new HoldfastError('QUEUE_CLOSED', `the queue ${this.name} is closed`)
  }

  /** @internal Data as they are to be stored; at once where no schema is to be asked. @throws as `add`. */
  protected encode(name: string, data: unknown, limit?: number): PayloadText | Promise<PayloadText> {
    const schemas = this.schemasOf(name)
    return schemas === undefined ? encodeData(data, limit) : encodeConforming(schemas.data, data, name, limit)
  }

  /** @internal */
  protected job(record: JobRecord, deduplicated = false): JobOf<MapOf<First, Result, Name>> {
    return new Job({
      ledger: this.ledger,
      record,
      deduplicated,
      schemasOf: this.schemasOf,
    }) as unknown as JobOf<MapOf<First, Result, Name>>
  }
}

const functionCheck: Check<never> = (value, field) =>
  typeof value === 'function' ? (value as never) : refuseOption(field, value, 'a function')
