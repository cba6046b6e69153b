/**
 * Hints across the network: a channel per watched lane, on a connection of the store's own. A message may be lost with the
 * connection, so whoever watches is woken after each gap; and a slow poll looks at the lanes all the same. A lost hint costs
 * time, never a job.
 */
import type { Host } from '../../src/host.ts'
import { Watchers } from '../watchers.ts'
import type { RedisClient, RedisSubscriber } from './client.ts'
import type { Looks } from './looks.ts'
import type { Names } from './names.ts'

/** How often the lanes are looked at that somebody watches (ms): one command. */
const POLL_MS = 30_000
/** A lane whose lowest key stays is woken at every so many polls only: mostly it waits for something else. */
const POLLS_PER_STAYING_KEY = 2

export class Wakes {
  readonly #client: RedisClient
  readonly #names: Names
  readonly #looks: Looks
  readonly #host: Host
  readonly #polling: () => void
  readonly #watchers = new Watchers()
  /** Watched lanes, with the lowest key of each as the last poll saw it. */
  readonly #lanes = new Map<string, { watchers: number; lowest: string | undefined }>()
  #subscriber: RedisSubscriber | undefined
  #polls = 0
  #cancelPoll: (() => void) | undefined
  #closed = false

  /** `polling` is told when a question is about to be sent, with which others can ride. */
  constructor(client: RedisClient, names: Names, looks: Looks, polling: () => void) {
    this.#polling = polling
    this.#client = client
    this.#names = names
    this.#looks = looks
    this.#host = looks.host
  }

  watch(lanes: readonly string[], wake: () => void): () => void {
    if (this.#closed) return () => {}
    const unwatch = this.#watchers.watch(lanes, wake)
    const fresh: string[] = []
    for (const lane of lanes) {
      const watched = this.#lanes.get(lane)
      if (watched !== undefined) watched.watchers++
      else {
        this.#lanes.set(lane, { watchers: 1, lowest: undefined })
        fresh.push(lane)
      }
    }
    this.#subscribe(fresh)
    this.#cancelPoll ??= this.#host.timer(POLL_MS, () => void this.#poll())
    let ended = false
    return () => {
      if (ended) return
      ended = true
      unwatch()
      this.#leave(lanes)
    }
  }

  /** Keys that are being added to these lanes can be seen by whoever looks now. */
  foretell(lanes: readonly string[]): void {
    this.#watchers.wake(lanes)
  }

  close(): void {
    this.#closed = true
    this.#watchers.clear()
    this.#lanes.clear()
    this.#cancelPoll?.()
    this.#subscriber?.disconnect()
  }

  #subscribe(lanes: readonly string[]): void {
    if (lanes.length === 0) return
    const subscriber = (this.#subscriber ??= this.#connect())
    // Once it is, it is told of all lanes.
    if (subscriber.status !== 'ready') return
    subscriber.subscribe(...lanes.map((lane) => this.#names.lane(lane))).then(
      // What happened before the server listened to us was not told.
      () => this.#watchers.wake(lanes),
      () => {
        // The connection was lost meanwhile; it comes back.
      },
    )
  }

  #connect(): RedisSubscriber {
    // It subscribes below. ioredis does so too after a reconnect, but lets nobody catch what comes of it: where the connection is
    // closed meanwhile, that would end the process.
    const settings = this.#client.isCluster === true ? undefined : { autoResubscribe: false }
    const subscriber = this.#client.duplicate(settings)
    subscriber.on('message', (channel) => this.#watchers.wake([this.#names.laneOf(channel)]))
    subscriber.on('ready', () => this.#subscribe([...this.#lanes.keys()]))
    subscriber.on('error', () => {
      // It connects again by itself, and the store's other calls say what is wrong.
    })
    return subscriber
  }

  #leave(lanes: readonly string[]): void {
    const left: string[] = []
    for (const lane of lanes) {
      const watched = this.#lanes.get(lane)
      if (watched === undefined || --watched.watchers > 0) continue
      this.#lanes.delete(lane)
      left.push(this.#names.lane(lane))
    }
    if (left.length > 0) this.#subscriber?.unsubscribe(...left).catch(() => {})
    if (this.#lanes.size > 0) return
    this.#cancelPoll?.()
    this.#cancelPoll = undefined
  }

  #hasKey(lane: string): boolean {
    return this.#lanes.get(lane)?.lowest !== undefined
  }

  async #poll(): Promise<void> {
    this.#cancelPoll = undefined
    const lanes = [...this.#lanes.keys()]
    this.#polling()
    // Before the question, so that what they look at rides with it.
    if (++this.#polls % POLLS_PER_STAYING_KEY === 0)
      this.#watchers.wake(lanes.filter((lane) => this.#hasKey(lane)))
    try {
      const pages = await this.#looks.scan(lanes.map((lane) => ({ lane, limit: 1 })))
      const changed = lanes.filter((lane, at) => {
        const watched = this.#lanes.get(lane)
        const [lowest] = pages[at]!
        if (watched === undefined || lowest === watched.lowest) return false
        watched.lowest = lowest
        return lowest !== undefined
      })
      this.#watchers.wake(changed)
    } catch {
      // Whoever uses the store is told; the next poll comes.
    }
    if (this.#lanes.size > 0) this.#cancelPoll ??= this.#host.timer(POLL_MS, () => void this.#poll())
  }
}
