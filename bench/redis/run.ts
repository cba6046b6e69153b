/**
 * One measurement in a process of its own, so that no system runs on code that another has warmed up or on a heap it has
 * filled. The task comes as JSON by argument; the answer is the last line of the output.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { median } from '../figures.ts'
import { Crew, beMember } from './crew.ts'
import { type Cost, Meter } from './meter.ts'
import { beeQueue } from './on-bee-queue.ts'
import { bullmq } from './on-bullmq.ts'
import { holdfast } from './on-holdfast.ts'
import type { Heard, Session, System } from './system.ts'
import type { Measured, SystemName, Task } from './task.ts'

const SYSTEMS: Readonly<Record<SystemName, System>> = { holdfast, bullmq, 'bee-queue': beeQueue }

/** Jobs of one bulk as a queue is filled. */
const FILLING = 400
/** Adds, and jobs processed, before the clock starts: code that has run before is what a service runs. */
const WARM_ADDS = 5_000
const WARM_JOBS = 3_000
const IDLE_PAUSE_MS = 4

async function fill(session: Session, jobs: number, size = FILLING): Promise<void> {
  for (let left = jobs; left > 0; left -= size) await session.addBulk(Math.min(left, size))
}

async function addAll(session: Session, jobs: number, callers: number): Promise<void> {
  let left = jobs
  const caller = async (): Promise<void> => {
    while (left-- > 0) await session.add()
  }
  await Promise.all(Array.from({ length: callers }, caller))
}

/** Starts a worker; resolves, each time it is called, once so many jobs are completed since the start. */
function draining(session: Session, concurrency: number): (jobs: number) => Promise<void> {
  let completed = 0
  let waiting: { readonly jobs: number; readonly resolve: () => void } | undefined
  session.work(concurrency, {
    completed: () => {
      if (++completed === waiting?.jobs) waiting.resolve()
    },
  })
  return (jobs) => new Promise((resolve) => (waiting = { jobs, resolve }))
}

/** Milliseconds from each `add` to its handler's start, on a worker that has nothing else to do: the median. */
async function latency(session: Session, jobs: number): Promise<number> {
  let begin: () => void
  session.work(1, { started: () => begin() } satisfies Heard)
  const times: number[] = []
  for (let n = 0; n < jobs; n++) {
    await sleep(IDLE_PAUSE_MS)
    const began = performance.now()
    const started = new Promise<void>((resolve) => (begin = resolve))
    const added = session.add()
    await started
    times.push(performance.now() - began)
    await added
  }
  return median(times)
}

async function measure(session: Session, meter: Meter, task: Task): Promise<Measured> {
  const { work, jobs } = task
  const costOf = async (run: () => Promise<void>): Promise<Cost> => {
    await meter.begin()
    await run()
    return meter.end()
  }
  const rate = async (run: () => Promise<void>): Promise<Measured> => {
    const { seconds, script, server, client } = await costOf(run)
    return { figure: jobs / seconds, script: script / jobs, server: server / jobs, client: client / jobs }
  }
  switch (work.kind) {
    case 'add':
      await addAll(session, WARM_ADDS, work.callers)
      return rate(() => addAll(session, jobs, work.callers))
    case 'bulk':
      await fill(session, WARM_ADDS, work.size)
      return rate(() => fill(session, jobs, work.size))
    case 'process': {
      await fill(session, WARM_JOBS + jobs)
      const drain = draining(session, work.concurrency)
      await drain(WARM_JOBS)
      return await rate(() => drain(WARM_JOBS + jobs))
    }
    case 'crew': {
      await fill(session, jobs)
      const orders: Task = { ...task, work: { kind: 'member', concurrency: work.concurrency } }
      using crew = new Crew(fileURLToPath(import.meta.url), JSON.stringify(orders), work.processes)
      await crew.ready()
      return await rate(() => crew.drain(jobs))
    }
    case 'member':
      return beMember(session, work.concurrency)
    case 'idle':
      return { figure: await latency(session, jobs) }
    default: {
      const before = await meter.memory()
      await fill(session, jobs)
      return { figure: ((await meter.memory()) - before) / jobs }
    }
  }
}

const task = JSON.parse(process.argv[2]!) as Task
const session = await SYSTEMS[task.system](task.url)
using meter = new Meter(task.url)
const measured = await measure(session, meter, task)
process.stdout.write(`\n${JSON.stringify(measured)}\n`)
process.exit(0)
