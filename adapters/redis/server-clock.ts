/**
 * The clock that all who use a namespace share: the server's, sampled now and then and carried on by the monotonic clock in
 * between, so that a wall clock which is set wrong or stepped, here or there, moves nothing. It knows no scripts.
 *
 * A server whose wall clock is stepped would be another clock to those who come later. Who rode through the step sees it and
 * writes it down: the namespace's time is the server's plus that shift.
 */
import type { Host } from '../../src/host.ts'
import type { ServerTime } from './looks.ts'

/** A sample older than this (ms) is renewed. */
const SAMPLE_MS = 60_000
/** Samples when the clock starts; the one whose answer came soonest counts. */
const FIRST_SAMPLES = 3
/** By how much two monotonic clocks may drift apart, as a part of the time that passes. */
const DRIFT = 200e-6
/** Milliseconds by which the server's time has to differ from what it should be to have been stepped. */
const STEP_MS = 500
/** Milliseconds by which clocks may differ when they were just compared. */
const LEAST_SKEW_MS = 2

/** How the clock asks the server, and tells others of a step. */
export interface TimeServer {
  time(): Promise<ServerTime>
  /** Sets the shift to `to` if it still is `from`. */
  shift(from: number, to: number): Promise<unknown>
}

interface Sample {
  /** What has to be added to the monotonic clock. */
  readonly offset: number
  /** By how much that may be wrong. */
  readonly error: number
  readonly shift: number
  readonly at: number
  /** What would have to be added by this machine's wall clock. */
  readonly wall: number
}

export class ServerClock {
  readonly #host: Host
  readonly #server: TimeServer
  #sample: Sample | undefined
  #isComparing = false
  #last = -Infinity

  constructor(host: Host, server: TimeServer) {
    this.#host = host
    this.#server = server
  }

  /** Resolves once the server's time is known. */
  async start(): Promise<void> {
    for (let count = 0; count < FIRST_SAMPLES; count++) this.#adopt(await this.#take())
  }

  /** Ms since the epoch, never backwards. */
  readonly now = (): number => {
    const sample = this.#sample
    // Asked before the store is ready: there is nothing better.
    if (sample === undefined) return Math.floor(this.#host.wall())
    const monotonic = this.#host.monotonic()
    this.#last = Math.max(this.#last, Math.floor(monotonic + sample.offset))
    if (monotonic - sample.at > SAMPLE_MS || this.#hasSlept(sample, monotonic)) this.refresh()
    return this.#last
  }

  /** By how much this clock and another of the same namespace may differ, ms. */
  get skewMs(): number {
    const sample = this.#sample
    return sample === undefined ? LEAST_SKEW_MS : LEAST_SKEW_MS + Math.ceil(2 * this.#errorOf(sample))
  }

  /** Compares with the server again, in the background. */
  refresh(): void {
    if (this.#isComparing) return
    this.#isComparing = true
    this.#compare()
      .catch(() => {
        // The store has other calls that say what is wrong; the clock goes on as it was.
      })
      .finally(() => (this.#isComparing = false))
  }

  async #compare(): Promise<void> {
    const before = this.#sample!
    const sample = await this.#take()
    const step = sample.offset - before.offset
    if (Math.abs(step) <= STEP_MS + sample.error + this.#errorOf(before)) return this.#adopt(sample)
    // Where this machine slept, all wall clocks went on and its monotonic one did not.
    if (Math.abs(step - (sample.wall - before.wall)) <= STEP_MS + sample.error) {
      this.#sample = sample
      return
    }
    // The server's clock was stepped. Our own time goes on; those who come later are told what to make of the server's.
    await this.#server.shift(sample.shift, Math.round(sample.shift - step))
  }

  async #take(): Promise<Sample> {
    const began = this.#host.monotonic()
    const { wall, shift } = await this.#server.time()
    const at = this.#host.monotonic()
    const middle = (began + at) / 2
    const error = (at - began) / 2
    return { offset: wall + shift - middle, error, shift, at, wall: this.#host.wall() - at }
  }

  /** Takes a sample over unless what is known is better, which it gets ever less. */
  #adopt(sample: Sample): void {
    const known = this.#sample
    if (known === undefined || sample.error <= this.#errorOf(known)) this.#sample = sample
  }

  #errorOf({ error, at }: Sample): number {
    return error + (this.#host.monotonic() - at) * DRIFT
  }

  /** Whether this machine slept, or its wall clock was stepped: only the server can tell which. */
  #hasSlept({ wall }: Sample, monotonic: number): boolean {
    return Math.abs(this.#host.wall() - monotonic - wall) > STEP_MS
  }
}
