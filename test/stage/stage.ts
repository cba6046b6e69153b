/**
 * What tests of queues and workers play on: a memory store on a virtual host, a queue, and workers whose events are written
 * down. After each test everything is closed, and nothing may be left over or out of place.
 */
import { afterEach, expect } from 'vitest'
import { type Job, Queue, Worker, type WorkerOptions } from 'holdfast'
import { MemoryContent, memoryStore } from 'holdfast/memory'
import { type VirtualHost, virtualHost } from 'holdfast/testing'
import type { JobContext } from '../../src/loops/attempt.ts'
import { checkQueue } from '../model/invariants.ts'
import type { Dump } from '../model/dump.ts'
import { viewOf } from '../model/queue-view.ts'
import { UnrulyStore } from './unruly-store.ts'

type AnyWork = (job: Job, context: JobContext, signal: AbortSignal) => unknown

export interface Stage {
  readonly host: VirtualHost
  readonly content: MemoryContent
  readonly store: UnrulyStore
  readonly queue: Queue
  /** What workers of the stage said, in order: `completed 1`, `failed 1 no`. */
  readonly said: string[]
  readonly worker: (
    work: AnyWork | Record<string, AnyWork>,
    options?: Partial<WorkerOptions>,
    queue?: string,
  ) => Worker
  /** Waits for a promise while time passes. */
  readonly passing: <T>(ms: number, promise: Promise<T>) => Promise<T>
  /** All that is stored. */
  readonly dump: () => Dump
}

interface Open {
  readonly stage: Stage
  readonly workers: Worker[]
  readonly sound: boolean
}

let opened: Open[] = []

export interface StageOptions {
  readonly content?: MemoryContent
  readonly host?: VirtualHost
  /** False where a test damages what is stored. */
  readonly sound?: boolean
}

export function stage(options: StageOptions = {}): Stage {
  const { content = new MemoryContent(), host = virtualHost(), sound = true } = options
  const store = new UnrulyStore(memoryStore({ host, content }))
  const workers: Worker[] = []
  const said: string[] = []
  const made: Stage = {
    host,
    content,
    store,
    said,
    queue: new Queue('q', { store }),
    worker(work, given = {}, queue = 'q') {
      const worker = new Worker(queue, work as never, { store, name: 'w', ...given })
      workers.push(worker)
      listen(worker, said)
      return worker
    },
    async passing(ms, promise) {
      await Promise.all([promise.catch(() => undefined), host.advance(ms)])
      return promise
    },
    dump: () => dumpOf(content),
  }
  opened.push({ stage: made, workers, sound })
  return made
}

const dumpOf = (content: MemoryContent): Dump => ({
  records: new Map(content.records),
  lanes: new Map([...content.lanes].map(([lane, keys]) => [lane, keys.head(undefined, undefined, Infinity)])),
})

function listen(worker: Worker, said: string[]): void {
  const say = (what: string): void => void said.push(what)
  worker.on('active', (job) => say(`active ${job.id}`))
  worker.on('progress', (job, progress) => say(`progress ${job.id} ${JSON.stringify(progress)}`))
  worker.on('completed', (job, result) => say(`completed ${job.id} ${JSON.stringify(result)}`))
  worker.on('failed', (job, error) => say(`failed ${job?.id} ${textOf(error)}`))
  worker.on('cancelled', (id, reason) => say(`cancelled ${id} ${reason}`))
  worker.on('stalled', (id) => say(`stalled ${id}`))
  worker.on('retries-exhausted', (id, attempts) => say(`exhausted ${id} ${attempts}`))
  worker.on('lockLost', (job) => say(`lockLost ${job.id}`))
  worker.on('drained', () => say('drained'))
  worker.on('paused', () => say('paused'))
  worker.on('resumed', () => say('resumed'))
  worker.on('closing', () => say('closing'))
  worker.on('closed', () => say('closed'))
  worker.on('error', (error) => say(`error ${(error as { code?: string }).code ?? textOf(error)}`))
}

function textOf(error: Error): string {
  try {
    return error.message
  } catch {
    return '?'
  }
}

/** Of what was said, that which begins so. */
export const only = (said: readonly string[], ...beginnings: readonly string[]): string[] =>
  said.filter((line) => beginnings.some((beginning) => line.startsWith(beginning)))

/** Lanes that hold anything of jobs: workers that are there stay, and so does what was done by hand. */
export const lanesLeft = ({ lanes }: MemoryContent): string[] =>
  [...lanes.keys()].filter((lane) => !/^(workers|audit):/.test(lane))

/** A promise and what ends it. */
export function gate<T = void>() {
  let open!: (value: T) => void
  const promise = new Promise<T>((resolve) => (open = resolve))
  return { promise, open }
}

afterEach(async () => {
  const stages = opened
  opened = []
  for (const { stage, workers } of stages) {
    stage.store.moodOf = () => 'well'
    stage.store.mood = 'well'
    await stage.passing(60_000, Promise.all(workers.map((worker) => worker.close(true))))
  }
  for (const { stage, sound } of stages) {
    expect(stage.host.timers, 'timers are left').toBe(0)
    if (!sound) continue
    const dump = stage.dump()
    const queues = new Set([...dump.lanes.keys()].map((lane) => decodeURIComponent(lane.split(':')[1]!)))
    for (const queue of queues) checkQueue(dump, viewOf(dump, queue), String(stage.content.opened))
  }
})
