/**
 * A process as the simulator runs it: clock, timers and randomness of its own on the shared timeline. It can be frozen (what
 * arrives meanwhile waits), put to sleep (its monotonic clock stands still too) and killed (nothing arrives any more).
 */
import type { Host } from '../../src/host.ts'
import type { Chance } from './chance.ts'
import { BEGINNING, type Timeline } from './timeline.ts'

interface Alarm {
  at: number
  /** It should have rung while the machine was frozen. */
  missed: boolean
  readonly go: () => void
  cancel: () => void
}

export class Machine implements Host {
  /** Its place and its incarnation: `m0.2`. */
  readonly name: string
  dead = false
  /** By how much its wall clock is wrong. */
  wallError: number
  /** Milliseconds for which it stood still so far. */
  stoodStill = 0
  readonly timeline: Timeline
  readonly #chance: Chance
  readonly #alarms = new Set<Alarm>()
  #waiting: (() => void)[] = []
  #frozenAt: number | undefined
  #slept = 0

  constructor(name: string, timeline: Timeline, chance: Chance, wallError: number) {
    this.name = name
    this.timeline = timeline
    this.#chance = chance
    this.wallError = wallError
  }

  /** Timers of the library that are set and did not fire. */
  get timers(): number {
    return this.#alarms.size
  }

  get frozen(): boolean {
    return this.#frozenAt !== undefined
  }

  wall(): number {
    return BEGINNING + this.timeline.now + this.wallError
  }

  monotonic(): number {
    return this.timeline.now - this.#slept
  }

  timer(ms: number, wake: () => void): () => void {
    const at = this.timeline.now + Math.max(0, ms)
    const alarm: Alarm = { at, missed: false, go: wake, cancel: () => undefined }
    this.#alarms.add(alarm)
    this.#set(alarm)
    return () => {
      alarm.cancel()
      this.#alarms.delete(alarm)
    }
  }

  random(): number {
    return this.#chance.next()
  }

  warn(): void {}

  /** Time passing for what is played on it, which is none of the library's timers. Never ends where the machine does. */
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.timeline.after(ms, () => this.deliver(resolve)))
  }

  /** Something reaches the process: now, when it goes on, or never. */
  deliver(go: () => void): void {
    if (this.dead) return
    if (this.frozen) this.#waiting.push(go)
    else go()
  }

  freeze(): void {
    this.#frozenAt ??= this.timeline.now
  }

  /** Goes on. `asleep`: its monotonic clock and timers stood still as well. */
  thaw(asleep: boolean): void {
    if (this.#frozenAt === undefined) return
    const stood = this.timeline.now - this.#frozenAt
    this.#frozenAt = undefined
    this.stoodStill += stood
    if (asleep) this.#slept += stood
    for (const alarm of this.#alarms) {
      if (asleep) alarm.at += stood
      if (asleep || alarm.missed) this.#set(alarm)
    }
    const waiting = this.#waiting
    this.#waiting = []
    for (const go of waiting) this.timeline.after(0, () => this.deliver(go))
  }

  kill(): void {
    this.dead = true
    for (const alarm of this.#alarms) alarm.cancel()
    this.#waiting = []
  }

  #set(alarm: Alarm): void {
    alarm.cancel()
    alarm.missed = false
    alarm.cancel = this.timeline.after(alarm.at - this.timeline.now, () => this.#ring(alarm))
  }

  #ring(alarm: Alarm): void {
    if (this.frozen) {
      alarm.missed = true
      return
    }
    this.#alarms.delete(alarm)
    alarm.go()
  }
}
