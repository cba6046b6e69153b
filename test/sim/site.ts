/**
 * A place where processes live, one after the other: each incarnation has a machine, a link to the store, queues and workers.
 * It is started, killed, frozen and ended in good order.
 */
import { Queue, Worker } from 'holdfast'
import { must } from '../model/invariants.ts'
import { QUEUES } from './jobs.ts'
import { LETTERS } from './letters.ts'
import type { Link } from './link.ts'
import type { Machine } from './machine.ts'
import type { FaultStore } from '../faults/fault-store.ts'
import { handlerOn } from './handlers.ts'
import type { World } from './world.ts'

/** One incarnation. */
export interface Process {
  readonly machine: Machine
  readonly link: Link
  readonly store: FaultStore
  readonly queues: readonly Queue[]
  /** Of dead letters. */
  readonly letters: Queue
  readonly workers: readonly Worker[]
  /** On the timeline. */
  readonly since: number
  /** When it last went on after it had stood still. */
  thawedAt: number
  closing: boolean
}

/** What `close` may take beyond its timeout: a second of grace, and twice five for a store that does not answer. */
const CLOSE_EXTRA_MS = 11_000

export class Site {
  readonly index: number
  process: Process | undefined
  incarnations = 0
  wallError: number
  readonly #world: World
  /** Calls of producers that wait for a process. */
  #waiting: ((process: Process) => void)[] = []

  constructor(world: World, index: number, wallError: number) {
    this.#world = world
    this.index = index
    this.wallError = wallError
  }

  get works(): boolean {
    return this.index < this.#world.plan.options.machines
  }

  /** Does something in the process that lives here, or in the next one. */
  run(doing: (process: Process) => void): void {
    const { process } = this
    if (process === undefined || process.closing) this.#waiting.push(doing)
    else process.machine.deliver(() => doing(process))
  }

  start(): void {
    if (this.process !== undefined) return
    const world = this.#world
    const name = `m${this.index}.${++this.incarnations}`
    const { machine, link, store } = world.connect(this, name)
    world.trace.say(`${name} starts`)
    const queues = QUEUES.slice(0, world.plan.options.queues).map(
      (queue) => new Queue(queue, { store: link }),
    )
    const workers: Worker[] = []
    const since = world.timeline.now
    const process: Process = {
      machine,
      link,
      store,
      queues,
      letters: new Queue(LETTERS, { store: link }),
      workers,
      since,
      thawedAt: -Infinity,
      closing: false,
    }
    this.process = process
    if (this.works) for (const queue of queues) this.#hire(process, queue.name, workers)
    const waiting = this.#waiting
    this.#waiting = []
    for (const doing of waiting) doing(process)
  }

  kill(how: string, downMs: number): void {
    const { process } = this
    if (process === undefined) return
    const world = this.#world
    world.count('crash')
    world.count(how)
    if (process.closing) world.count('crash while closing')
    world.countRecovery()
    world.trace.say(`${process.machine.name} dies: ${how}`)
    this.#leave(process, false)
    world.timeline.after(downMs, () => this.start())
  }

  freeze(ms: number, asleep: boolean): void {
    const { process } = this
    if (process === undefined || process.machine.frozen) return
    const { machine } = process
    const world = this.#world
    world.trace.say(`${machine.name} stands still for ${ms} ms`)
    if (ms > world.plan.options.leaseMs && world.books.held(machine.name).length > 0)
      world.count(asleep ? 'sleep longer than a lease' : 'pause longer than a lease')
    machine.freeze()
    world.timeline.after(ms, () => this.#thaw(process, asleep))
  }

  setClock(by: number): void {
    this.wallError += by
    this.#world.count(by > 0 ? 'clock set forward' : 'clock set back')
    if (this.process !== undefined) this.process.machine.wallError = this.wallError
  }

  /** Ends the process in good order; it has to take no longer than it was given, whatever the store does. */
  async stop(timeout: number, downMs?: number): Promise<void> {
    const { process } = this
    if (process === undefined || process.closing) return
    process.closing = true
    const { machine, workers, queues, link } = process
    const world = this.#world
    const began = world.timeline.now
    const stood = machine.stoodStill
    if (world.runningOn(machine.name) > 0) world.count('closed with handlers running')
    world.trace.say(`${machine.name} closes within ${timeout} ms`)
    await Promise.all(workers.map((worker) => worker.close({ timeout })))
    const took = world.timeline.now - began - (machine.stoodStill - stood)
    world.guard(() =>
      must(took <= timeout + CLOSE_EXTRA_MS, `invariant 33: close({ timeout: ${timeout} }) took ${took} ms`),
    )
    for (const queue of [...queues, process.letters]) await queue.close()
    await machine.sleep(0)
    world.trace.say(`${machine.name} is closed, ${machine.timers} timers`)
    world.guard(() =>
      must(
        machine.timers === 0,
        `invariant 33: ${machine.name} is closed and ${machine.timers} timers are left`,
      ),
    )
    await link.close()
    world.closed.push(machine)
    this.#leave(process, true)
    if (downMs !== undefined) world.timeline.after(downMs, () => this.start())
  }

  /** `inOrder`: it is closed, not killed. */
  #leave(process: Process, inOrder: boolean): void {
    process.machine.kill()
    process.store.die('silent')
    this.#world.disconnect(process, inOrder)
    this.process = undefined
  }

  #thaw(process: Process, asleep: boolean): void {
    const { machine } = process
    if (machine.dead) return
    this.#world.trace.say(`${machine.name} goes on`)
    process.thawedAt = this.#world.timeline.now
    machine.thaw(asleep)
  }

  #hire(process: Process, queue: string, workers: Worker[]): void {
    const { options } = this.#world.plan
    const batch = this.index % 2 === 0 ? options.batch : undefined
    for (let n = 0; n < options.workers; n++) {
      const worker = new Worker(queue, handlerOn(this.#world, this, process, batch !== undefined), {
        store: process.link,
        name: `w${this.index}`,
        concurrency: options.concurrency,
        lockDuration: options.leaseMs,
        maxStalledCount: options.maxStalls,
        limiter: options.flow?.limiter,
        group: options.flow?.group,
        batch,
        backoffStrategies: { own: (attempt) => attempt * 300 },
      })
      this.#world.announcements.listen(worker, process)
      workers.push(worker)
    }
  }
}
